"""What the table says: nothing pooled, ranked or dropped that should not be."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.published import published_table
from rsbench.reporting.table import DEMO, MEASURED_ONLY, build_table
from rsbench.statistics import bootstrap_interval


def row(table, variant, section=""):
    [found] = [row for part in table.sections if part.title == section for row in part.rows if row.variant == variant]
    return found


def cell(table, variant, key, section=""):
    keys = [column.key for column in table.columns]
    return row(table, variant, section).cells[keys.index(key)]


def footnote(table, cell):
    return table.footnotes[cell.note - 1].text


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def table(made):
    return build_table(1, made)


@pytest.mark.parametrize(("number", "rows"), [(1, 20), (2, 20), (3, 14), (4, 20), (5, 2)])
def test_without_runs_the_published_rows_stand_alone(store, number, rows):
    table = build_table(number, store)
    [section] = table.sections
    own = [row for row in section.rows if not row.derived]
    assert len(own) == rows
    assert all(column.published for column in table.columns)
    assert table.footnotes == ()
    for printed, shown in zip(published_table(number).rows, own, strict=True):
        assert [cell.value for cell in shown.cells] == list(printed.values.values())
        assert shown.variant == printed.variant


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_best_and_second_best_published_values_of_each_column_are_marked(store, number):
    table = build_table(number, store)
    for index in range(len(table.columns)):
        cells = [row.cells[index] for row in table.sections[0].rows if not row.derived]
        values = sorted((float(cell.value) for cell in cells), reverse=True)
        for cell in cells:
            assert cell.best == (float(cell.value) == values[0])
            assert cell.second == (float(cell.value) == values[1] < values[0])
            assert cell.left_out == ""


def test_every_status_is_shown(table):
    cells = [cell for section in table.sections for row in section.rows for cell in row.cells if cell]
    assert {cell.status for cell in cells} == {"published", "done", "failed", "interrupted", "not run"}
    assert not any(cell.best or cell.second for cell in cells if not cell.value)


def test_seeds_are_averaged_and_the_interval_is_that_of_the_averaged_items(table, hits):
    shown = cell(table, "imagenet/resnet50", "EuroSAT@paper/seco/val")
    assert (shown.value, shown.sd, shown.seeds, shown.size) == ("12.00", "1.00", (0, 1, 2), 64)
    items = np.mean([hits(share, seed)["top1"] for seed, share in enumerate((0.11, 0.12, 0.13))], axis=0)
    low, high = bootstrap_interval(100 * items)
    assert (shown.low, shown.high) == (f"{low:.2f}", f"{high:.2f}")
    assert len(shown.runs) == 3
    assert all(run in footnote(table, shown) for run in shown.runs)


def test_a_single_seed_shows_the_interval_of_its_record_and_no_deviation(table):
    shown = cell(table, "ctxmim/nano", "EuroSAT@swept/seco/test", MEASURED_ONLY)
    assert (shown.value, shown.low, shown.high, shown.sd) == ("23.30", "22.10", "24.40", "")


def test_every_measured_cell_names_its_runs_and_their_seeds(table, made):
    for section in table.sections:
        for line in section.rows:
            for shown in filter(None, line.cells):
                if shown.status not in ("published", "not run"):
                    assert len(shown.runs) == len(shown.seeds) > 0
                    for run, seed in zip(shown.runs, shown.seeds, strict=True):
                        assert made.read(run).seed == seed
                        assert f"{run} (seed {seed})" in footnote(table, shown)


def test_a_failed_run_stays_visible_with_its_reason(table):
    shown = cell(table, "seco/resnet50", "EuroSAT@paper/seco/val")
    assert (shown.status, shown.value) == ("failed", "")
    assert "features are constant | all 0" in footnote(table, shown)
    assert cell(table, "gfm/swin_b", "EuroSAT@swept/seco/val").status == "interrupted"


def test_a_contaminated_and_re_implemented_method_says_so(table):
    shown = cell(table, "ctxmim/nano", "EuroSAT@swept/seco/val", MEASURED_ONLY)
    assert "contaminated: pretrained on EuroSAT train images" in footnote(table, shown)
    assert "re-implemented" in row(table, "ctxmim/nano", MEASURED_ONLY).method
    assert row(table, "ctxmim/swin_b").method == "CtxMIM (measured: re-implemented)"
    assert "re-implemented" in footnote(table, cell(table, "ctxmim/swin_b", "EuroSAT@swept/seco/val"))
    assert row(build_table(1, Store("nowhere")), "ctxmim/swin_b").method == "CtxMIM"


def test_precision_is_told_where_it_is_not_fp32(table):
    assert "precision bf16" in footnote(table, cell(table, "ctxmim/swin_b", "EuroSAT@swept/seco/val"))


def test_demo_scenes_stand_apart(table):
    assert cell(table, "ctxmim/nano", "EuroSAT@paper/seco/val", DEMO).value == "99.99"
    for section in table.sections:
        values = {cell.value for row in section.rows for cell in row.cells if cell}
        assert ("99.99" in values) == (section.title == DEMO)
    assert any(note.startswith("Demo scenes") for note in table.notes)


def test_a_published_variant_on_demo_scenes_leaves_its_published_row_empty(store, make):
    store.write(make(method="seco/resnet50", title="SeCo, ResNet50", data="demo", flags=["demo scenes"]))
    table = build_table(1, store)
    assert cell(table, "seco/resnet50", "EuroSAT@paper/seco/val") is None
    assert cell(table, "seco/resnet50", "EuroSAT").verdict.text == "not run"
    assert cell(table, "seco/resnet50", "EuroSAT@paper/seco/val", DEMO).value == "12.50"
    assert row(table, "seco/resnet50", DEMO).cells[0] is None


def test_changed_settings_stand_in_a_column_of_their_own_with_a_footnote(table):
    [column] = [column for column in table.columns if column.key == "EuroSAT@swept[lr=1.0]/seco/val"]
    assert "swept*" in column.title
    assert "lr=1.0" in table.footnotes[column.note - 1].text
    assert cell(table, "ctxmim/nano", column.key, MEASURED_ONLY).value == "33.30"
    assert cell(table, "ctxmim/nano", "EuroSAT@swept/seco/val", MEASURED_ONLY).value == "22.20"


def test_seeds_whose_weights_are_drawn_from_them_are_averaged(table):
    shown = cell(table, "random/nano", "EuroSAT@paper/seco/val", MEASURED_ONLY)
    assert (shown.value, shown.seeds) == ("6.00", (0, 1))


def test_runs_with_other_weights_are_not_averaged_and_the_older_are_named(store, make):
    old = make(seed=0, weights={"digest": "a"}, finished="2026-01-01T00:00:00+00:00")
    new = make(
        seed=1, weights={"digest": "b"}, metrics={"val/top1": 50.0}, finished="2026-01-02T00:00:00+00:00",
        identity={"weights": "b"},
    )  # fmt: skip
    for record in (old, new):
        store.write(record)
    shown = cell(build_table(1, store), "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY)
    assert (shown.value, shown.seeds, shown.runs) == ("50.00", (1,), (new.id,))
    assert f"left out: {old.id}" in footnote(build_table(1, store), shown)


@pytest.mark.parametrize("newest", [0, 1])
def test_of_two_runs_of_one_seed_the_newest_stands_and_the_other_is_named(store, make, newest):
    records = [
        make(
            metrics={"val/top1": 10.0 + n}, identity={"attempt": n},
            finished=f"2026-01-0{2 if n == newest else 1}T00:00:00+00:00",
        )
        for n in range(2)
    ]  # fmt: skip
    for record in records:
        store.write(record)
    table = build_table(1, store)
    shown = cell(table, "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY)
    assert shown.value == f"{10 + newest}.00"
    assert shown.runs == (records[newest].id,)
    assert f"left out: {records[1 - newest].id}" in footnote(table, shown)


def test_a_seed_that_failed_beside_seeds_that_did_not_is_told(store, make):
    store.write(make(seed=0))
    store.write(make(seed=1, status="failed", reason="loss is nan"))
    table = build_table(1, store)
    shown = cell(table, "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY)
    assert (shown.status, shown.value, shown.seeds) == ("done", "12.50", (0,))
    assert "seed 1 failed: loss is nan" in footnote(table, shown)


def test_a_reason_that_is_a_sentence_ends_no_footnote_twice(store, make):
    store.write(make(method="made/fails", status="failed", reason="The features are constant."))
    store.write(make(method="made/fails", seed=1, status="failed", reason="The loss is nan.\n"))
    store.write(make(method="made/flagged", flags=["a sentence of its own."]))
    store.write(make(method="made/half", seed=0))
    store.write(make(method="made/half", seed=2, flags=["of one seed."]))
    half = make(method="made/half", seed=1, status="interrupted", reason="The machine stopped.")
    store.write(half)
    table = build_table(1, store)
    assert not any(twice in note.text for note in table.footnotes for twice in ("..", ".;", ". (", "\n."))
    assert all(note.text.endswith(".") for note in table.footnotes)
    assert any(note.text.endswith("constant; seed 1 failed: The loss is nan.") for note in table.footnotes)
    assert any(f"The machine stopped (run {half.id});" in note.text for note in table.footnotes)


def test_splits_are_different_columns(store, make):
    store.write(make(split="seco"))
    store.write(make(split="spatial", metrics={"val/top1": 50.0}))
    table = build_table(1, store)
    assert cell(table, "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY).value == "12.50"
    assert cell(table, "made/up", "EuroSAT@paper/spatial/val", MEASURED_ONLY).value == "50.00"


def test_one_method_at_two_input_sizes_splits_the_column(store, make):
    store.write(make(input_size=64))
    store.write(make(input_size=224, metrics={"val/top1": 50.0}))
    table = build_table(1, store)
    assert cell(table, "made/up", "EuroSAT@paper/seco/val/64", MEASURED_ONLY).value == "12.50"
    assert cell(table, "made/up", "EuroSAT@paper/seco/val/224", MEASURED_ONLY).value == "50.00"


def test_the_part_that_the_paper_reports_on_comes_first(store, make):
    store.write(make(metrics={"test/top1": 1.0, "val/top1": 2.0}))
    keys = [column.key for column in build_table(1, store).columns]
    assert keys == ["EuroSAT", "EuroSAT@paper/seco/val", "EuroSAT@paper/seco/test", "NWPU-RESISC45"]


def test_what_may_be_compared_stands_beside_the_published_numbers(store, make):
    for split, protocol in (("blocks", "paper"), ("seco", "knn"), ("seco", "paper")):
        store.write(make(split=split, protocol=protocol))
    keys = [column.key for column in build_table(1, store).columns]
    assert keys[:4] == ["EuroSAT", "EuroSAT@paper/seco/val", "EuroSAT@knn/seco/val", "EuroSAT@paper/blocks/val"]


def test_other_metrics_and_other_tasks_make_no_column(store, make):
    store.write(make(metrics={"val/top1": 2.0, "val/top5": 9.0}))
    store.write(make(task="dota", metrics={"val/AP": 9.0}))
    assert len([column for column in build_table(1, store).columns if not column.published]) == 1


def test_a_detection_run_stands_in_table_3_with_one_decimal(store, make):
    store.write(make(task="dota", kind="detection", method="gfm/swin_b", metrics={"val/AP": 12.34, "val/F1_75": 5.0}))
    table = build_table(3, store)
    assert cell(table, "gfm/swin_b", "AP@paper/seco/val").value == "12.3"
    assert cell(table, "gfm/swin_b", "F1_75@paper/seco/val").value == "5.0"
    assert cell(table, "gfm/swin_b", "AP50@paper/seco/val").verdict.text == "not run: its runs have no AP50"


def test_the_ablation_row_is_simmim(store, make):
    store.write(make(method="simmim-rs/swin_b", title="SimMIM"))
    assert cell(build_table(5, store), "simmim-rs/swin_b", "LcC@paper/seco/val").value == "12.50"


def test_only_the_named_protocols(made):
    table = build_table(1, made, ["paper"])
    assert {column.key.split("@")[1] for column in table.columns if not column.published} == {"paper/seco/val"}
    with pytest.raises(UserError, match="Did you mean 'paper'"):
        build_table(1, made, ["papier"])
    assert "Shown and judged are only runs of the protocol paper." in table.notes


def test_there_is_no_table_6():
    with pytest.raises(UserError, match="no table 6"):
        build_table(6, Store("nowhere"))


def test_a_broken_folder_is_a_warning_and_the_rest_stands(store, make):
    store.write(make())
    (store.root / "0123456789abcdef").mkdir()
    table = build_table(1, store)
    assert len(table.warnings) == 1
    assert "0123456789abcdef" in table.warnings[0]
    assert cell(table, "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY).value == "12.50"


def write_seeds(store, make, tables):
    for seed, predictions in enumerate(tables):
        store.write(make(seed=seed, metrics={"val/top1": 50.0}, intervals={"val/top1": (0.0, 100.0)}), predictions)
    table = build_table(1, store)
    shown = cell(table, "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY)
    return shown, footnote(table, shown)


def test_items_in_another_order_are_matched_by_name(store, make, hits):
    first = hits(0.5, 0)
    turned = first.take(pa.array(range(len(first) - 1, -1, -1)))
    shown, note = write_seeds(store, make, [first, turned])
    low, high = bootstrap_interval(100 * np.array(first["top1"]))
    assert (shown.low, shown.high) == (f"{low:.2f}", f"{high:.2f}")
    assert "no interval" not in note


def test_parts_that_are_mixed_in_the_file_are_told_apart(store, make, hits):
    both = pa.concat_tables([hits(0.5, 0), hits(1.0, 0, "test")])
    mixed = both.take(pa.array(np.random.default_rng(0).permutation(len(both))))
    shown, _ = write_seeds(store, make, [both, mixed])
    low, high = bootstrap_interval(100 * np.array(hits(0.5, 0)["top1"]))
    assert (shown.low, shown.high) == (f"{low:.2f}", f"{high:.2f}")


@pytest.mark.parametrize("why", ["none", "other items", "other mean", "no column", "missing value", "unreadable"])
def test_without_matching_items_there_is_no_interval_and_the_table_says_so(store, make, hits, why):
    good = hits(0.5, 0)
    renamed = good.set_column(1, "item", pa.array([f"x{name}" for name in good["item"].to_pylist()]))
    bad = {
        "none": None,
        "other items": renamed,
        "other mean": hits(0.6, 0),
        "no column": good.drop_columns(["top1"]),
        "missing value": good.set_column(2, "top1", pa.array([None, *good["top1"].to_pylist()[1:]])),
        "unreadable": good,
    }[why]
    if why == "unreadable":
        write_seeds(store, make, [good, good])
        path = store.root / make(seed=1).id / "predictions.parquet"
        path.write_bytes(path.read_bytes()[:50])
        table = build_table(1, store)
        shown = cell(table, "made/up", "EuroSAT@paper/seco/val", MEASURED_ONLY)
        note = footnote(table, shown)
        assert f"predictions of run {make(seed=1).id} cannot be read" in note
    else:
        shown, note = write_seeds(store, make, [good, bad])
    assert (shown.value, shown.low, shown.high, shown.sd) == ("50.00", "", "", "0.00")
    assert "no interval" in note


def test_the_table_is_frozen(table):
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.number = 2


def of_user(make, source, digest, **changes):
    """A made-up record whose weights came from a file of the user's."""
    identity = {"weights": digest, **{key: changes.get(key) for key in ("method", "data", "seed", "status")}}
    return make(weights={"source": source, "digest": digest}, identity=identity, **changes)


