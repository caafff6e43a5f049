"""What may be averaged over seeds: runs whose identities differ in nothing but the seed."""

from typing import ClassVar

import pytest
import table_cases
from hypothesis import given
from hypothesis import strategies as st

from rsbench.records import Record, Store
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.measured import places

CHANGES = st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, "1", "1, b=1", "1, c=1", ["1"]]))
SHARED = {"processes": 1, "device": "cpu", "linear": "oneDNN", "precision": "fp32", "detectron2": "0.6"}


@pytest.fixture
def measure(tmp_path, make):
    """Returns the one measurement of made-up runs, each given as seed, value and what its identity has."""

    def call(*runs, **fields):
        records = []
        for day, (seed, value, identity) in enumerate(runs, start=1):
            finished = f"2026-01-{day:02}T00:00:00+00:00"
            identity = {"method": "made/up", "seed": seed, **identity}
            records.append(
                make(seed=seed, metrics={"val/top1": value}, finished=finished, identity=identity, **fields)
            )  # fmt: skip
        [groups] = places(records).values()
        [group] = groups.values()
        return group.measure(Predictions(Store(tmp_path)), "val", "top1"), [record.id for record in records]

    return call


@pytest.mark.parametrize(
    ("name", "other"),
    [("processes", 2), ("device", "cuda"), ("linear", "MKL"), ("detectron2", "0.7"), ("detectron2", None)],
)
def test_runs_that_differ_in_what_numbers_depend_on_are_not_averaged(measure, name, other):
    changed = {key: value for key, value in {**SHARED, name: other}.items() if value is not None}
    found, ids = measure((0, 10.0, SHARED), (1, 20.0, SHARED), (2, 60.0, changed))
    assert (found.mean, found.seeds, found.runs) == (60.0, (2,), (ids[2],))
    assert f"newest of several runs; left out: {ids[0]}, {ids[1]}" in found.remarks


def test_a_newer_run_of_other_processes_does_not_replace_that_of_its_seed_among_the_others(measure):
    found, ids = measure((0, 10.0, SHARED), (1, 20.0, SHARED), (0, 50.0, {**SHARED, "processes": 2}))
    assert (found.mean, found.seeds, found.runs) == (50.0, (0,), (ids[2],))
    assert f"newest of several runs; left out: {ids[0]}, {ids[1]}" in found.remarks


@pytest.mark.parametrize("identity", [SHARED, {}])
def test_runs_that_differ_in_the_seed_alone_are_averaged(measure, identity):
    found, _ = measure((0, 10.0, identity), (1, 20.0, identity))
    assert (found.mean, found.seeds) == (15.0, (0, 1))
    assert not any("left out" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("selected", "intervals", "said"),
    [
        ({"draws": 1000}, {}, "no interval: too few images hold each class"),
        ({}, {}, "no interval"),
        ({"draws": 1000}, {"val/top1": (9.0, 11.0)}, None),
    ],
)
def test_why_there_is_no_interval_is_said_where_images_were_drawn_again(measure, selected, intervals, said):
    found, _ = measure((0, 10.0, SHARED), selected=selected, intervals=intervals)
    assert [remark for remark in found.remarks if remark.startswith("no interval")] == ([said] if said else [])


@pytest.mark.parametrize(("one", "other"), [({"a": "1, b=2"}, {"a": "1", "b": "2"}), ({"a": 1}, {"a": "1"})])
def test_changes_that_read_alike_are_two_places_with_two_names(make, one, other):
    records = [make(changed=changed, settings=changed) for changed in (one, other)]
    found = places(records)
    assert [len(group.records) for groups in found.values() for group in groups.values()] == [1, 1]
    assert len({place.changed for place in found}) == 2
    assert found == places(reversed(records))
    [alone] = places(records[:1])
    assert alone.changed == "a=1" + (", b=2" if "b" in other else "")


@given(st.lists(CHANGES, min_size=1, max_size=4))
def test_as_many_places_as_different_changes(all_changes):
    made = [table_cases.make(seed=seed, changed=changed) for seed, changed in enumerate(all_changes)]
    found = places(made)
    different = {str(sorted((key, type(value), value) for key, value in changed.items())) for changed in all_changes}
    assert len(found) == len(different)
    for groups in found.values():
        [group] = groups.values()
        assert all(record.changed == group.records[0].changed for record in group.records)


def test_many_seeds_take_little_time(tmp_path, make):
    class Counted(Record):
        compared: ClassVar[int] = 0

        def __eq__(self, other):
            Counted.compared += 1
            return super().__eq__(other)

        __hash__ = None

    records = [Counted(**make(seed=seed).model_dump()) for seed in range(30)]
    [groups] = places(records).values()
    [group] = groups.values()
    found = group.measure(Predictions(Store(tmp_path)), "val", "top1")
    assert (len(found.seeds), Counted.compared) == (30, 0)
