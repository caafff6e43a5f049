"""Split files: what is written is read, faults are named, the shipped lists are what they claim to be."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.datasets import resisc45
from rsbench.datasets.layout import RESISC45
from rsbench.datasets.splits import (
    SplitList,
    draw_order,
    make_split,
    read_split,
    resolve_split,
    spell,
    stratified,
    write_split,
)
from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.task import Lazy, Split

CLASSES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/\\#{}"), min_size=1)
PARTS = st.sampled_from(["train", "val", "test", "extra", "tiny", ""])
ROWS = st.dictionaries(CLASSES.filter(lambda c: c not in (".", "..")), st.lists(PARTS, max_size=12), min_size=1)
SPLITS = [split for name in ("eurosat", "resisc45") for split in load().task(name).splits]


@settings(deadline=None)
@given(rows=ROWS.filter(lambda rows: any(part for row in rows.values() for part in row)), comment=st.text(max_size=30))
def test_round_trip(rows: dict[str, list[str]], comment: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("split") / "list.txt"
    ids = "{class}/{class}_{number:03d}.jpg"
    written = write_split(path, name="any name", ids=ids, assignment=rows, origin=[comment])
    found = read_split(path)
    expected: dict[str, list[str]] = {}
    for class_name, row in rows.items():
        for number, part in enumerate(row, start=1):
            expected.setdefault(part, []).append(f"{class_name}/{class_name}_{number:03d}.jpg")
    unused = expected.pop("", [])
    assert {part: list(items) for part, items in found.parts.items()} == {k: sorted(v) for k, v in expected.items()}
    assert list(found.unused) == sorted(unused)
    assert found.counts == {part: len(items) for part, items in expected.items()}
    assert found.sha256 == written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.name == "any name"


HEAD = "name n\nids {class}/{number}.jpg\ncodes t=train v=val\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks name, ids, codes"),
        (HEAD, "lacks classes"),
        (HEAD + "ship\ttx\n", "image 2 of ship has the code 'x'"),
        (HEAD + "ship\tt\nship\tv\n", "a second time"),
        (HEAD + "../ship\tt\n", "cannot be a folder"),
        (HEAD + "..\tt\n", "cannot be a folder"),
        (HEAD + "colour red\nship\tt\n", "line 4 is neither"),
        (HEAD.replace("v=val", "t=val") + "ship\tt\n", "codes must read"),
        (HEAD.replace("v=val", "v=train") + "ship\tt\n", "codes must read"),
        (HEAD.replace("v=val", "vv=val") + "ship\tt\n", "codes must read"),
        (HEAD.replace("{number}", "x") + "ship\ttt\n", "lacks {class} or {number}"),
        (HEAD.replace("{class}", "../{class}") + "ship\ttt\n", "leaves the dataset"),
        (HEAD.replace("{class}", "{class.__init__}{class}") + "ship\ttt\n", "lacks {class} or {number}"),
        (HEAD.replace("/{number}", "{number}") + "a\t" + "t" * 11 + "\na1\tt\n", "the same id"),
    ],
)
def test_faults_are_named(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_split(path)
    assert reason in error.value.message and str(path) in error.value.message


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_split(tmp_path / "absent.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        read_split(tmp_path / "binary.txt")


def test_nothing_is_written_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        write_split(tmp_path / "s.txt", name="n", ids="{class}/{number}", assignment={"a\tb": ["train"]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.file)
def test_shipped_lists_agree_with_their_description(split: Split) -> None:
    found = read_split(split)
    everything = [item for items in found.parts.values() for item in items]
    assert len(set(everything)) == len(everything) == sum(split.counts.values())
    assert found.unused == ()


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"counts": {"train": 1}}, {"name": "other"}])
def test_a_list_that_is_not_the_described_one_is_refused(change: dict) -> None:
    split = SPLITS[0]
    wrong = Split(**{"name": split.name, "file": split.file, "sha256": split.sha256, "counts": split.counts} | change)
    with pytest.raises(UserError, match=next(iter(change))):
        read_split(wrong)
    with pytest.raises(UserError, match="cannot be read"):
        read_split(Split(name="n", file="absent.txt", sha256="", counts={}))


SECO_COUNTS = {
    "train": [1791, 1787, 1799, 1505, 1492, 1195, 1481, 1863, 1460, 1827],
    "val": [613, 605, 628, 499, 507, 409, 481, 583, 511, 564],
    "test": [596, 608, 573, 496, 501, 396, 538, 554, 529, 609],
}


def test_eurosat_list_is_that_of_seco() -> None:
    task = load().task("eurosat")
    found = read_split(task.split("seco"))
    for part, counts in SECO_COUNTS.items():
        assert [sum(item.startswith(f"{c}/") for item in found.parts[part]) for c in task.classes] == counts
    # MD5 of the sorted lines of the published eurosat-val.txt
    names = sorted(item.partition("/")[2] for item in found.parts["val"])
    assert hashlib.md5("\n".join(names).encode()).hexdigest() == "f5699125bb071fff2e23b6ffc030be20"


@pytest.mark.parametrize("name", ["60-20-20", "80-20"])
def test_resisc45_lists_can_be_drawn_again(name: str, tmp_path: Path) -> None:
    split = load().task("resisc45").split(name)
    drawn = resisc45.draw(name, tmp_path / "again.txt")
    assert drawn.sha256 == split.sha256
    shares = {"60-20-20": {"train": 420, "val": 140, "test": 140}, "80-20": {"train": 560, "val": 140}}[name]
    for class_name in RESISC45.classes:
        counts = {k: sum(item.startswith(f"{class_name}/") for item in v) for k, v in drawn.parts.items()}
        assert counts == shares


@settings(deadline=None)
@given(size=st.integers(0, 60), seed=st.integers(0, 99), train=st.integers(1, 9))
def test_stratified_shares(size: int, seed: int, train: int) -> None:
    shares = {"train": train / 10, "test": 1 - train / 10}
    row = stratified({"a": size, "b": 3}, shares, seed)["a"]
    assert len(row) == size and "" not in row
    assert abs(row.count("train") - size * train / 10) <= 0.5
    assert row == stratified({"a": size}, shares, seed)["a"]  # a class does not depend on the others


def halves(root: Path, name: str = "halves") -> SplitList:
    """A rule: files in the order of their names, one to train, one to val."""
    numbers = sorted(int(path.stem) for path in root.iterdir())
    rows = [("train", "val")[number % 2] if number in numbers else "" for number in range(1, max(numbers) + 1)]
    return make_split(name=name, ids="{class}{number}.jpg", assignment={"a": rows}, origin=["by a test"])


def test_a_split_by_a_rule_is_drawn_from_what_is_there(tmp_path: Path) -> None:
    for number in (1, 2, 5):
        (tmp_path / f"{number}.jpg").touch()
    found = resolve_split(Split(name="halves", draw=halves), tmp_path)
    assert found.parts == {"train": ("a2.jpg",), "val": ("a1.jpg", "a5.jpg")}
    text = "# by a test\nname halves\nids {class}{number}.jpg\ncodes t=train v=val\na\tvt--v\n"
    assert found.sha256 == hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "6.jpg").touch()
    again = resolve_split(Split(name="halves", draw=halves), tmp_path)
    assert again.parts["train"] == ("a2.jpg", "a6.jpg") and again.sha256 != found.sha256
    with pytest.raises(UserError, match="called 'halves'"):
        resolve_split(Split(name="other", draw=halves), tmp_path)
    with pytest.raises(UserError, match="has no file"):
        read_split(Split(name="halves", draw=halves))


def test_a_split_with_a_file_needs_no_folder() -> None:
    assert resolve_split(SPLITS[0], "absent") == read_split(SPLITS[0])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({}, "neither a file nor a rule"), ({"file": "a.txt", "draw": halves}, "both a file and a rule"),
     ({"draw": halves, "sha256": "00"}, "has a sha256 or counts"),
     ({"draw": halves, "counts": {"train": 1}}, "has a sha256 or counts")],
)  # fmt: skip
def test_a_split_has_one_source(wrong: dict, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        Split(name="n", **wrong)


def test_a_rule_can_be_named_and_imported_later(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError):
        resolve_split(Split(name="n", draw=Lazy("rsbench.no_such_module:draw")), tmp_path)


@settings(deadline=None)
@given(numbers=st.sets(st.integers(1, 500), min_size=2, max_size=30))
def test_the_order_of_two_does_not_depend_on_the_others(numbers: set[int]) -> None:
    order = draw_order("a", numbers, 0)
    everything = draw_order("a", range(1, 501), 0)
    assert order == [number for number in everything if number in numbers]


@settings(deadline=None)
@given(rows=st.dictionaries(st.sampled_from("abc"), st.lists(PARTS).map(lambda row: ["train", *row]), min_size=1))
def test_a_made_split_is_the_one_that_would_be_written(
    rows: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("split") / "list.txt"
    written = write_split(path, name="n", ids="{class}_{number}", assignment=rows, origin=["x"])
    assert make_split(name="n", ids="{class}_{number}", assignment=rows, origin=["x"]) == written


def test_another_seed_gives_another_draw() -> None:
    shares = {"train": 0.5, "test": 0.5}
    assert stratified({"a": 40}, shares, 0) != stratified({"a": 40}, shares, 1)
    with pytest.raises(UserError, match="add to 1"):
        stratified({"a": 4}, {"train": 0.5}, 0)


def test_spell() -> None:
    assert spell("{class}/{class}_{number}.jpg", "River", 12) == "River/River_12.jpg"
