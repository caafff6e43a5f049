"""One name of a split, several lists or images: each has a column of its own, and nothing is lost or shown twice."""

import csv
import io
import re

import pytest

from rsbench.records import Store
from rsbench.reporting.measured import places
from rsbench.reporting.render import FORMATS, render
from rsbench.reporting.table import MEASURED_ONLY, build_table

A = {"split_sha256": "a" * 64, "fingerprint": "1" * 64, "counts": {"train": 7, "val": 3}}
B = {"split_sha256": "b" * 64, "fingerprint": "2" * 64, "counts": {"train": 14, "val": 6}}
LIKE_A = {**A, "split_sha256": "c" * 64, "fingerprint": "3" * 64}
OTHER_IMAGES = {**A, "fingerprint": "4" * 64}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def write(store, make):
    """Writes a made-up run on a folder and returns its record."""

    def call(dataset, value, **changes):
        about = {"task": "spacenet-rio", "kind": "segmentation", "split": "present", "title": "Made, up"}
        if "status" not in changes:
            about["metrics"] = {"val/mIoU": value}
        fields = {**about, "method": "made/up", "seed": 0, **changes}
        identity = {"dataset": dataset, **{name: fields.get(name) for name in ("method", "seed", "protocol", "data")}}
        record = make(**fields, dataset=dataset, identity=identity)
        store.write(record)
        return record

    return call


def columns(store):
    """The measured mIoU columns: title to the values in it, by section and row."""
    table = build_table(2, store)
    found = {}
    for index, column in enumerate(table.columns):
        if not column.published and column.title.startswith("mIoU"):
            cells = {row.variant: row.cells[index] for section in table.sections for row in section.rows}
            found[column.title] = {
                variant: cell.value or cell.status for variant, cell in cells.items() if cell and cell.runs
            }
    return found


def test_runs_on_two_folders_share_no_column(store, write):
    write(A, 10.0)
    write(B, 20.0, method="made/other")
    write(B, 30.0, method="cmid/swin_b")
    assert columns(store) == {
        "mIoU, paper, present val (7 train, 3 val)": {"made/up": "10.00"},
        "mIoU, paper, present val (14 train, 6 val)": {"made/other": "20.00", "cmid/swin_b": "30.00"},
    }


def test_runs_on_one_folder_share_a_column_as_it_always_was(store, write):
    write(A, 10.0)
    write(A, 20.0, method="made/other")
    assert columns(store) == {"mIoU, paper, present val": {"made/up": "10.00", "made/other": "20.00"}}
    table = build_table(2, store)
    assert "mIoU@paper/present/val" in [column.key for column in table.columns]
    assert not any("other brackets" in note for note in table.notes)


@pytest.mark.parametrize(
    ("others", "endings"),
    [
        ([LIKE_A], ["7 train, 3 val, list aaaaaaaa", "7 train, 3 val, list cccccccc"]),
        ([OTHER_IMAGES], ["7 train, 3 val, images 11111111", "7 train, 3 val, images 44444444"]),
        (
            [LIKE_A, OTHER_IMAGES],
            ["7 train, 3 val, images 11111111", "7 train, 3 val, images 33333333", "7 train, 3 val, images 44444444"],
        ),
        (
            [LIKE_A, {**LIKE_A, "fingerprint": "1" * 64}, OTHER_IMAGES],
            [
                "7 train, 3 val, list aaaaaaaa, images 11111111",
                "7 train, 3 val, list aaaaaaaa, images 44444444",
                "7 train, 3 val, list cccccccc, images 11111111",
                "7 train, 3 val, list cccccccc, images 33333333",
            ],
        ),
        (
            [{**A, "split_sha256": "a" * 63 + "b"}],
            [f"7 train, 3 val, list {'a' * 63}{last}, images {'1' * 64}" for last in "ab"],
        ),
        ([{"counts": A["counts"]}], ["7 train, 3 val, list aaaaaaaa", "7 train, 3 val, list unknown"]),
        ([{}], ["7 train, 3 val", "counts unknown"]),
    ],
)
def test_the_title_tells_as_much_as_it_takes(store, write, others, endings):
    for number, dataset in enumerate([A, *others]):
        write(dataset, 10.0 + number, method=f"made/{number}")
    found = columns(store)
    assert sorted(title.partition("val (")[2].removesuffix(")") for title in found) == endings
    values = [value for cells in found.values() for value in cells.values()]
    assert sorted(values) == [f"{10 + number}.00" for number in range(len(others) + 1)]


CUT = {"size": 1024, "stride": 824, "difficult": "keep", "annotations": {"val": "sha256 aa"}}


