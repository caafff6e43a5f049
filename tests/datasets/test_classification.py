"""The readers on real layouts: what is right is read, everything that is wrong is named with its remedy."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsbench.datasets.classification import open_eurosat, open_resisc45
from rsbench.datasets.images import load_image
from rsbench.datasets.layout import EUROSAT, RESISC45
from rsbench.datasets.splits import SplitList, write_split
from rsbench.errors import UserError

Data = tuple[Path, SplitList]


def refusal(root: Path, split: SplitList) -> UserError:
    with pytest.raises(UserError) as error:
        open_eurosat(root, split)
    assert error.value.hint
    return error.value


def base(root: Path) -> Path:
    return root / "eurosat" / "2750"


@pytest.mark.parametrize("inner", [".", "eurosat", "eurosat/2750"])
def test_opens_from_every_level(demo_eurosat: Data, inner: str) -> None:
    root, split = demo_eurosat
    dataset = open_eurosat(root / inner, split)
    assert dataset.classes == tuple(sorted(dataset.classes)) and len(dataset.classes) == 10
    assert {part: len(items) for part, items in dataset.parts.items()} == {"train": 30, "val": 10, "test": 10}
    for items in dataset.parts.values():
        assert items.labels.dtype == np.int64 and items.labels.shape == (len(items),)
        assert list(items.ids) == sorted(items.ids)
        for path, key, label in zip(items.paths, items.ids, items.labels, strict=True):
            assert path.parent.name == dataset.classes[label] and str(path).endswith(key)
    image = dataset.load(dataset.parts["val"].paths[0])
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    dataset.check()


def test_system_files_and_loose_files_are_passed_over(eurosat_copy: Data) -> None:
    root, split = eurosat_copy
    before = open_eurosat(root, split).fingerprint
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._Forest_1.jpg"):
        (base(root) / "Forest" / name).write_bytes(b"x")
    (base(root) / ".hidden").mkdir()
    (base(root) / "readme.txt").write_text("x")
    assert open_eurosat(root, split).fingerprint == before


def test_missing_folder_says_what_to_put_where(tmp_path: Path, demo_eurosat: Data) -> None:
    for root in (tmp_path / "absent", tmp_path):
        error = refusal(root, demo_eurosat[1])
        assert "EuroSAT.zip" in error.hint and str(root / "eurosat" / "2750" / "AnnualCrop") in error.hint


def test_missing_class_and_missing_images(eurosat_copy: Data) -> None:
    root, split = eurosat_copy
    for number in (1, 2, 3, 4):
        (base(root) / "River" / f"River_{number}.jpg").unlink()
    message = refusal(root, split).message
    assert "River/River_1.jpg" in message and "1 more" in message and "lacks images" in message
    shutil.rmtree(base(root) / "River")
    assert "lacks classes: River" in refusal(root, split).message


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("Forest/Forest_99.jpg", b"x", "does not know: Forest/Forest_99.jpg"),
        ("Forest/Forest_1.tif", b"x", "another kind: Forest/Forest_1.tif"),
        ("Forest/notes.txt", b"x", "another kind: Forest/notes.txt"),
        ("Wood/Wood_1.jpg", b"x", "not its classes: Wood"),
        ("Forest/Forest_1.jpg", b"", "empty files: Forest/Forest_1.jpg"),
    ],
)
def test_files_that_do_not_belong(eurosat_copy: Data, name: str, content: bytes, reason: str) -> None:
    root, split = eurosat_copy
    path = base(root) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert reason in refusal(root, split).message


def test_empty_foreign_class_folder(eurosat_copy: Data) -> None:
    root, split = eurosat_copy
    (base(root) / "forest2").mkdir()
    assert "not its classes: forest2" in refusal(root, split).message


def test_split_of_another_dataset(demo_eurosat: Data, tmp_path: Path) -> None:
    rows = {"airplane": ["train"]}
    other = write_split(tmp_path / "s.txt", name="other", ids="{class}/{class}_{number}.jpg", assignment=rows)
    assert "classes that EuroSAT RGB lacks: airplane" in refusal(demo_eurosat[0], other).message


def test_unused_images_may_be_there(demo_eurosat: Data, tmp_path: Path) -> None:
    root, _ = demo_eurosat
    rows = {name: ["train", "", "", "val", ""] for name in EUROSAT.classes}
    split = write_split(tmp_path / "s.txt", name="few", ids="{class}/{class}_{number}.jpg", assignment=rows)
    assert {k: len(v) for k, v in open_eurosat(root, split).parts.items()} == {"train": 10, "val": 10}


def test_truncated_and_foreign_files_fail_when_loaded(eurosat_copy: Data) -> None:
    root, split = eurosat_copy
    dataset = open_eurosat(root, split)
    first, second, third = dataset.parts["train"].paths[:3]
    first.write_bytes(first.read_bytes()[:-400])
    second.write_bytes(b"<html>not found</html>")
    Image.new("RGB", (65, 64)).save(third)
    for path, reason in ((first, "truncated"), (second, "not an image"), (third, "65 x 64 pixels")):
        with pytest.raises(UserError) as error:
            dataset.load(path)
        assert str(path) in error.value.message and reason in str(error.value) and error.value.hint
    with pytest.raises(UserError, match="3 images in all"):
        dataset.check()


def test_fingerprint_follows_content_and_names_only(eurosat_copy: Data, tmp_path: Path) -> None:
    root, split = eurosat_copy
    dataset = open_eurosat(root, split)
    original = dataset.fingerprint
    shutil.copytree(base(root), tmp_path / "elsewhere")
    assert open_eurosat(tmp_path / "elsewhere", split).fingerprint == original

    one, two = dataset.parts["train"].paths[0], dataset.parts["test"].paths[0]
    content = bytearray(one.read_bytes())
    content[-1] ^= 1
    one.write_bytes(bytes(content))
    assert dataset.fingerprint == original  # remembered by the object
    changed = open_eurosat(root, split).fingerprint
    content[-1] ^= 1
    one.write_bytes(bytes(content))
    assert open_eurosat(root, split).fingerprint == original != changed

    first, second = one.read_bytes(), two.read_bytes()  # the same bytes under exchanged names
    one.write_bytes(second)
    two.write_bytes(first)
    assert open_eurosat(root, split).fingerprint not in (original, changed)


def test_fingerprint_of_another_name_differs(tmp_path: Path) -> None:
    prints = []
    for ids in ("{class}/{class}_{number:03d}.jpg", "{class}/{class}_{number:04d}.jpg"):
        folder = tmp_path / str(len(prints))
        rows = {name: ["train"] for name in RESISC45.classes}
        split = write_split(tmp_path / "s.txt", name="n", ids=ids, assignment=rows)
        for key in split.parts["train"]:
            (folder / key).parent.mkdir(parents=True)
            (folder / key).write_bytes(b"the same")
        prints.append(open_resisc45(folder, split).fingerprint)
    assert prints[0] != prints[1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_8_bit_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    grey = Image.fromarray(np.full((5, 7), 255, np.uint8))
    path = tmp_path / f"image.{'tif' if mode == 'CMYK' else 'png'}"
    grey.convert("RGB").convert(mode).save(path)
    assert np.array_equal(load_image(path), np.full((5, 7, 3), 255, np.uint8))


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (200, 100, 50, 0)).save(tmp_path / "clear.png")
    assert load_image(tmp_path / "clear.png")[0, 0].tolist() == [200, 100, 50]


def test_what_cannot_be_read_as_8_bit_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match="8 bits per channel"):
        load_image(tmp_path / "deep.png")
    with pytest.raises(UserError, match="does not exist"):
        load_image(tmp_path / "absent.png")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(UserError, match="is empty"):
        load_image(tmp_path / "empty.jpg")
    with pytest.raises(UserError, match="folder"):
        load_image(tmp_path)