def test_a_checkpoint_in_place_of_a_methods_own_weights_never_stands_in_the_published_row(store, make):
    method = {"method": "random/resnet50", "title": "Random Init., ResNet50"}
    store.write(make(**method, metrics={"val/top1": 11.0}, weights={"source": "random", "digest": "f" * 12}))
    store.write(of_user(make, "checkpoint", "a1b2c3d4e5f6", **method, metrics={"val/top1": 22.0}))
    store.write(of_user(make, "checkpoint", "b" * 12, **method, metrics={"val/top1": 33.0}))
    store.write(of_user(make, "checkpoint", "c" * 12, **method, status="failed", reason="not finite"))
    table = build_table(1, store)
    assert cell(table, "random/resnet50", "EuroSAT@paper/seco/val").value == "11.00"
    [_, own] = table.sections
    assert own.title == MEASURED_ONLY
    assert [row.method for row in own.rows] == [
        "Random Init., ResNet50, checkpoint a1b2c3d4",
        "Random Init., ResNet50, checkpoint bbbbbbbb",
        "Random Init., ResNet50, checkpoint cccccccc",
    ]
    assert [[cell.value for cell in row.cells if cell] for row in own.rows] == [["22.00"], ["33.00"], [""]]
    assert not any("left out" in note.text for note in table.footnotes)


