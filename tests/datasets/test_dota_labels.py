"""Label files and folders of DOTA v1.0: what is read, what is passed over, and every bad input by file and line."""

from pathlib import Path

import numpy as np
import pytest

from rsbench.datasets.classes import DOTA as CLASSES
from rsbench.datasets.dota_labels import outlines, read_labels
from rsbench.datasets.dota_layout import find_parts
from rsbench.errors import UserError

SHIP = "10 10 30 10 30 20 10 20 ship 0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "P0001.txt"


@pytest.mark.parametrize(
    "header", ["", "imagesource:GoogleEarth\ngsd:0.25\n", "gsd:None\n", "\n\nimagesource:\n", "\ufeffImageSource:x\r\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_headers_and_line_ends(path: Path, header: str, end: str) -> None:
    path.write_bytes(f"{header}{SHIP}\n\n  1.5 2 3 2 3 4.25 1.5 4.25   small-vehicle  1 {end}".encode())
    found = read_labels(path)
    assert found.corners.tolist() == [
        [[10, 10], [30, 10], [30, 20], [10, 20]],
        [[1.5, 2], [3, 2], [3, 4.25], [1.5, 4.25]],
    ]
    assert [CLASSES[label] for label in found.labels] == ["ship", "small-vehicle"]
    assert found.difficult.tolist() == [False, True] and found.no_area == 0


@pytest.mark.parametrize("content", [b"", b"\n\n", b"imagesource:GoogleEarth\ngsd:0.1\n"])
def test_no_objects(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert len(read_labels(path)) == 0 and read_labels(path).corners.shape == (0, 4, 2)


def test_classes_have_the_numbers_of_the_development_kit(path: Path) -> None:
    path.write_text("".join(f"0 0 9 0 9 9 0 9 {name} 0\n" for name in reversed(CLASSES)))
    assert read_labels(path).labels.tolist() == [*range(14, -1, -1)]
    assert CLASSES[:5] == ("plane", "baseball-diamond", "bridge", "ground-track-field", "small-vehicle")


def test_quadrilaterals_without_area_are_left_out_and_counted(path: Path) -> None:
    lines = ["5 5 5 5 5 5 5 5 ship 0", SHIP, "0 0 10 10 20 20 5 5 ship 1", "0 0 9 0 9 0 0 0 ship 0"]
    path.write_text("\n".join(lines))
    found = read_labels(path)
    assert found.no_area == 3 and len(found) == 1 and found.corners[0, 0].tolist() == [10, 10]


def test_a_quadrilateral_that_crosses_itself_is_what_it_encloses(path: Path) -> None:
    path.write_text("0 0 10 10 10 0 0 10 ship 0\n")  # two triangles of 25
    (shape,) = outlines(read_labels(path).corners)
    assert shape.area == pytest.approx(50) and shape.bounds == (0, 0, 10, 10)


@pytest.mark.parametrize(
    ("line", "reason", "hint"),
    [
        ("1 2 3 4 5 6 7 8 ship", "it has 9 fields, not 10", "x1 y1"),
        ("1 2 3 4 5 6 7 8 ship 0 0", "it has 11 fields, not 10", "x1 y1"),
        ("gsd:0.5", "it has 1 fields", "x1 y1"),
        ("1 2 3 4 5 6 7 x ship 0", "the coordinate 'x' is no number", "x1 y1"),
        ("1 2 3 4 5 6 7 nan ship 0", "the coordinate 'nan' is not finite", "x1 y1"),
        ("1 2 3 4 5 6 7 -inf ship 0", "the coordinate '-inf' is not finite", "x1 y1"),
        ("1 2 3 4 5 6 7 1_0 ship 0", "the coordinate '1_0' is no number", "x1 y1"),
        ("1 2 3 4 5 6 7 \u0667 ship 0", "the coordinate '\u0667' is no number", "x1 y1"),
        ("1 2 3 4 5 6 7 1e300 ship 0", "the coordinate '1e300' lies beyond 10,000,000 pixels", "x1 y1"),
        ("-1e300 2 3 4 5 6 7 8 ship 0", "the coordinate '-1e300' lies beyond", "x1 y1"),
        ("0 0 9 0 9 9 0 9 shp 0", "there is no class 'shp'", "Did you mean 'ship'?"),
        ("0 0 9 0 9 9 0 9 container-crane 0", "there is no class 'container-crane'", "labels of v1.0"),
        ("0 0 9 0 9 9 0 9 6 0", "there is no class '6'", "Classes are names"),
        ("0 0 9 0 9 9 0 9 ship 2", "difficult is 2, the mark of parts of objects", "as they were published"),
        ("0 0 9 0 9 9 0 9 ship 3", "difficult is '3', neither 0 nor 1", "x1 y1"),
        ("0 0 9 0 9 9 0 9 ship -1", "difficult is '-1'", "x1 y1"),
    ],
)
def test_bad_lines(path: Path, line: str, reason: str, hint: str) -> None:
    path.write_text(f"imagesource:x\ngsd:1\n\n{SHIP}\n{line}\n")
    with pytest.raises(UserError) as error:
        read_labels(path)
    assert error.value.message.startswith(f"{path}, line 5: ") and reason in error.value.message
    assert hint in error.value.hint


def test_files_that_are_no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe1 2")
    with pytest.raises(UserError, match="is no text in UTF-8"):
        read_labels(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_labels(path.parent / "none.txt")


def fill(root: Path, images: str, labels: str, names: tuple[str, ...] = ("P1", "P2"), suffix: str = ".png") -> None:
    for folder, end in ((root / images, suffix), (root / labels, ".txt")):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / f"{name}{end}").write_text("x")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labelTxt"),
        ("images/images", "labelTxt"),
        ("images", "labelTxt-v1.0/labelTxt"),
        ("images", "labelTxt-v1.0"),
        ("part1/images", "labelTxt"),
        ("images/part1/images", "labelTxt"),
        ("Images", "LabelTxt"),
        ("images", "annotations/version1.0"),
    ],
)
@pytest.mark.parametrize("base", ["", "DOTA/", "dota-v1.0/"])
def test_places(tmp_path: Path, base: str, images: str, labels: str) -> None:
    fill(tmp_path, f"{base}train/{images}", f"{base}train/{labels}")
    fill(tmp_path, f"{base}val/{images}", f"{base}val/{labels}", ("P3",))
    (tmp_path / f"{base}test/images").mkdir(parents=True)
    (tmp_path / f"{base}test/images/P9.png").write_text("has no labels")
    found = find_parts(tmp_path)
    assert {part: [source.stem for source in some] for part, some in found.items()} == {
        "train": ["P1", "P2"], "val": ["P3"],
    }  # fmt: skip
    assert found["train"][0].labels.is_file() and found["train"][0].image.is_file()


def test_archives_unpacked_side_by_side_are_one_part(tmp_path: Path) -> None:
    fill(tmp_path, "train/part1/images", "train/labelTxt", ("P1",))
    fill(tmp_path, "train/part2/images", "train/labelTxt", ("P2",), ".jpg")
    assert [source.image.name for source in find_parts(tmp_path)["train"]] == ["P1.png", "P2.jpg"]
    fill(tmp_path, "train/part3/images", "train/labelTxt", ("P2",))
    with pytest.raises(UserError, match="two images of the name P2"):
        find_parts(tmp_path)


def test_a_folder_without_parts(tmp_path: Path) -> None:
    fill(tmp_path, "images", "labelTxt")
    fill(tmp_path, "patches_1024/images", "patches_1024/labelTxt", ("P1", "P7"))  # another one, not this
    assert [source.stem for source in find_parts(tmp_path)["all"]] == ["P1", "P2"]
    assert [source.stem for source in find_parts(tmp_path / "patches_1024")["all"]] == ["P1", "P7"]


def test_what_does_not_belong_together(tmp_path: Path) -> None:
    fill(tmp_path, "images", "labelTxt")
    (tmp_path / "images" / "P5.png").write_text("x")
    with pytest.raises(UserError, match=r"has images without labels: P5\.png"):
        find_parts(tmp_path)
    (tmp_path / "images" / "P5.png").unlink()
    (tmp_path / "labelTxt" / "P6.txt").write_text("")
    with pytest.raises(UserError, match=r"has labels without an image: P6\.txt"):
        find_parts(tmp_path)
    (tmp_path / "labelTxt" / "P6.txt").unlink()
    (tmp_path / "images" / "P1.png").write_text("")
    with pytest.raises(UserError, match=r"has empty images: P1\.png"):
        find_parts(tmp_path)
    (tmp_path / "images" / "P1.gif").write_text("")
    with pytest.raises(UserError, match=r"files of another kind among its images: .*P1\.gif"):
        find_parts(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    for root, reason in ((tmp_path / "none", "There is no folder"), (tmp_path, "neither the folders train and val")):
        with pytest.raises(UserError, match=reason) as error:
            find_parts(root)
        assert "https://captain-whu.github.io/DOTA/dataset.html" in error.value.hint
    (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="has no folder of images"):
        find_parts(tmp_path)
    (tmp_path / "train/images").mkdir()
    (tmp_path / "train/images/P1.png").write_text("x")
    with pytest.raises(UserError, match="images and no labels"):
        find_parts(tmp_path)
    (tmp_path / "train/labelTxt").mkdir()
    with pytest.raises(UserError, match="holds no label file"):
        find_parts(tmp_path)
    with pytest.raises(UserError, match="is the folder images of") as error:
        find_parts(tmp_path / "train/images")
    assert str(tmp_path / "train") in error.value.hint


@pytest.mark.parametrize("labels", ["labelTxt-v1.5", "annotations/version2.0"])
def test_later_versions_are_pointed_out(tmp_path: Path, labels: str) -> None:
    fill(tmp_path, "train/images", f"train/{labels}")
    with pytest.raises(UserError, match="labels of a later version of DOTA") as error:
        find_parts(tmp_path)
    assert "not comparable" in error.value.hint


def test_archives_that_are_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "train.zip").write_bytes(b"x")
    with pytest.raises(UserError, match=r"in archives: train\.zip"):
        find_parts(tmp_path)


def test_outlines_of_nothing() -> None:
    assert len(outlines(np.zeros((0, 4, 2)))) == 0
