"""What a measured number says about a published one, against decimal arithmetic."""

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
import table_cases
from hypothesis import given
from hypothesis import strategies as st

from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.measured import Measurement, Place
from rsbench.reporting.published import published_table
from rsbench.reporting.table import MEASURED_ONLY, build_table
from rsbench.reporting.verdicts import NOT_RUN, Verdict, check_tolerance, overall, verdict

EUROSAT = published_table(1).columns[0]
DIGESTS = {name: table_cases.EUROSAT[name] for name in ("split_sha256", "fingerprint")}
PLACE = Place("eurosat", "paper", "seco")
KEY = "EuroSAT@paper/seco/val"


def measured(mean, counts=table_cases.EUROSAT["counts"], **changes):
    one = Measurement("done", mean, None, None, None, (0,), 224, ("id",), (), counts=counts)
    return replace(one, **{**DIGESTS, **changes})


@given(
    st.floats(0, 100), st.decimals(0, 100, places=2), st.decimals(0, 100, places=1), st.sampled_from([1, 2]),
)  # fmt: skip
def test_the_verdict_is_that_of_the_printed_digits(mean, published, tolerance, decimals):
    published = published.quantize(Decimal(1).scaleb(-decimals))
    column = replace(EUROSAT, decimals=decimals)
    found = verdict(column, str(published), measured(mean), PLACE, "val", tolerance)
    gap = Decimal(f"{mean:.{decimals}f}") - published
    assert Decimal(found.difference) == gap
    assert found.difference[0] in "+-"
    assert len(found.difference.partition(".")[2]) == decimals
    assert found.kind == ("reproduced" if abs(gap) <= tolerance else "differs")
    assert found.text == ("reproduced" if found.kind == "reproduced" else f"differs by {found.difference}")


@pytest.mark.parametrize(
    ("mean", "published", "text"),
    [
        (98.87, "98.87", "reproduced"), (97.87, "98.87", "reproduced"), (97.864, "98.87", "differs by -1.01"),
        (99.87, "98.87", "reproduced"), (99.88, "98.87", "differs by +1.01"),
    ],
)  # fmt: skip
def test_a_difference_as_large_as_the_tolerance_is_within_it(mean, published, text):
    assert verdict(EUROSAT, published, measured(mean), PLACE, "val").text == text


@pytest.mark.parametrize(
    ("place", "part", "changes", "why"),
    [
        (replace(PLACE, protocol="swept"), "val", {}, "protocol swept, not paper"),
        (replace(PLACE, changed="lr=1.0"), "val", {}, "changed settings"),
        (replace(PLACE, split="spatial"), "val", {}, "split spatial, not seco"),
        (PLACE, "test", {}, "part test, not val"),
        (PLACE, "val", {"counts": {"train": 16200, "val": 5399}}, "5,399 of 5,400 items of val"),
        (PLACE, "val", {"counts": {"train": 100, "val": 5400}}, "100 of 16,200 items of train"),
        (
            PLACE, "val", {"counts": {}},
            "an unknown number of 16,200 items of train; an unknown number of 5,400 items of val",
        ),
        (PLACE, "val", {"split_sha256": "a" * 64}, "another list of images"),
        (PLACE, "val", {"split_sha256": ""}, "list of images not known"),
        (PLACE, "val", {"fingerprint": "a" * 64}, "other images"),
        (PLACE, "val", {"fingerprint": ""}, "images not known"),
        (
            PLACE, "val", {"counts": {"train": 1, "val": 5400}, "split_sha256": "a" * 64, "fingerprint": "b" * 64},
            "1 of 16,200 items of train; another list of images; other images",
        ),
        (
            replace(PLACE, protocol="swept", changed="lr=1.0", split="few"), "test", {},
            "protocol swept, not paper; changed settings; split few, not seco; part test, not val",
        ),
    ],
)  # fmt: skip
def test_what_is_not_comparable_says_why_and_keeps_its_difference(place, part, changes, why):
    found = verdict(EUROSAT, "98.87", measured(98.0, **changes), place, part)
    assert found.text == f"not comparable: {why}"
    assert found.difference == "-0.87"
    assert len(found.short) <= 60


