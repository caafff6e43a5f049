"""The plan: every cell is in it, grouped so that it can be read, with what is missing and what it takes."""

import importlib.util
import json
import re
import time
from pathlib import Path

import pytest

from rsbench import __version__
from rsbench.plugins import Registry, load
from rsbench.records import Store
from rsbench.sources import Url
from rsbench.sweeps.plans.costs import Guess
from rsbench.sweeps.plans.needs import needs
from rsbench.sweeps.plans.plan import make_plan
from rsbench.sweeps.plans.plan_text import plan_text
from rsbench.sweeps.standing import Standing
from rsbench.sweeps.suites.suite import from_options, load_suite

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).parents[1] / "records" / "conftest.py")
_made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made_up)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def standing(state="absent", why="", run="0123456789abcdef") -> Standing:
    return Standing(state, None if state == "unknown" else run, why)


def test_seeds_of_a_row_collapse(registry, store):
    suite = from_options("ctxmim,random/nano", "eurosat", registry, seeds="0-4", protocol="swept", data="demo")
    states = ["done", "done", "done", "absent", "absent", "done", "failed", "interrupted", "unknown", "absent"]
    why = {"failed": "The loss is not finite.", "absent": "The run x is another one: seed is 1, not 2."}
    stand = {
        cell.key: standing(state, why.get(state, ""), None if state == "absent" else "x")
        for cell, state in zip(suite.cells, states, strict=True)
    }
    plan = make_plan(suite, stand, store, slots=2)
    lines = plan_text(plan).splitlines()
    assert (
        lines[0] == "ctxmim,random/nano on eurosat: 10 cells, 4 done, 1 failed earlier, 1 interrupted earlier, 4 to do."
    )
    assert lines[2:7] == [
        "eurosat, protocol swept, demo scenes",
        "  ctxmim/nano  seeds 0-4: 3 done, 2 to do; time unknown",
        "      seed 3 (and 1 more): The run x is another one: seed is 1, not 2.",
        "  random/nano  seeds 0-4: 1 done, 1 failed earlier, 1 interrupted earlier, 2 to do; time unknown",
        "      seed 1: The loss is not finite.",
    ]
    assert "Time: unknown; nothing like this has been run yet." in lines
    assert "Memory: unknown." in lines
    again = make_plan(suite, stand, store, slots=2, retry_failed=True)
    assert len(again.todo) == len(plan.todo) + 1 == 6


def test_what_was_measured_is_told(registry, store):
    suite = from_options("ctxmim", "eurosat", registry, seeds="0-3", protocol="knn", data="demo")
    chosen = next(iter(suite.chosen.values()))
    store.write(
        _made_up.make(
            method="ctxmim/nano", protocol="knn", settings=dict(chosen.protocol.settings), data="demo",
            timings={"total": 30.0}, cost={"peak_memory_mib": 512.0}, weights={"architecture": "nano"},
        )
    )  # fmt: skip
    stand = {cell.key: standing("unknown" if cell.seed < 2 else "absent") for cell in suite.cells}
    plan = make_plan(suite, stand, store, slots=2)
    text = plan_text(plan)
    each = "about 30 s each and features of unknown time, 512 MiB of memory"
    each += " (the same method and settings, an unknown device)"
    assert f"  ctxmim/nano  seeds 0-3: 3 to do, 1 not known yet; {each}" in text
    assert "Time: at least 60 s in 2 processes, without 1 set of features of unknown time." in text
    assert "For 1 cell there is a record; whether it counts is seen when its weights are loaded." in text
    assert re.search(r"Memory: 1\.0 GiB at worst, [\d.]+ GiB at hand", text)
    assert re.search(
        rf"Disk at {store.root} and \S+: [\d.]+ KiB of runs and checkpoints, \d+ GiB free, without 1 set of", text
    )


def test_too_little_room_is_told(registry, store, monkeypatch):
    monkeypatch.setattr("rsbench.sweeps.plans.plan.available_memory", lambda: 1 << 20)
    monkeypatch.setattr("rsbench.sweeps.plans.plan._free", lambda folder: 3)
    suite = from_options("ctxmim", "eurosat", registry, protocol="knn", data="demo")
    facts = {"timings": {"total": 1.0}, "cost": {"peak_memory_mib": 2.0}, "weights": {"architecture": "nano"}}
    store.write(_made_up.make(protocol="knn", data="demo", **facts))
    text = plan_text(make_plan(suite, {cell.key: standing() for cell in suite.cells}, store, slots=1))
    assert "2.0 MiB at worst, 1.0 MiB at hand; this is too little." in text
    assert "3 B free; this is too little, without 1 set of features" in text


