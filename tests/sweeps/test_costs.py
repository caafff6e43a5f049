"""What cells will cost: the nearest earlier record, as it was measured, and unknown where there is none."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.plugins import load
from rsbench.records import Store
from rsbench.sweeps.plans import costs, earlier
from rsbench.sweeps.plans.costs import Costs, Guess, available_memory, total
from rsbench.sweeps.plans.feature_sets import feature_sets
from rsbench.sweeps.suites.suite import from_options

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).parents[1] / "records" / "conftest.py")
_made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made_up)


@pytest.fixture(scope="module")
def registry():
    return load()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def wrote(store, registry):
    """Writes the record of a cell as if it had been run; every number is made up."""

    def write(seconds: float, method="ctxmim/nano", task="eurosat", protocol="knn", seed=0, **changes) -> str:
        options = {key: changes.pop(key) for key in ("changes", "data") if key in changes}
        suite = from_options(method, task, registry, seeds=str(seed), protocol=protocol, **options)
        chosen = next(iter(suite.chosen.values()))
        weights = chosen.method.weights(chosen.variant)
        size = chosen.protocol.settings["image_size"] or weights.preprocess.size
        facts = {
            "split": chosen.task.split("").name,
            "timings": {"total": seconds},
            "cost": {"peak_memory_mib": 100.0, "parameters": 10},
            "started": f"2025-01-01T00:00:{seconds:06.3f}+00:00",
            **changes,
        }
        record = _made_up.make(
            method=chosen.method_id,
            task=task,
            protocol=chosen.protocol.name,
            seed=seed,
            input_size=size,
            data="demo" if options.get("data") == "demo" else "real",
            settings=dict(chosen.protocol.settings),
            weights={"architecture": weights.architecture_name},
            identity={"seconds": seconds, "seed": seed, "method": method, "device": "cpu"},
            **facts,
        )
        store.write(record)
        return record.id

    return write


@pytest.fixture
def guess(store, registry):
    """The guess for a cell on real images."""

    def guess(
        method="ctxmim/nano", task="eurosat", protocol="knn", seed=0, makes_features=False, **options
    ) -> Guess | None:
        suite = from_options(method, task, registry, seeds=str(seed), protocol=protocol, **options)
        (cell,) = suite.cells
        return Costs(store).guess(cell, suite.chosen[cell.spec], makes_features)

    return guess


def test_nothing_known_is_unknown(wrote, guess):
    assert guess() is None
    wrote(1.0, status="failed", reason="made up", metrics={}, intervals={})
    wrote(2.0, protocol="swept")
    wrote(3.0, task="resisc45")
    wrote(4.0, data="demo")  # scenes say nothing of real images
    assert guess() is None
    assert guess(data="demo").seconds == 4.0


def test_the_nearest_record_is_taken_and_named(wrote, guess, store):
    steps = [
        ({"method": "imagenet/resnet50"}, "protocol", True),  # another size of input
        ({"method": "random/nano", "changes": {"k": "5"}}, "architecture", True),
        ({"changes": {"k": "5"}}, "architecture", True),  # the same method goes before others
        ({"method": "simmim-rs/nano"}, "architecture", False),
        ({"seed": 3}, "same", False),
        ({"seed": 0}, "same", False),
    ]
    for number, (changes, how, other_settings) in enumerate(steps):
        run = wrote(10.0 - number, **changes)  # the nearer, the older
        found = guess()
        assert (found.run, found.how, found.other_settings) == (run, how, other_settings)
        if how == "protocol":  # another architecture tells of the folder alone
            assert (found.seconds, found.memory, found.scratch) == (None, None, None) and found.disk > 0
        else:
            assert found.seconds == 10.0 - number
    assert guess(seed=3).seconds == 6.0
    assert guess(seed=1).seconds == 6.0  # of two that are equally near, the newer
    size = sum(path.stat().st_size for path in store.folders.path(run).rglob("*"))
    assert (found.memory, found.disk, found.scratch, found.device) == (100 << 20, size, 40, "cpu")
    assert found.source == f"from the same method and settings, run {run} on cpu"


def test_what_a_record_does_not_tell_is_unknown(wrote, guess):
    wrote(1.0, timings={}, cost={})
    found = guess()
    assert (found.seconds, found.memory, found.scratch) == (None, None, None)


GUESSES = st.builds(
    Guess,
    run=st.just("x"), how=st.just("same"), other_settings=st.just(False), device=st.just("cpu"),
    seconds=st.none() | st.integers(0, 1000), memory=st.none() | st.integers(1, 1 << 40),
    disk=st.none() | st.integers(0, 1 << 40), scratch=st.none() | st.integers(0, 1 << 40),
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.lists(st.none() | GUESSES, min_size=1, max_size=8), st.integers(1, 4))
def test_totals_are_sums_of_what_is_known(registry, guesses, slots):
    cells = from_options("random", "eurosat", registry, seeds=f"0-{len(guesses) - 1}").cells
    found = total(cells, guesses, slots)
    known = [guess for guess in guesses if guess is not None]
    seconds = [guess.seconds for guess in known if guess.seconds is not None]
    assert found.no_seconds == len(guesses) - len(seconds)
    assert found.seconds == pytest.approx(max([sum(seconds) / slots, *seconds]))
    peaks = sorted(guess.memory for guess in known if guess.memory is not None)
    assert found.memory == (sum(peaks[-slots:]) if peaks else None)
    assert found.no_memory == len(guesses) - len(peaks)
    scratch = sorted(guess.scratch or 0 for guess in known)[-slots:]
    assert found.disk == sum(guess.disk or 0 for guess in known) + sum(scratch)


def test_processes_of_a_cell_count_each(registry):
    cells = from_options("random", "dota", registry, seeds="0-1", resources={"processes": 2}).cells
    one = Guess("x", "same", False, "cpu", seconds=10.0, memory=7, disk=0, scratch=None)
    assert (total(cells, [one, one], 4).seconds, total(cells, [one, one], 4).memory) == (10.0, 28)
    assert (total(cells, [one, one], 2).seconds, total(cells, [one, one], 2).memory) == (20.0, 14)


def manifest(method, task, shape, architecture, size=128, data="real"):
    identity = {"architecture": architecture, "input_size": size, "precision": "fp32"}
    return {"identity": identity, "shape": list(shape), "method": method, "task": task, "data": data}


def sizes(suite, manifests) -> tuple[int, int]:
    found = [one.size for one in feature_sets(suite.cells, suite.chosen, manifests)]
    return sum(size or 0 for size in found), found.count(None)


def test_features_are_counted_once_where_their_size_is_known(registry):
    suite = from_options("ctxmim,random/nano,imagenet", "eurosat,resisc45", registry, seeds="0-2", protocol="knn,swept")
    assert sizes(suite, []) == (0, 2 * (1 + 3 + 1))
    known = [manifest("ctxmim/nano", "eurosat", (100, 8), "nano"), manifest("x/y", "resisc45", (10, 16), "resnet50")]
    # ctxmim on eurosat is there; nano is 8 wide, resnet50 16
    expected = 4 * (10 * 8 + 3 * 100 * 8 + 3 * 10 * 8 + 100 * 16 + 10 * 16)
    assert sizes(suite, known) == (expected, 0)
    dense = from_options("ctxmim", "dota", registry)
    assert sizes(dense, known) == (0, 0)
    other_k = from_options("ctxmim", "eurosat", registry, protocol="knn", changes={"k": "5"})
    assert feature_sets(other_k.cells, other_k.chosen, known) == [], "a setting of the protocol changes no features"


def test_who_found_features_does_not_stand_for_who_makes_them(wrote, guess, registry, store):
    """A record tells fitting and features apart, wherever its features came from."""
    counts = {"dataset": {"counts": {"train": 300, "val": 100}}}
    cost = {"peak_memory_mib": 50.0, "images_per_second": 20.0}
    for number, flag in enumerate(("features_from_cache", "features_from_earlier_seed")):
        wrote(7.0, seed=number, timings={"total": 7.0, "features": 0.5}, cost={**cost, flag: True}, **counts)
    suite = from_options("ctxmim/nano", "eurosat", registry, protocol="knn,swept", seeds="0-1")
    (wanted,) = feature_sets(suite.cells, suite.chosen, [])
    assert len(wanted.cells) == 4
    assert Costs(store).feature_seconds(wanted) == 20.0, "400 images at 20 a second"
    assert (guess().seconds, guess().memory) == (6.5, 50 << 20)
    assert guess(makes_features=True).memory is None

    made = {"peak_memory_mib": 900.0, "images_per_second": 20.0, "features_from_cache": False}
    wrote(30.0, seed=5, timings={"total": 30.0, "features": 21.0}, cost=made, **counts)
    assert Costs(store).feature_seconds(wanted) == 21.0, "the newest pass"
    assert guess(makes_features=True).memory == 900 << 20
    assert guess(seed=5).seconds == 9.0
    lengths = Costs(store).lengths(suite.cells, suite.chosen, [wanted])
    knn = [cell.key for cell in suite.cells if cell.spec.protocol == "knn"]
    assert lengths == {knn[0]: 6.5 + 21.0, knn[1]: 6.5}, "of swept nothing is known; the first one makes the features"
    other = from_options("imagenet/resnet50", "eurosat", registry, protocol="knn")
    (unknown,) = feature_sets(other.cells, other.chosen, [])
    assert Costs(store).feature_seconds(unknown) is None


def test_features_count_once_and_unknown_ones_are_counted(registry):
    cells = from_options("random", "eurosat", registry, seeds="0-1").cells
    one = Guess("x", "same", False, "cpu", seconds=10.0, memory=7, disk=0, scratch=None)
    assert total(cells, [one, one], 1, [30.0, None]).seconds == 50.0
    assert total(cells, [one, one], 1, [30.0, None]).no_feature_seconds == 1
    assert total(cells, [one, one], 4, [30.0]).seconds == 30.0


def test_a_job_of_a_cluster_has_room_for_all_its_processes(registry):
    cells = from_options("random", "dota", registry, seeds="0-1", resources={"processes": 2}).cells
    one = Guess("x", "same", False, "cpu", seconds=10.0, memory=7, disk=0, scratch=None)
    assert total(cells, [one, one], 2, jobs=True).seconds == 10.0


def test_what_counts_as_seen(wrote, store, registry):
    """Of another kind of data, partition or setting, a record cannot be that of the cell."""
    wrote(1.0, status="failed", reason="made up", metrics={}, intervals={})

    def seen(**options) -> bool:
        suite = from_options("ctxmim/nano", "eurosat", registry, protocol="knn", **options)
        (cell,) = suite.cells
        return Costs(store).seen(cell, suite.chosen[cell.spec])

    assert seen()
    assert not seen(data="demo") and not seen(seeds="1") and not seen(changes={"k": "5"})
    assert not seen(precision="bf16")
    splits = list(registry.task("eurosat").splits)
    if len(splits) > 1:
        assert not seen(split=getattr(splits[1], "name", splits[1]))


def test_only_the_records_of_the_tasks_are_read_and_broken_ones_counted(wrote, store, registry, monkeypatch):
    wrote(1.0)
    other = wrote(2.0, task="resisc45")
    for name in ("empty", "noise", "half"):
        (store.root / name).mkdir()
    (store.root / "noise" / "record.json").write_bytes(b"\x80" * 9)
    text = (store.root / other / "record.json").read_text()
    (store.root / "half" / "record.json").write_text(text[:40])
    read = []
    check = earlier.check_sealed
    monkeypatch.setattr(earlier, "check_sealed", lambda text, origin: read.append(origin) or check(text, origin))
    found = Costs(store, {"eurosat"})
    assert found.left_out == 3 and other not in read
    changed = text.replace('"seed": 0', '"seed": 1')
    (store.root / other / "record.json").write_text(changed)
    assert Costs(store, {"resisc45"}).left_out == 4, "changed after it was written"


def test_memory_at_hand():
    found = available_memory()
    assert found is None or 1 << 20 < found < 1 << 50


def test_memory_where_the_system_does_not_tell(monkeypatch):
    def fails(*_, **__):
        raise OSError

    monkeypatch.setattr(costs.Path, "read_text", fails)
    assert available_memory() is None or available_memory() > 0
    monkeypatch.setattr(costs.os, "sysconf", fails)
    assert available_memory() is None
