"""The data of the page, against the records and against the tables' own way to measure."""

import json
from pathlib import Path

import pytest

from rsbench.records import Store
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.leaderboard.cells import cells, groups_in_order
from rsbench.reporting.leaderboard.data import page_data
from rsbench.reporting.leaderboard.source import ReadOnce
from rsbench.reporting.measured import places

GOLDEN = Path(__file__).with_name("golden.json")


@pytest.fixture(scope="module")
def data(filled, registry):
    return page_data(ReadOnce(filled.root), registry, "Made up")


def cell_of(data, method, protocol, task="eurosat", real="real"):
    return [
        cell
        for cell in data["cells"]
        if data["subjects"][cell["subject"]]["id"] == method
        and data["subjects"][cell["subject"]]["data"] == real
        and (data["places"][cell["place"]]["task"], data["places"][cell["place"]]["protocol"]) == (task, protocol)
    ]


def test_every_metric_is_what_the_tables_measure(tmp_path, make, hits, registry):
    store = Store(tmp_path / "runs")
    for seed, share in enumerate((0.4, 0.5, 0.7)):
        metrics = {"val/top1": 100 * share, "val/other": 10.0 + seed, "test/top1": 3.0 * seed}
        if seed == 1:
            del metrics["val/other"]  # a class that did not occur
        bounds = {"val/top1": (100 * share - 1, 100 * share + 1)}
        store.write(make(seed=seed, metrics=metrics, intervals=bounds), hits(share, seed))
    store.write(make(seed=0, precision="bf16", metrics={"val/top1": 1.0}, identity={"precision": "bf16"}))
    store.write(make(method="other/x", metrics={"val/top1": 9.0}))
    source = ReadOnce(store.root)
    groups = groups_in_order(source)
    found = cells(groups, Predictions(source), registry)
    plain = Predictions(store)
    expected = places(store)
    checked = 0
    for cell in found:
        group = expected[cell.place][cell.subject]
        for metric, value in cell.values.items():
            own = group.measure(plain, cell.part, metric)
            assert value == (own.mean, own.low, own.high, own.sd)
            checked += 1
    assert checked == 4  # val/top1, val/other, test/top1; other/x
    first = next(cell for cell in found if cell.part == "val" and cell.subject.method == "made/up")
    assert first.values["top1"].low is not None  # of three seeds: made from their predictions
    assert any(remark.startswith("other follows from") for remark in first.remarks)


def test_places_are_never_mixed(data):
    swept = cell_of(data, "ctxmim/nano", "swept")
    changed = {data["places"][cell["place"]]["changed"] for cell in swept}
    assert changed == {"", "lr=1.0"}
    assert len(swept) == 3  # val and test of the plain protocol, val of the changed one
    assert len({(cell["place"], cell["subject"], cell["part"]) for cell in data["cells"]}) == len(data["cells"])


def test_all_runs_and_all_their_metrics_are_there(data, filled):
    runs = data["runs"]
    records = list(filled)
    assert sorted(runs["id"]) == sorted(record.id for record in records)
    for record in records:
        at = runs["id"].index(record.id)
        names = data["texts"][runs["names"][at]]
        assert dict(zip(names, runs["values"][at], strict=True)) == pytest.approx(record.metrics, abs=1e-4)
        assert runs["status"][at] == record.status
        assert data["texts"][runs["command"][at]] == record.command


def test_what_is_absent_is_absent(data):
    (cell,) = cell_of(data, "seco/resnet50", "paper")
    assert cell["status"] == "failed"
    assert "mean" not in cell and cell["cost"] == []
    assert any("features are constant" in remark for remark in cell["remarks"])
    (bare,) = cell_of(data, "imagenet/resnet50", "paper")
    assert bare["cost"] == [None] * 4
    (known,) = cell_of(data, "random/nano", "knn")
    assert known["cost"][0] == 10**8 and known["cost"][2] is None


def test_seeds_that_are_not_done_are_counted(tmp_path, make, registry):
    store = Store(tmp_path / "runs")
    store.write(make(seed=0))
    store.write(make(seed=1, status="failed"))
    store.write(make(seed=0, precision="bf16", status="failed", identity={"precision": "bf16"}))  # seed 0 is done
    (cell,) = page_data(ReadOnce(store.root), registry, "")["cells"]
    assert cell["seeds"] == [0] and cell["unfinished"] == [1]
    assert any(remark.startswith("seed 1 failed: it was made to fail") for remark in cell["remarks"])


def test_seeds_and_items_are_kept_apart(data):
    (cell,) = cell_of(data, "imagenet/resnet50", "paper")
    assert cell["seeds"] == [0, 1, 2]
    assert cell["sd"] == [1.0]
    assert cell["low"][0] < 12.0 < cell["high"][0]


def test_contamination_is_told(data):
    assert cell_of(data, "ctxmim/nano", "knn")[0]["contaminated"]  # its flags say so
    assert cell_of(data, "simmim-rs/nano", "knn")[0]["contaminated"]  # the plugin says so
    assert "contaminated" not in cell_of(data, "random/nano", "knn")[0]
    assert "contaminated" not in cell_of(data, "ctxmim/nano", "finetune", "vhr10-det")[0]


def test_rows_are_compared_with_the_best_of_their_column(data):
    (best,), (near,), (far,) = (cell_of(data, f"{name}/nano", "knn") for name in ("ctxmim", "simmim-rs", "random"))
    assert "against" not in best
    assert data["subjects"][near["against"]["top1"]["best"]]["id"] == "ctxmim/nano"
    assert near["against"]["top1"]["mean"] == pytest.approx(-0.5)
    assert not near["against"]["top1"]["shown"]
    assert far["against"]["top1"]["shown"]
    (other,) = cell_of(data, "evil/x", "knn")
    assert other["out"] == "128 px, others 64 px"


def test_the_paper_and_its_audit_are_there(data):
    assert [table["number"] for table in data["paper"]["tables"]] == [1, 2, 3, 4, 5]
    last = data["paper"]["tables"][0]["rows"][-1]
    assert [cell["text"] for cell in last["cells"]] == ["98.87", "95.20"]
    imagenet = next(row for row in data["paper"]["tables"][0]["rows"] if row["variant"] == "imagenet/resnet50")
    assert imagenet["cells"][0]["measured"][0]["text"] == "12.00"
    assert {finding["finding"] for finding in data["paper"]["audit"]} >= {"holds", "holds in part"}


def test_cards_say_what_the_plugins_say(data, registry):
    assert set(data["methods"]) == set(registry.methods.items)
    card = data["methods"]["ctxmim"]
    assert card["remade"] and card["variants"]["nano"]["data"] == ["eurosat/train"]
    task = data["tasks"]["eurosat"]
    assert task["rank"] == "val/top1" and task["licence"] == "MIT" and len(task["classes"]) == 10
    assert all(set(protocol["assumed"]) <= set(protocol["settings"]) for protocol in task["protocols"])


def test_golden(made, registry):
    """To accept a change: write ``shown`` to the file, and look at what it changes."""
    found = page_data(ReadOnce(made.root), registry, "Made up")
    kept = ("title", "newest", "subjects", "places", "cells", "runs", "ranks", "broken", "texts")
    shown = json.dumps({name: found[name] for name in kept}, indent=1, ensure_ascii=False) + "\n"
    assert shown == GOLDEN.read_text(encoding="utf-8")