def test_what_is_missing_is_told_with_its_remedy(registry, store):
    suite = load_suite("table1", registry)
    plan = make_plan(suite, {cell.key: standing("unknown") for cell in suite.cells}, store, slots=2)
    text = plan_text(plan)
    assert len(plan.stopped) == len(suite.cells) == 40
    assert "Nothing can run yet. Missing:" in text
    assert re.search(r"EuroSAT is not at \S+ \(20 cells cannot run\)\. --download fetches it", text)
    assert "ctxmim/swin_b has no public weights (2 cells cannot run). Make them with: rsbench pretrain" in text
    assert "The weights of cmid/resnet50 have terms: " in text
    assert "No program can fetch the weights of tov/resnet50 (2 cells cannot run)." in text
    urls = sum(isinstance(c.method.weights(c.variant).source, Url) for c in suite.chosen.values()) // 2
    assert re.search(r"downloaded when they are first used: \d+ files of [\d.]+ GiB, \d+ files of unknown size\.", text)
    assert sum(need.fetched for need in plan.needs) == urls
    allowed = needs(suite.cells, suite.chosen, download=True, accept_licence=True)
    stopped = {key for need in allowed if need.stops for key in need.cells}
    names = {cell.spec.method for cell in suite.cells if cell.key in stopped}
    assert names == {"ctxmim/swin_b", "tov/resnet50"}


def test_a_checkpoint_of_the_user_needs_nothing(registry, store, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"weights")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "one.jpg").write_bytes(b"jpg")
    suite = from_options(
        "ctxmim/swin_b", "eurosat", registry, checkpoint=tmp_path / "w.pth", data=str(tmp_path / "sets")
    )
    assert needs(suite.cells, suite.chosen) == []


def test_the_plan_for_programs_has_every_cell(registry, store):
    suite = load_suite("table5", registry, data="demo", seeds="0-1")
    stand = {cell.key: standing("done" if cell.seed else "unknown") for cell in suite.cells}
    facts = json.loads(json.dumps(make_plan(suite, stand, store, slots=3).facts()))
    assert [cell["key"] for cell in facts["cells"]] == [cell.key for cell in suite.cells]
    assert {(cell["seed"], cell["state"], cell["to_do"], cell["stopped"]) for cell in facts["cells"]} == {
        (0, "unknown", True, True), (1, "done", False, False),
    }  # fmt: skip
    assert {need["what"] for need in facts["needs"]} == {
        "ctxmim/swin_b has no public weights.", "simmim-rs/swin_b has no public weights.",
    }  # fmt: skip
    assert (facts["suite"], facts["slots"], facts["where"]) == ("table5", 3, "here")
    assert (facts["schema_version"], facts["rsbench"], facts["left_out"]) == (1, __version__, 0)


def test_nothing_left(registry, store):
    suite = from_options("ctxmim", "eurosat", registry, data="demo")
    text = plan_text(make_plan(suite, {cell.key: standing("done") for cell in suite.cells}, store, slots=2))
    assert text.splitlines()[-1] == "Nothing is left to run."


def test_a_thousand_cells_are_planned_at_once(registry, store):
    for seed in range(100):
        store.write(_made_up.make(seed=seed, protocol="knn", data="demo", timings={"total": 1.0}))
    options = {"protocol": "swept,knn,paper", "data": "demo"}
    suite = from_options("ctxmim,simmim-rs,random/nano", "eurosat,resisc45", registry, seeds="0-59", **options)
    assert len(suite.cells) == 1080
    stand = {cell.key: standing("unknown" if cell.seed % 2 else "absent", "as before") for cell in suite.cells}
    start = time.process_time()
    text = plan_text(make_plan(suite, stand, store, slots=2))
    assert time.process_time() - start < 2  # a tenth of it on an idle machine
    assert len(text.splitlines()) < 60