def test_with_nothing_but_a_checkpoint_the_published_row_holds_no_measured_cell(store, make):
    store.write(of_user(make, "checkpoint", "a" * 12, method="ctxmim/swin_b", title="CtxMIM, re-implemented, Swin-B"))
    table = build_table(1, store)
    assert row(table, "ctxmim/swin_b").method == "CtxMIM"
    assert cell(table, "ctxmim/swin_b", "EuroSAT@paper/seco/val").status == "not run"
    assert cell(table, "ctxmim/swin_b", "EuroSAT").verdict.text == "not run"


def test_a_checkpoint_and_the_methods_own_weights_are_two_rows_and_its_seeds_are_averaged(store, make):
    method = {"method": "ctxmim/nano", "title": "CtxMIM, re-implemented, nano"}
    store.write(make(**method, weights={"source": "shipped", "digest": "f" * 12}))
    for seed, value in enumerate((20.0, 22.0)):
        store.write(of_user(make, "checkpoint", "a" * 12, **method, seed=seed, metrics={"val/top1": value}))
    [_, own] = build_table(1, store).sections
    assert [row.method for row in own.rows] == [method["title"], f"{method['title']}, checkpoint aaaaaaaa"]
    assert [row.cells[1].value for row in own.rows] == ["12.50", "21.00"]
    assert own.rows[0].variant != own.rows[1].variant
    assert [row.backbone for row in own.rows] == ["nano", "nano"]


def test_checkpoints_on_demo_scenes_stand_among_these_each_in_a_row(store, make):
    for digest in ("a" * 12, "b" * 12):
        store.write(of_user(make, "checkpoint", digest, method="seco/resnet50", title="SeCo", data="demo"))
    [_, demo] = build_table(1, store).sections
    assert (demo.title, [row.method for row in demo.rows]) == (
        DEMO, ["SeCo, checkpoint aaaaaaaa", "SeCo, checkpoint bbbbbbbb"],
    )  # fmt: skip


def test_a_file_of_the_user_that_is_the_only_way_to_run_a_method_stands_in_its_row(store, make):
    store.write(of_user(make, "user", "a" * 12, method="ctxmim/swin_b", title="CtxMIM, re-implemented, Swin-B"))
    table = build_table(1, store)
    assert len(table.sections) == 1
    assert cell(table, "ctxmim/swin_b", "EuroSAT@paper/seco/val").value == "12.50"


def test_a_checkpoint_at_another_input_size_does_not_split_the_column(store, make):
    store.write(make(input_size=64))
    store.write(of_user(make, "checkpoint", "a" * 12, input_size=224))
    [_, own] = build_table(1, store).sections
    assert [row.cells[1].size for row in own.rows] == [64, 224]
