"""The data of the page, against the records and against the tables' own way to measure."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench.records import Store
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.leaderboard import facts
from rsbench.reporting.leaderboard.cells import cells, groups_in_order
from rsbench.reporting.leaderboard.data import page_data, place_key
from rsbench.reporting.leaderboard.source import ReadOnce
from rsbench.reporting.measured import Place, places
from rsbench.reporting.significance import against_best
from rsbench.reporting.table import build_table

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
    assert data["subjects"][near["against"]["best"]]["id"] == "ctxmim/nano"
    assert near["against"]["mean"] == "-0.500"
    assert not near["against"]["shown"]
    assert far["against"]["shown"]
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


def place_keys(records):
    return {place_key(place) for place in places(records)}


def test_the_key_of_a_column_stays_when_the_store_grows(make):
    first = [make(protocol=protocol, method=method) for protocol in ("knn", "swept") for method in ("a/b", "c/d")]
    others = [make(protocol="aaa"), make(task="another"), make(protocol="knn", changed={"k": 5}, identity={"k": 5})]
    before, after = place_keys(first), place_keys([*others, *first])
    assert len(before) == 2 and before < after and len(after) == 5


@given(st.lists(st.tuples(*[st.sampled_from(["", "/", "a", "a/", "/a"])] * 5, st.none() | st.integers(1, 2))))
def test_columns_have_keys_of_their_own(fields):
    found = {Place(*one[:3], version=one[3], changed=one[4], size=one[5]) for one in fields}
    assert len({place_key(place) for place in found}) == len(found)


def printed_in_table(store, protocol):
    """The measured cells of EuroSAT's column in the paper's first table, by method."""
    table = build_table(1, store, tests=False)
    at = next(n for n, one in enumerate(table.columns) if not one.published and one.protocol == protocol)
    rows = [row for section in table.sections for row in section.rows]
    return {row.variant: cell for row in rows if (cell := row.cells[at]) is not None and cell.runs}


def test_digits_are_those_of_the_tables(tmp_path, make, registry):
    values = {
        "random/nano": 12.125,
        "ctxmim/nano": 12.12,
        "simmim-rs/nano": 0.0050000000001,
        "seco/resnet50": 12.13499999,
    }
    store = Store(tmp_path / "runs")
    for method, value in values.items():
        bounds = {"val/top1": (value - 0.005, value + 0.015)}
        store.write(make(method=method, protocol="swept", metrics={"val/top1": value}, intervals=bounds))
    data = page_data(ReadOnce(store.root), registry, "")
    table = printed_in_table(store, "swept")
    shown = [(cell["mean_text"], cell["low_text"], cell["high_text"]) for cell in data["cells"]]
    assert sorted(shown) == sorted((cell.value, cell.low, cell.high) for cell in table.values())
    assert {text for text, _, _ in shown} == {"12.12", "0.01", "12.13"}
    assert sorted(data["runs"]["values_text"]) == sorted(text for text, _, _ in shown)


def test_what_seeds_say_is_told(tmp_path, make, hits, registry):
    store = Store(tmp_path / "runs")
    for method, seeds, share in (("a/b", 3, 0.8), ("c/d", 3, 0.78), ("e/f", 1, 0.5), ("g/h", 1, 0.4)):
        for seed in range(seeds):
            own = share - 0.02 * seed
            predictions = None if method == "g/h" else hits(own, seed)
            store.write(make(method=method, seed=seed, metrics={"val/top1": 100 * own}), predictions)
    data = page_data(ReadOnce(store.root), registry, "")
    cells = {data["subjects"][cell["subject"]]["id"]: cell for cell in data["cells"]}
    measured = {one: m for group in places(store).values() for one, g in group.items()
                if (m := g.measure(Predictions(store), "val", "top1"))}  # fmt: skip
    expected = {one.method: found for one, found in against_best(Predictions(store), measured, "val", "top1").items()}
    assert set(expected) == {"c/d", "e/f"}
    for method, own in expected.items():
        found = cells[method]["against"]
        assert (found["p"], found["corrected"], found["shown"]) == (
            f"{own.test.p:.2g}",
            f"{own.corrected:.2g}",
            own.shown,
        )
        assert found["seeds"] == (None if own.seeds is None else f"{own.seeds:.2g}")
    assert cells["c/d"]["against"]["seeds"] is not None and cells["e/f"]["against"]["seeds"] is None
    assert cells["a/b"]["best"] and cells["g/h"]["untested"]
    bare = page_data(ReadOnce(store.root), registry, "", tests=False)["cells"]
    assert not any({"against", "untested", "best"} & set(cell) for cell in bare)


def test_facts_of_other_types_are_absent(tmp_path, make, registry):
    store = Store(tmp_path / "runs")
    odd = {"parameters": True, "gflops": "many", "images_per_second": None, "peak_memory_mib": 12}
    store.write(make(seed=0, cost=odd))
    store.write(make(seed=1, arguments={"assumed": 5}, cost={"gflops": 10**400, "peak_memory_mib": 14}))
    store.write(make(seed=2, arguments={"assumed": {"lr": 1}}, cost={"peak_memory_mib": 1e300}))
    store.write(make(method="other/x", arguments={"assumed": ["lr", 3, None]}))
    data = page_data(ReadOnce(store.root), registry, "")
    assert data["cells"][0]["cost"][:3] == [None] * 3 and data["cells"][0]["cost"][3] == pytest.approx(1e300 / 3)
    assumed = [data["texts"][number] for number in data["runs"]["assumed"]]
    assert sorted(assumed) == [[], [], [], ["lr"]]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_facts_have_the_type_that_their_reader_expects(value):
    assert facts.number(value) is None or math.isfinite(facts.number(value))
    assert all(isinstance(name, str) for name in facts.names(value))
    assert facts.counts(value) == {} and isinstance(facts.text(value), str)
    assert all(type(many) is int for many in facts.counts({"part": value}).values())


def test_a_checkpoint_has_a_name_of_its_own_among_the_ranks(tmp_path, make, registry):
    store = Store(tmp_path / "runs")
    for task in ("eurosat", "resisc45"):
        for number in (1, 2):
            weights = {"source": "checkpoint", "digest": f"{number}" * 64}
            store.write(make(method="ctxmim/nano", title="CtxMIM", task=task, metrics={"val/top1": 50.0 + number},
                             weights=weights, identity={"weights": weights["digest"], "task": task}))  # fmt: skip
    (ranks,) = page_data(ReadOnce(store.root), registry, "")["ranks"]
    assert ranks["names"] == ["CtxMIM, checkpoint 22222222", "CtxMIM, checkpoint 11111111"]
    assert ranks["printed"] == ["1.00", "2.00"] and not ranks["shown"]


def test_golden(made, registry):
    """To accept a change: write ``shown`` to the file, and look at what it changes."""
    found = page_data(ReadOnce(made.root), registry, "Made up")
    kept = ("title", "newest", "subjects", "places", "cells", "runs", "ranks", "broken", "texts")
    shown = json.dumps({name: found[name] for name in kept}, indent=1, ensure_ascii=False) + "\n"
    assert shown == GOLDEN.read_text(encoding="utf-8")