def test_what_others_wrote_cannot_rewrite_the_screen(registry, store):
    suite = from_options("ctxmim", "eurosat", registry, data="demo")
    stand = {cell.key: standing("failed", "\x1b[2Jgone") for cell in suite.cells}
    assert "\x1b" not in plan_text(make_plan(suite, stand, store, slots=1))


def test_what_a_row_lacks_and_broken_folders_are_told(registry, store):
    (store.root / "half").mkdir(parents=True)
    suite = load_suite("table1", registry)
    text = plan_text(make_plan(suite, {cell.key: standing("unknown") for cell in suite.cells}, store, slots=2))
    assert re.search(r"  ctxmim/swin_b +seed 0: cannot run here: no data, no weights\n", text)
    assert re.search(r"  cmid/resnet50 +seed 0: cannot run here: no data, no accepted terms\n", text)
    assert f"Left out: 1 folder of {store.root}; rsbench doctor says why.\n" in text


def test_large_numbers_have_commas(registry, store):
    suite = from_options("random/nano", "eurosat", registry, seeds="0-1199", protocol="knn", data="demo")
    text = plan_text(make_plan(suite, {cell.key: standing() for cell in suite.cells}, store, slots=2))
    assert "1,200 cells, 1,200 to do." in text and "Whether" not in text and "For " not in text


def test_records_that_contradict_each_other_are_never_run(registry, store):
    suite = from_options("ctxmim", "eurosat", registry, protocol="knn", data="demo")
    stand = {cell.key: standing("contradicted", "two of them") for cell in suite.cells}
    for retry in (False, True):
        plan = make_plan(suite, stand, store, slots=1, retry_failed=retry)
        assert not plan.todo
        assert "seed 0: failed earlier\n      seed 0: two of them" in plan_text(plan)


def test_a_cluster_is_not_this_machine(registry, store, monkeypatch):
    monkeypatch.setattr("rsbench.sweeps.plans.plan.available_memory", lambda: 1)
    resources = {"processes": 2, "memory": 1}
    suite = from_options("ctxmim", "eurosat", registry, seeds="0-3", protocol="knn", data="demo", resources=resources)
    facts = {"timings": {"total": 100.0}, "cost": {"peak_memory_mib": 2048.0}, "weights": {"architecture": "nano"}}
    store.write(_made_up.make(protocol="knn", data="demo", **facts))
    stand = {cell.key: standing() for cell in suite.cells}
    text = plan_text(make_plan(suite, stand, store, slots=None, where="cluster"))
    assert "Time: at least 6.7 min of work; when it is done depends on the queue, without" in text
    assert "Memory: 4.0 GiB on a node for a job; 4 cells asked for less." in text and "at hand" not in text
    plan = make_plan(suite, stand, store, slots=2, where="cluster")
    assert "Time: at least 3.3 min in 2 jobs at once, after the queue, without" in plan_text(plan)
    assert plan.facts()["available_memory"] is None
    own = from_options("ctxmim", "eurosat", registry, protocol="knn", data="demo")
    text = plan_text(make_plan(own, {cell.key: standing() for cell in own.cells}, store, slots=2, where="cluster"))
    assert "Memory: 2.0 GiB on a node for a job; resources.memory is not given, so the cluster decides." in text


def test_the_page_describes_every_field(registry, store):
    page = (Path(__file__).parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", page[page.index("## The plan") :]))
    suite = load_suite("table5", registry)
    store.write(_made_up.make(task="spacenet-rio"))
    facts = make_plan(suite, {cell.key: standing() for cell in suite.cells}, store, slots=1).facts()
    costs = vars(Guess("x", "same", False, "cpu", None, None, None, None))
    for part in (facts, facts["cells"][0], facts["total"], facts["needs"][0], costs):
        assert set(part) <= told, set(part) - told


def test_what_went_wrong_with_a_dataset_is_said_with_its_remedy(registry, store, tmp_path):
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "one.jpg").write_bytes(b"jpg")
    suite = from_options("ctxmim", "eurosat", registry, data=str(tmp_path / "sets"))
    found = Standing("unknown", None, "EuroSAT lacks images. Get them with --download.", fault=True)
    plan = make_plan(suite, {cell.key: found for cell in suite.cells}, store, slots=1)
    assert "1 cell: EuroSAT lacks images. Get them with --download.\n" in plan_text(plan)