@pytest.mark.parametrize(
    ("number", "index"), [(1, 1), *((2, index) for index in (0, 1)), *((4, index) for index in range(3))]
)
def test_where_the_papers_partition_is_not_public_nothing_is_comparable(number, index):
    column = published_table(number).columns[index]
    place = Place(column.task, column.expected.protocol, column.expected.split)
    found = verdict(column, "50.00", measured(50.0), place, column.part)
    assert found.text == "not comparable: the paper's partition is not public"


def test_what_a_comparable_run_needs_is_what_the_tasks_have():
    tasks = load().tasks.items
    for number in range(1, 6):
        for column in published_table(number).columns:
            task, expected = tasks[column.task], column.expected
            [split] = [split for split in task.splits if split.name == expected.split]
            assert expected.protocol in [protocol.name for protocol in task.protocols]
            assert all(split.counts[part] == count for part, count in expected.counts.items())
            assert expected.split_sha256 == (split.sha256 if column.task == "eurosat" else "")


def test_no_run_and_a_run_that_failed():
    assert verdict(EUROSAT, "98.87", None, PLACE, "val") == NOT_RUN
    failed = measured(None, status="failed", reason="The loss is nan")
    found = verdict(EUROSAT, "98.87", failed, PLACE, "val")
    assert (found.kind, found.text) == ("not run", "not run: failed: The loss is nan")
    assert found.difference == ""
    stopped = measured(None, status="interrupted", reason="")
    assert verdict(EUROSAT, "98.87", stopped, PLACE, "val").text == "not run: interrupted"


def test_a_long_reason_is_cut_in_the_cell_alone():
    found = Verdict("not run", "failed: " + "word " * 100)
    assert len(found.short) <= 60
    assert found.short.endswith("…")
    assert found.text.count("word") == 100


@pytest.mark.parametrize("value", [-0.1, 100.5, float("nan"), float("inf"), Decimal("-1")])
def test_a_tolerance_is_a_percentage(value):
    with pytest.raises(UserError, match="between 0 and 100"):
        check_tolerance(value)
    assert check_tolerance(0) == 0
    assert check_tolerance(100) == 100


COMPARED, FAR = Verdict("reproduced", "", "+0.10"), Verdict("differs", "", "-9.00")
OTHER, FAILED = Verdict("not comparable", "changed settings", "+0.00"), Verdict("not run", "failed: why")


@pytest.mark.parametrize(
    ("verdicts", "chosen"),
    [
        ([], None),
        ([("a", None, NOT_RUN)], None),
        ([("a", None, NOT_RUN), ("b", None, FAILED)], "b"),
        ([("a", None, FAILED), ("b", 64, OTHER)], "b"),
        ([("a", 64, OTHER), ("b", 64, FAR)], "b"),
        ([("a", 64, COMPARED), ("b", 224, FAR)], "b"),
        ([("a", 224, FAR), ("b", 64, COMPARED)], "a"),
        ([("a", 224, FAR), ("b", 224, COMPARED)], "a"),
    ],
)
def test_the_verdict_of_several_columns_is_not_the_nearest_one(verdicts, chosen):
    found = overall(verdicts)
    if chosen is None:
        assert found == NOT_RUN
    else:
        [own] = [one for key, _, one in verdicts if key == chosen]
        assert found == replace(own, column=chosen)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return table_cases.write_all(tmp_path_factory.mktemp("full") / "runs")


def cells(table, variant, section="published"):
    [row] = [row for part in table.sections if part.kind == section for row in part.rows if row.variant == variant]
    return dict(zip([column.key for column in table.columns], row.cells, strict=True))