@pytest.mark.parametrize(
    ("others", "endings"),
    [
        (
            [{**CUT, "difficult": "drop", "stride": 512}],
            ["7 train, 3 val, difficult=drop, stride=512", "7 train, 3 val, difficult=keep, stride=824"],
        ),
        ([{**CUT, "padding": 0}], ["7 train, 3 val", "7 train, 3 val, padding=0"]),
        ([CUT], ["7 train, 3 val, images 00000000", "7 train, 3 val, images 11111111"]),
        (
            [{**CUT, "annotations": {"val": "sha256 bb"}}],
            ["7 train, 3 val, images 00000000", "7 train, 3 val, images 11111111"],
        ),
        ([None], ["7 train, 3 val, images 00000000", "7 train, 3 val, images 11111111"]),
        (
            [{**CUT, "stride": 512}, None, {**CUT, "stride": 512}],
            [
                "7 train, 3 val, images 22222222",
                "7 train, 3 val, stride=512, images 11111111",
                "7 train, 3 val, stride=512, images 33333333",
                "7 train, 3 val, stride=824, images 00000000",
            ],
        ),
    ],
)
def test_policies_that_differ_tell_images_apart_and_digests_do_where_they_do_not(store, write, others, endings):
    for number, policies in enumerate([CUT, *others]):
        selected = {} if policies is None else {"data": policies}
        dataset = {**A, "fingerprint": str(number) * 64}
        write(dataset, 10.0 + number, method=f"made/{number}", selected=selected)
    assert sorted(title.partition("val (")[2].removesuffix(")") for title in columns(store)) == endings


def test_folders_of_other_counts_say_the_policies_that_made_them_so(store, write):
    write(A, 10.0, selected={"data": CUT})
    write(A, None, method="made/fails", status="failed", reason="its data are not known")
    write(B, 20.0, selected={"data": {**CUT, "stride": 512}})
    assert list(columns(store)) == [
        "mIoU, paper, present val (14 train, 6 val, stride=512)",
        "mIoU, paper, present val (7 train, 3 val, stride=824)",
    ]


def test_one_method_on_two_folders_has_both_numbers_and_leaves_nothing_out(store, write):
    write(A, 10.0)
    write(B, 20.0)
    write(B, 22.0, seed=1)
    assert [list(cells.values()) for cells in columns(store).values()] == [["21.00"], ["10.00"]]
    assert not any("left out" in note.text for note in build_table(2, store).footnotes)


def test_other_protocols_say_their_folder_too(store, write):
    write(A, 10.0)
    write(B, 20.0, protocol="frozen")
    assert list(columns(store)) == [
        "mIoU, frozen, present val (14 train, 6 val)", "mIoU, paper, present val (7 train, 3 val)",
    ]  # fmt: skip


def test_other_splits_and_other_tasks_say_nothing(store, write):
    write(A, 10.0)
    write(B, 20.0, split="blocks")
    write(LIKE_A, 30.0, task="eurosat")
    assert list(columns(store)) == ["mIoU, paper, blocks val", "mIoU, paper, present val"]


def test_a_failure_stands_in_the_column_of_its_folder(store, write):
    write(A, 10.0)
    write(B, None, status="failed", reason="nothing was learned")
    assert list(columns(store).values()) == [{"made/up": "failed"}, {"made/up": "10.00"}]


def test_demo_scenes_under_the_same_name_are_other_images(store, write):
    write(A, 10.0)
    write(B, 20.0, data="demo", method="made/other")
    assert [list(cells.values()) for cells in columns(store).values()] == [["20.00"], ["10.00"]]


def test_sizes_are_split_within_a_folder(store, write):
    write(A, 10.0, input_size=64)
    write(B, 20.0, input_size=224)
    assert len(columns(store)) == 2
    assert not any("px" in title for title in columns(store))


def test_a_note_says_that_they_are_not_comparable(store, write):
    write(A, 10.0)
    write(B, 20.0)
    assert any("The split present is not one list" in note for note in build_table(2, store).notes)


def test_places_can_be_sorted_and_hashed(write):
    records = [write(A, 10.0), write(B, 20.0), write(LIKE_A, 30.0), write({}, 40.0)]
    found = places(records)
    assert len(set(found)) == len(sorted(found)) == 4
    assert sorted(record.id for groups in found.values() for group in groups.values() for record in group.records) == (
        sorted(record.id for record in records)
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_tells_the_columns_apart(store, write, form):
    write(A, 10.25)
    write(B, 20.25, method="made/other")
    text = render(build_table(2, store), form)
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        head = text.splitlines()[0]
        assert len(next(csv.reader([head]))) == len(set(next(csv.reader([head]))))
        first, second = "mIoU@paper/present[7 train, 3 val]/val", "mIoU@paper/present[14 train, 6 val]/val"
        shown = {row["variant"]: (row[f"{first} mean"], row[f"{second} mean"]) for row in rows}
        assert (shown["made/up"], shown["made/other"]) == (("10.25", ""), ("", "20.25"))
    else:
        plain = re.sub(r"<[^>]*>", "", text)
        for said in ("present val (7 train, 3 val)", "present val (14 train, 6 val)", "not comparable", "10.25"):
            assert said in plain


def test_the_section_of_own_methods_has_all_columns(store, write):
    write(A, 10.0)
    write(B, 20.0, method="made/other")
    table = build_table(2, store)
    [own] = [section for section in table.sections if section.title == MEASURED_ONLY]
    assert [sum(cell is not None for cell in row.cells) for row in own.rows] == [1, 1]
