"""NWPU VHR-10 as it lies on disk: places, partitions, its known faults, and every bad input by its name."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from rsbench.datasets import vhr10
from rsbench.datasets.classes import VHR10 as CLASSES
from rsbench.datasets.splits import SplitList, make_split, read_split
from rsbench.datasets.vhr10 import open_boxes, open_masks
from rsbench.datasets.vhr10_splits import convert, present
from rsbench.errors import UserError

FOLDER, POSITIVE = "NWPU VHR-10 dataset", "positive image set"
NUMBERS = (1, 2, 3, 7, 650)
HEIGHT, WIDTH = 64, 96


def truth(numbers: tuple[int, ...] = NUMBERS) -> dict:
    square = [10, 10, 30, 10, 30, 26, 10, 26]
    return {
        "images": [
            {"id": n - 1, "file_name": f"{n:03d}.jpg", "height": HEIGHT, "width": WIDTH} for n in numbers
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES, start=1)],
        "annotations": [
            {"id": k, "image_id": n - 1, "category_id": 1 + k % 10, "bbox": [10.0, 10.0, 21.0, 17.0],
             "area": 320.0, "segmentation": [square], "iscrowd": 0}
            for k, n in enumerate(numbers)
        ],
    }  # fmt: skip


def split_of(parts: dict[int, str]) -> SplitList:
    row = [parts.get(number, "") for number in range(1, max(parts) + 1)]
    return make_split(name="some", ids="{class}/{number:03d}.jpg", assignment={POSITIVE: row})


FIVE = split_of({1: "train", 2: "train", 3: "train", 7: "val", 650: "val"})


def picture(number: int) -> Image.Image:
    """Noise, smooth enough that JPEG keeps it."""
    small = np.random.default_rng(number).integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return Image.fromarray(small).resize((WIDTH, HEIGHT))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / FOLDER
    (made / POSITIVE).mkdir(parents=True)
    for number in NUMBERS:
        picture(number).save(made / POSITIVE / f"{number:03d}.jpg", quality=90)
    (made / "annotations.json").write_text(json.dumps(truth()))
    return made


def test_what_an_image_holds(folder: Path) -> None:
    dataset = open_masks(folder.parent, FIVE)
    assert dataset.parts["train"] == tuple(f"{POSITIVE}/{n:03d}.jpg" for n in (1, 2, 3))
    key = f"{POSITIVE}/003.jpg"
    image, objects = dataset.load(key)
    assert np.array_equal(image, np.array(Image.open(folder / POSITIVE / "003.jpg")))
    assert dataset.image_ids[key] == 2 and dataset.category_ids == tuple(range(1, 11))
    assert objects.labels.tolist() == [2] and objects.boxes.tolist() == [[10, 10, 21, 17]]
    assert objects.masks is not None and len(objects.masks) == 1
    assert dataset.policies["annotation ids"].startswith("numbered anew from 1")
    assert dataset.notes == ()
    boxes = open_boxes(folder.parent, FIVE)
    boxes.check()
    assert not boxes.masks and boxes.objects(key).masks is None
    assert boxes.fingerprint == dataset.fingerprint


def test_the_fingerprint_covers_images_and_annotations(folder: Path) -> None:
    before = open_boxes(folder, FIVE).fingerprint
    content = truth()
    content["annotations"][0]["area"] = 321.0
    (folder / "annotations.json").write_text(json.dumps(content))
    after = open_boxes(folder, FIVE).fingerprint
    picture(9).save(folder / POSITIVE / "003.jpg")
    assert len({before, after, open_boxes(folder, FIVE).fingerprint}) == 3


@pytest.mark.parametrize(
    "place", [FOLDER, f"vhr10/{FOLDER}", "VHR10", f"VHR-10/{FOLDER.upper()}", f"nwpu vhr-10/{FOLDER}", "."]
)
def test_places(folder: Path, tmp_path: Path, place: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(folder, other / place, dirs_exist_ok=True)
    open_boxes(other, FIVE).check()


def test_folders_that_hold_nothing(tmp_path: Path, folder: Path) -> None:
    for root, reason in (
        (tmp_path / "none", "There is no folder"),
        (tmp_path / "empty", "no folder 'positive image set' was found"),
        (folder / POSITIVE, "is the folder 'positive image set'"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=reason):
            open_boxes(root, FIVE)
    for name in ("NWPU VHR-10 dataset.zip", "NWPU VHR-10 dataset.rar"):
        (tmp_path / "empty" / name).write_bytes(b"x")
        with pytest.raises(UserError, match=r"in an archive: NWPU VHR-10 dataset\.") as error:
            open_boxes(tmp_path / "empty", FIVE)
        assert "Unpack" in error.value.hint
    (folder / "annotations.json").unlink()
    with pytest.raises(UserError, match=r"has no annotations\.json"):
        open_boxes(folder, FIVE)


def test_images_that_do_not_belong_to_the_split(folder: Path) -> None:
    (folder / "negative image set").mkdir()
    (folder / "negative image set" / "001.jpg").write_bytes(b"not used")
    (folder / POSITIVE / "Thumbs.db").write_bytes(b"x")
    open_boxes(folder, FIVE)
    (folder / POSITIVE / "651.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match=r"unknown to the split 'some': 651\.jpg") as error:
        open_boxes(folder, FIVE)
    assert "rsbench run --split present, rsbench score --partition present" in error.value.hint
    (folder / POSITIVE / "651.jpg").unlink()
    (folder / POSITIVE / "002.jpg").rename(folder / "002.jpg")
    with pytest.raises(UserError, match=r"lacks images of the split 'some': 002\.jpg"):
        open_boxes(folder, FIVE)
    (folder / POSITIVE / "002.jpg").touch()
    with pytest.raises(UserError, match=r"empty files: 002\.jpg"):
        open_boxes(folder, FIVE)
    (folder / POSITIVE / "002.png").touch()
    with pytest.raises(UserError, match=r"no JPEG images: 002\.png"):
        open_boxes(folder, FIVE)


def test_images_that_the_annotations_do_not_list(folder: Path) -> None:
    (folder / "annotations.json").write_text(json.dumps(truth((1, 2, 3, 7))))
    with pytest.raises(UserError, match=r"annotations\.json does not list: 650\.jpg"):
        open_boxes(folder, FIVE)


def test_an_image_of_another_size_than_annotated(folder: Path) -> None:
    picture(1).resize((WIDTH, HEIGHT + 1)).save(folder / POSITIVE / "001.jpg")
    with pytest.raises(UserError, match=r"has \(65, 96\) pixels, its annotations say \(64, 96\)"):
        open_boxes(folder, FIVE).check()


def cut(path: Path, count: int = 24) -> bytes:
    content = path.read_bytes()[:-count]
    path.write_bytes(content)
    return content


def test_the_known_image_that_is_cut_off_is_read_as_far_as_it_goes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / POSITIVE / "650.jpg"
    whole = np.array(Image.open(path))
    content = cut(path, 150)
    with pytest.raises(UserError, match=r"650\.jpg cannot be decoded"):
        open_boxes(folder, FIVE).check()  # cut off, and not the one that is known
    monkeypatch.setattr(vhr10, "CUT_SHA256", hashlib.sha256(content).hexdigest())
    dataset = open_boxes(folder, FIVE)
    (note,) = dataset.notes
    assert "650.jpg ends 24 bytes early" in note
    image, _ = dataset.load(f"{POSITIVE}/650.jpg")
    differing = np.flatnonzero((image != whole).any(axis=(1, 2)))
    assert len(differing) and differing.min() >= HEIGHT // 2  # the beginning is as it was
    assert (image[-1, -1] == 128).all()
    assert not ImageFile.LOAD_TRUNCATED_IMAGES  # of the whole process, other threads too


def test_without_that_image_there_is_no_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = cut(folder / POSITIVE / "650.jpg")
    monkeypatch.setattr(vhr10, "CUT_SHA256", hashlib.sha256(content).hexdigest())
    shutil.move(folder / POSITIVE / "650.jpg", folder / "650.jpg")
    assert open_boxes(folder, split_of({1: "train", 2: "train", 3: "train", 7: "val"})).notes == ()


def test_any_other_image_that_is_cut_off_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = cut(folder / POSITIVE / "003.jpg")
    monkeypatch.setattr(vhr10, "CUT_SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(UserError, match=r"003\.jpg cannot be decoded"):
        open_boxes(folder, FIVE).check()


def test_the_shipped_list() -> None:
    path = Path(__file__).parents[2] / "tasks" / "splits" / "vhr10_rsprompter.txt"
    found = read_split(path)
    assert found.counts == {"train": 520, "val": 130} and not found.unused
    expected = {f"{POSITIVE}/{number:03d}.jpg" for number in range(1, 651)}
    assert {key for ids in found.parts.values() for key in ids} == expected


def test_two_files_become_a_list(tmp_path: Path) -> None:
    for name, numbers in (("train", (1, 3, 7)), ("val", (2, 650)), ("both", (3,))):
        (tmp_path / f"{name}.json").write_text(json.dumps(truth(numbers)))
    made = convert(tmp_path / "train.json", tmp_path / "val.json", tmp_path / "list.txt")
    assert read_split(tmp_path / "list.txt") == made
    assert made.parts["train"] == tuple(f"{POSITIVE}/{n:03d}.jpg" for n in (1, 3, 7)) and made.counts["val"] == 2
    with pytest.raises(UserError, match="share images: 3"):
        convert(tmp_path / "train.json", tmp_path / "both.json", tmp_path / "list.txt")


def test_the_images_that_are_there_are_divided(folder: Path) -> None:
    split = present(folder.parent)
    assert split.counts == {"train": 4, "val": 1} and split.unused == ()
    open_masks(folder.parent, split).check()
    assert present(folder).sha256 == split.sha256
    (folder / POSITIVE / "650.jpg").unlink()
    fewer = present(folder)
    assert sum(fewer.counts.values()) == 4
    picture(1).save(folder / POSITIVE / "x.jpg")
    with pytest.raises(UserError, match=r"not named 001\.jpg and so on: x\.jpg"):
        present(folder)