def test_every_published_number_has_a_verdict_and_every_cell_beside_it_too(full):
    for number in range(1, 6):
        table = build_table(number, full)
        for row in table.sections[0].rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if row.derived or (cell is None and column.key.startswith("IoU_building")):
                    continue
                if column.of != "IoU_building":
                    assert cell.verdict is not None
                if column.published and cell.verdict.column:
                    own = cells(table, row.variant)[cell.verdict.column].verdict
                    assert own == replace(cell.verdict, column="")


def test_what_the_paper_does_not_have_has_no_verdict(full):
    table = build_table(1, full)
    for section in table.sections[1:]:
        assert all(cell.verdict is None for row in section.rows for cell in row.cells if cell)
    assert cells(build_table(2, full), "ctxmim/swin_b")["IoU_building@paper/5000-1940/val"].verdict is None


def test_the_published_column_tells_the_verdict_of_the_run_that_may_be_compared(full):
    table = build_table(1, full)
    found = cells(table, "imagenet/swin_b")["EuroSAT"].verdict
    assert (found.text, found.column, found.difference) == ("reproduced", KEY, "+0.62")
    assert cells(table, "geo-aware/resnet50")["EuroSAT"].verdict.kind == "not comparable"
    assert cells(table, "cmid/resnet50")["EuroSAT"].verdict == NOT_RUN
    assert cells(table, "ctxmim/swin_b")["EuroSAT"].verdict == NOT_RUN  # a checkpoint of the user's is another row
    assert cells(table, "tov/resnet50")["NWPU-RESISC45"].verdict.difference == "-34.24"


def test_dota_counts_where_its_tiles_are_of_all_images(full):
    table = build_table(3, full)
    assert cells(table, "ctxmim/swin_b")["AP"].verdict.text == "differs by -6.9"
    found = cells(table, "seco/resnet50")["AP"].verdict
    assert found.text == "not comparable: 457 of 458 images of val"
    assert found.difference == "-2.0"


@pytest.mark.parametrize(
    ("selected", "predictions", "why"),
    [
        ({"data": {"tile": 256, "stride": 640}}, table_cases.images(458), "tile 256, not 800"),
        ({"data": {"tile": 800, "stride": 600}}, table_cases.images(458), "stride 600, not 640"),
        ({}, table_cases.images(458), "tile not known; stride not known"),
        (table_cases.TILES, None, "an unknown number of 458 images of val"),
        (table_cases.TILES, table_cases.images(458, "test"), "0 of 458 images of val"),
        (table_cases.TILES, pa.table({"part": ["val"]}), "an unknown number of 458 images of val"),
    ],
)
def test_other_tiles_of_dota_are_not_comparable(tmp_path, make, selected, predictions, why):
    store = Store(tmp_path)
    about = {"task": "dota", "kind": "detection", "split": "official", "selected": selected}
    store.write(make(method="gfm/swin_b", title="GFM", metrics={"val/AP": 35.0}, **about), predictions)
    assert cells(build_table(3, store), "gfm/swin_b")["AP"].verdict.text == f"not comparable: {why}"


def test_predictions_that_cannot_be_read_say_nothing_of_images(tmp_path, make):
    store = Store(tmp_path)
    about = {"task": "dota", "kind": "detection", "split": "official", "selected": table_cases.TILES}
    record = make(method="gfm/swin_b", title="GFM", metrics={"val/AP": 35.0}, **about)
    path = store.write(record, table_cases.images(458)) / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:50])
    found = cells(build_table(3, store), "gfm/swin_b")["AP"].verdict
    assert found.text == "not comparable: an unknown number of 458 images of val"


def test_notes_tell_what_is_compared_and_what_nobody_ran(full, tmp_path):
    notes = build_table(1, full).notes
    [note] = [note for note in notes if note.startswith("EuroSAT Top-1: compared are runs of protocol paper on split")]
    assert note.endswith(" seco, part val (5,400 items, list a80d061f, images 548a976e).")
    assert any(note.startswith("NWPU-RESISC45 Top-1: no run can be compared") for note in notes)
    assert any("up to 1.0 percentage points" in note for note in notes)
    empty = build_table(1, Store(tmp_path / "none")).notes
    assert "All columns: not run here for any row." in empty
    assert "IS (Las Vegas AP^m): not run here for any row." in build_table(5, full).notes
    assert "LcC (EuroSAT Acc.): not run here for any row of the paper." in build_table(5, full).notes


