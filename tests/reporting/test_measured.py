"""What may be averaged over seeds: runs whose identities differ in nothing but the seed."""

import pytest

from rsbench.records import Store
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.measured import places

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