def test_the_footnote_of_what_is_not_comparable_has_the_differences_of_all_columns_of_the_run(full):
    table = build_table(2, full)
    cell = cells(table, "ctxmim/swin_b")["mIoU@paper/5000-1940/val"]
    note = table.footnotes[cell.note - 1]
    assert "difference all the same: mIoU -8.22, mAcc -6.20." in note.text
    assert note.commands == (table_cases.command("ctxmim/swin_b", "spacenet-rio"),)


def test_one_command_that_made_several_seeds_stands_once(full):
    table = build_table(1, full)
    cell = cells(table, "imagenet/swin_b")[KEY]
    assert len(cell.runs) == 2
    assert table.footnotes[cell.note - 1].commands == (table_cases.command("imagenet/swin_b", "eurosat", "0-1"),)


def test_a_paper_row_that_nobody_ran_says_so_in_words(full):
    table = build_table(1, full)
    assert cells(table, "cmid/resnet50")[KEY].status == "not run"
    assert cells(table, "ctxmim/nano", "demo")[KEY].value == "33.30"


def test_the_ablation_has_its_two_methods_and_their_gain(full):
    table = build_table(5, full)
    gain = "ctxmim/swin_b - simmim-rs/swin_b"
    found = cells(table, gain)
    assert [found[key].value for key in ("LcC", "SS", "OD", "IS")] == ["+1.97", "+2.31", "+2.70", "+1.40"]
    assert found["SS@paper/5000-1940/val"].value == "+1.00"
    assert found["OD@paper/official/val"] is None
    assert cells(table, "ctxmim/nano - simmim-rs/nano", "measured")["SS@paper/5000-1940/val"].value == "+1.00"
    variants = {row.variant.split("/")[0] for section in table.sections for row in section.rows}
    assert variants == {"ctxmim", "simmim-rs"}
    assert [row.derived for row in table.sections[0].rows] == [False, False, True]


@pytest.mark.parametrize("changes", [{"input_size": 64}, {"precision": "bf16"}])
def test_a_gain_of_unequal_runs_is_none(tmp_path, make, changes):
    store = Store(tmp_path)
    store.write(make(method="ctxmim/nano", title="CtxMIM"))
    store.write(make(method="simmim-rs/nano", title="SimMIM", **changes))
    table = build_table(5, store)
    [section] = [section for section in table.sections if section.title == MEASURED_ONLY]
    gain = section.rows[-1]
    assert gain.derived
    [cell] = [cell for cell in gain.cells if cell]
    assert cell.value == ""
    assert table.footnotes[cell.note - 1].text.startswith("not comparable: ")


def test_two_lists_or_image_sets_under_one_split_name_are_not_both_reproduced(tmp_path, make):
    store = Store(tmp_path)
    about = {"method": "ctxmim/swin_b", "title": "CtxMIM, re-implemented", "metrics": {"val/top1": 98.5}}
    datasets = (table_cases.EUROSAT, {**table_cases.EUROSAT, "split_sha256": "b" * 64},
                {**table_cases.EUROSAT, "fingerprint": "c" * 64})  # fmt: skip
    for seed, dataset in enumerate(datasets):
        store.write(make(**about, seed=seed, dataset=dataset))
    table = build_table(1, store)
    found = [cell.verdict.text for cell in cells(table, "ctxmim/swin_b").values() if cell and cell.runs]
    assert sorted(found) == [
        "not comparable: another list of images", "not comparable: other images", "reproduced",
    ]  # fmt: skip
    assert cells(table, "ctxmim/swin_b")["EuroSAT"].verdict.text == "reproduced"
