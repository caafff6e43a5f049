"""DOTA v1.0 from the published layout to a dataset: prepared once, resumed, never mixed, opened."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from rsbench.datasets.classes import DOTA as CLASSES
from rsbench.datasets.dota import open_dota
from rsbench.datasets.dota_prepare import prepare
from rsbench.datasets.dota_splits import official, present
from rsbench.datasets.dota_tiles import Settings
from rsbench.errors import UserError

SMALL = Settings(tile=64, stride=48)
SIZES = {"P0001": (100, 80), "P0002": (50, 40), "P0003": (64, 112)}  # width and height
HEADER = "imagesource:GoogleEarth\ngsd:0.1\n"


def noise(stem: str) -> np.ndarray:
    width, height = SIZES.get(stem, (70, 64))
    seed = int.from_bytes(stem.encode(), "big")
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def write(folder: Path, stem: str, labels: str = f"{HEADER}10 10 30 10 30 25 10 25 ship 0\n") -> None:
    for name in ("images", "labelTxt"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(stem)).save(folder / "images" / f"{stem}.png")
    (folder / "labelTxt" / f"{stem}.txt").write_text(labels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    base = tmp_path / "dota"
    write(base / "train", "P0001", f"{HEADER}60 10 90 10 90 25 60 25 plane 0\n40 40 70 40 70 70 40 70 harbor 1\n")
    write(base / "train", "P0002")
    write(base / "val", "P0003", "")
    return base


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Time and digest of all files, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


def contents(folder: Path) -> dict[str, str]:
    return {name: digest for name, (_, digest) in state(folder).items()}


def test_from_images_to_a_dataset(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = prepare(root, settings=SMALL, report=lambda done, total: seen.append((done, total)))
    assert folder == root / "tiles-64-48" and seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    dataset = open_dota(root, official(root))
    dataset.check()
    assert dataset.parts == {
        "train": (
            "train/P0001__1__0___0.png", "train/P0001__1__0___16.png", "train/P0001__1__36___0.png",
            "train/P0001__1__36___16.png", "train/P0002__1__0___0.png",
        ),
        "val": ("val/P0003__1__0___0.png", "val/P0003__1__0___48.png"),
    }  # fmt: skip
    image, objects = dataset.load("train/P0001__1__36___16.png")
    assert np.array_equal(image, noise("P0001")[16:80, 36:100])
    assert objects.boxes.tolist() == [[4, 24, 30, 30]]  # of the plane only nine of fifteen rows are in the tile
    assert objects.labels.tolist() == [CLASSES.index("harbor")] and objects.areas.tolist() == [900]
    assert len(dataset.objects("val/P0003__1__0___0.png")) == 0
    assert dataset.load("train/P0002__1__0___0.png")[0].shape == (40, 50, 3)
    assert dataset.policies["stride"] == 48 and dataset.policies["difficult"] == "keep" and not dataset.masks
    ids = [dataset.image_ids[key] for ids in dataset.parts.values() for key in ids]
    assert len(set(ids)) == len(ids) and min(ids) == 1
    assert dataset.category_ids == tuple(range(1, 16))
    text = (folder / "summary.txt").read_text()
    assert "train: 2 images, 5 tiles. 3 objects, 1 of them difficult" in text and "val: 1 images, 2 tiles" in text


def test_others_can_read_the_annotations(root: Path) -> None:
    reader = COCO(str(prepare(root, settings=SMALL) / "train.json"))
    assert [one["name"] for one in reader.loadCats(reader.getCatIds())] == list(CLASSES)
    assert min(reader.getAnnIds()) == 1 and len(reader.getImgIds()) == 5
    for one in reader.loadAnns(reader.getAnnIds()):
        assert reader.annToMask(one).sum() == pytest.approx(one["area"], rel=0.15)
        assert {"difficult", "iscrowd", "bbox", "segmentation"} <= set(one)
    info = reader.dataset["info"]
    assert info["settings"] == SMALL.as_dict() and info["counts"]["objects"] == 3


def test_a_second_time_nothing_is_done(root: Path) -> None:
    folder = prepare(root, settings=SMALL)
    before = state(folder)
    prepare(root, settings=SMALL)
    after = state(folder)
    for name in ("tiling.json", "summary.txt"):
        assert before.pop(name)[1] == after.pop(name)[1]
    assert before == after


def test_it_goes_on_after_a_kill(root: Path, tmp_path: Path) -> None:
    whole = contents(prepare(root, tmp_path / "at-once", SMALL))
    script = (
        "import os, sys\nfrom rsbench.datasets.dota_prepare import prepare\n"
        "def report(done, total):\n    if done == 2: os._exit(9)\n"
        "prepare(sys.argv[1], sys.argv[2], {'tile': 64, 'stride': 48}, 1, report)\n"
    )
    broken = tmp_path / "broken-off"
    assert subprocess.run([sys.executable, "-c", script, root, broken], check=False).returncode == 9
    folder = broken / SMALL.name
    before = state(folder)
    notes = [name for name in before if name.startswith(".done") and name.endswith(".json")]
    assert len(notes) == 2 and "train.json" not in before
    with pytest.raises(UserError, match=r"tiles of 'train' in .* are not finished") as error:
        official(broken)
    assert f"rsbench data prepare --task dota --data {broken}" in error.value.hint
    (left,) = {"P0001", "P0002", "P0003"} - {Path(name).stem for name in notes}
    part = "val" if left == "P0003" else "train"
    (folder / part / f"{left}__1__0___0.png").write_bytes(b"half a til")
    seen: list[int] = []
    prepare(root, broken, SMALL, report=lambda done, total: seen.append(done))
    assert seen == [2, 3]
    after = state(folder)
    for name, kept in before.items():
        if name.endswith(".png") or name in notes:
            assert after[name] == kept, name
    assert contents(folder) == whole


def test_what_has_changed_is_made_anew_and_nothing_else(root: Path) -> None:
    folder = prepare(root, settings=SMALL)
    before = state(folder)
    (root / "train/labelTxt/P0002.txt").write_text("1 1 9 1 9 9 1 9 bridge 0\n")
    (folder / "val" / "P0003__1__0___48.png").unlink()
    prepare(root, settings=SMALL)
    after = state(folder)
    changed = {name for name in after if after[name][0] != before[name][0]} - {"tiling.json", "summary.txt"}
    assert changed == {
        "train.json", "val.json", ".done/train/P0002.json", ".done/val/P0003.json", "train/P0002__1__0___0.png",
        "val/P0003__1__0___0.png", "val/P0003__1__0___48.png",
    }  # fmt: skip
    assert open_dota(root, official(root)).objects("train/P0002__1__0___0.png").boxes.tolist() == [[1, 1, 8, 8]]
    (root / "train/images/P0002.png").unlink()
    (root / "train/labelTxt/P0002.txt").unlink()
    prepare(root, settings=SMALL)
    assert not list(folder.rglob("*P0002*"))
    open_dota(root, official(root)).check()


def test_the_same_tiles_however_many_processes(root: Path, tmp_path: Path) -> None:
    for number in range(4, 8):
        write(root / "train", f"P{number:04d}")
    seen: list[int] = []
    one = contents(prepare(root, tmp_path / "one", SMALL, workers=1))
    two = contents(prepare(root, tmp_path / "two", SMALL, workers=2, report=lambda done, total: seen.append(done)))
    assert one == two and seen == [*range(8)]


def test_the_first_error_of_a_process_arrives_as_one_line(root: Path) -> None:
    for number in range(4, 12):
        write(root / "train", f"P{number:04d}")
    path = root / "train/images/P0007.png"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"P0007\.png cannot be decoded") as error:
        prepare(root, settings=SMALL, workers=2)
    assert error.value.hint
    Image.fromarray(noise("P0007")).save(path)
    prepare(root, settings=SMALL, workers=2)
    open_dota(root, official(root)).check()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at the processes of Linux")
def test_processes_do_not_outlive_a_killed_parent(root: Path, tmp_path: Path) -> None:
    for number in range(4, 12):
        write(root / "train", f"P{number:04d}")
    script = (
        "import multiprocessing, os, signal, sys\nfrom rsbench.datasets.dota_prepare import prepare\n"
        "def report(done, total):\n"
        "    if done == 1:\n"
        "        print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "prepare(sys.argv[1], None, {'tile': 64, 'stride': 48}, 2, report)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, root], check=False, stdout=subprocess.PIPE, text=True)
    assert done.returncode == -signal.SIGKILL
    children = done.stdout.split()
    assert len(children) == 2
    until = time.monotonic() + 10
    while alive := [pid for pid in children if running(pid)]:
        assert time.monotonic() < until, alive
        time.sleep(0.05)
    prepare(root, settings=SMALL)


def running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_bad_labels_show_before_anything_is_cut(root: Path) -> None:
    (root / "val/labelTxt/P0003.txt").write_text("1 1 9 1 9 9 1 9 brige 0\n")
    with pytest.raises(UserError, match=r"P0003\.txt, line 1: there is no class 'brige'"):
        prepare(root, settings=SMALL)
    assert not list((root / SMALL.name).rglob("*.png"))


def test_labels_of_another_image(root: Path) -> None:
    (root / "train/labelTxt/P0002.txt").write_text("500 1 900 1 900 9 500 9 ship 0\n")
    with pytest.raises(UserError, match=r"All objects of .*P0002\.txt lie outside its image of 50 x 40"):
        prepare(root, settings=SMALL)


def test_pixels_of_other_kinds(root: Path) -> None:
    grey = noise("P0002")[..., 0]
    images = root / "train/images"
    Image.fromarray(grey).save(images / "P0002.png")
    Image.fromarray(np.dstack([noise("P0001"), np.full((80, 100), 7, np.uint8)])).save(images / "P0001.png")
    (root / "train/labelTxt/P0002.txt").write_text(
        "1 1 9 1 9 9 1 9 bridge 0\n5 5 5 5 5 5 5 5 ship 0\n60 1 70 1 70 9 60 9 ship 0\n"
    )
    prepare(root, settings=SMALL)
    dataset = open_dota(root, official(root))
    assert np.array_equal(dataset.load("train/P0002__1__0___0.png")[0], np.dstack([grey] * 3))
    assert np.array_equal(dataset.load("train/P0001__1__0___0.png")[0], noise("P0001")[:64, :64])
    assert dataset.notes == (
        "1 objects without area are left out", "1 objects outside their image are left out",
        "1 images are grey: their levels are repeated in three channels",
        "1 images have an alpha channel, which is dropped",
    )  # fmt: skip
    Image.fromarray(grey.astype(np.uint16) * 200).save(images / "P0002.png")
    with pytest.raises(UserError, match=r"P0002\.png has pixels of the type 'I;16'"):
        prepare(root, settings=SMALL)


def test_images_that_are_too_large(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4500)
    prepare(root, settings=SMALL)  # P0001 and P0003 are above the size at which Pillow warns
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3500)
    with pytest.raises(UserError, match=r"P0001\.png is too large"):
        prepare(root, root.parent / "other", SMALL)


def test_settings_are_never_mixed(root: Path, tmp_path: Path) -> None:
    first = prepare(root, tmp_path / "out", SMALL)
    second = prepare(root, tmp_path / "out", {"tile": 64, "stride": 48, "difficult": "drop"})
    assert first != second and second.name == "tiles-64-48-difficult-drop"
    with pytest.raises(UserError, match="several folders of tiles: tiles-64-48, tiles-64-48-difficult-drop"):
        official(tmp_path / "out")
    keep, drop = (open_dota(folder, official(folder)) for folder in (first, second))
    assert drop.policies["difficult"] == "drop" and keep.fingerprint != drop.fingerprint
    objects = [sum(len(one.objects(key)) for key in one.parts["train"]) for one in (keep, drop)]
    assert objects == [5, 2]  # the harbor is in three tiles
    manifest = json.loads((first / "tiling.json").read_text())
    manifest["settings"]["inside"] = 0.5
    (first / "tiling.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="was prepared with other settings"):
        prepare(root, tmp_path / "out", SMALL)
    manifest["format"] = 3
    (first / "tiling.json").write_text(json.dumps(manifest))
    for call in (lambda: official(first), lambda: prepare(root, tmp_path / "out", SMALL)):
        with pytest.raises(UserError, match="in the format 3 of another version") as error:
            call()
        assert "Update rsbench" in error.value.hint


def fingerprint(folder: Path) -> str:
    return open_dota(folder, official(folder)).fingerprint


def test_the_fingerprint_is_that_of_the_sources_whoever_cut_them(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a PNG is compressed depends on the library: two who prepare the same dataset have other files."""
    first = prepare(root, tmp_path / "one", SMALL)
    monkeypatch.setattr("rsbench.datasets.dota_work._COMPRESSION", 9)
    second = prepare(root, tmp_path / "two", SMALL)
    tiles = ["train/P0002__1__0___0.png", "val/P0003__1__0___0.png"]
    assert all((first / name).read_bytes() != (second / name).read_bytes() for name in tiles)
    assert fingerprint(first) == fingerprint(second)
    with Image.open(root / "train/images/P0002.png") as image:
        image.putpixel((7, 7), (1, 2, 3))
        image.save(root / "train/images/P0002.png")
    other_pixel = fingerprint(prepare(root, tmp_path / "three", SMALL))
    (root / "val/labelTxt/P0003.txt").write_text("1 1 9 1 9 9 1 9 bridge 0\n")
    other_label = fingerprint(prepare(root, tmp_path / "three", SMALL))
    assert len({fingerprint(first), other_pixel, other_label}) == 3


def test_a_tile_that_was_replaced_is_refused_and_can_be_made_anew(root: Path) -> None:
    folder = prepare(root, settings=SMALL)
    before = fingerprint(folder)
    tile = folder / "train" / "P0002__1__0___0.png"
    Image.fromarray(noise("P0001")[:40, :50]).save(tile)
    dataset = open_dota(root, official(root))
    with pytest.raises(UserError, match=r"P0002__1__0___0\.png is not the one that was cut") as error:
        _ = dataset.fingerprint
    assert error.value.hint.startswith("Delete it and run rsbench data prepare --task dota")
    tile.unlink()
    prepare(root, settings=SMALL)
    assert fingerprint(folder) == before


def test_annotations_that_were_changed_are_refused_and_can_be_made_anew(root: Path) -> None:
    folder = prepare(root, settings=SMALL)
    before = contents(folder)
    content = json.loads((folder / "train.json").read_text())
    content["annotations"][0]["category_id"] = 3
    (folder / "train.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"train\.json is not the one that was prepared") as error:
        official(root)
    assert "rsbench data prepare --task dota" in error.value.hint
    prepare(root, settings=SMALL)
    assert contents(folder) == before


def test_tiles_of_an_older_version_are_refused_and_can_be_made_anew(root: Path) -> None:
    folder = prepare(root, settings=SMALL)
    before = contents(folder)
    manifest = json.loads((folder / "tiling.json").read_text())
    (folder / "tiling.json").write_text(json.dumps({**manifest, "format": 1, "annotations": {}}))
    for path in (folder / ".done").rglob("*.json"):
        note = json.loads(path.read_text())
        del note["sha256"]
        path.write_text(json.dumps(note))
    with pytest.raises(UserError, match="is in the format 1 of another version") as error:
        official(root)
    assert "rsbench data prepare --task dota" in error.value.hint
    prepare(root, settings=SMALL)
    assert contents(folder) == before


def test_folders_that_are_something_else(root: Path) -> None:
    (root / SMALL.name).mkdir()
    (root / SMALL.name / "mine.txt").write_text("x")
    with pytest.raises(UserError, match="is there and is no folder of tiles"):
        prepare(root, settings=SMALL)
    (root / SMALL.name / "mine.txt").unlink()
    folder = prepare(root, settings=SMALL)
    with pytest.raises(UserError, match="is a folder of tiles already"):
        prepare(folder, settings=SMALL)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(root: Path) -> None:
    root.chmod(0o500)
    try:
        with pytest.raises(UserError, match="cannot be written"):
            prepare(root, settings=SMALL)
    finally:
        root.chmod(0o700)


def test_without_tiles_the_command_is_named(root: Path) -> None:
    for make in (official, present):
        with pytest.raises(UserError, match="is not cut into tiles yet") as error:
            make(root)
        assert error.value.hint == f"Run once: rsbench data prepare --task dota --data {root}"
    with pytest.raises(UserError, match="is the folder images of"):
        official(root / "train" / "images")
    with pytest.raises(UserError, match="There is no folder"):
        official(root / "none")


def test_tiles_that_do_not_belong_to_the_split(root: Path) -> None:
    folder = prepare(root, settings=SMALL)
    split = official(root)
    (folder / "train" / "P0002__1__0___0.png").rename(root / "tile.png")
    with pytest.raises(UserError, match=r"lacks tiles: train/P0002__1__0___0\.png") as error:
        open_dota(root, split)
    assert "rsbench data prepare" in error.value.hint
    (root / "tile.png").rename(folder / "train" / "P0002__1__0___0.png")
    write(root / "train", "P0004")
    prepare(root, settings=SMALL)
    with pytest.raises(UserError, match=r"tiles unknown to the split 'official': train/P0004__1__0___0\.png"):
        open_dota(root, split)
    with pytest.raises(UserError, match="has the parts train and val: nothing is left to draw"):
        present(root)


def test_images_of_one_folder_are_divided_with_all_their_tiles(tmp_path: Path) -> None:
    for number in range(8):
        write(tmp_path, f"P{number:04d}")
    for place in (0, 824):
        write(tmp_path, f"P0100__1024__{place}___0")  # cut by others from the same image
    prepare(tmp_path, settings=SMALL)
    with pytest.raises(UserError, match="has no part 'train'") as error:
        official(tmp_path)
    assert "rsbench run --split present, rsbench score --partition present" in error.value.hint
    split = present(tmp_path)
    open_dota(tmp_path, split).check()
    sources = {part: {key[4:].partition("__")[0] for key in ids} for part, ids in split.parts.items()}
    assert not sources["train"] & sources["val"] and len(sources["train"]) == 7 and len(sources["val"]) == 2
    assert present(tmp_path).sha256 == split.sha256
    hashed = sorted(sources["train"] | sources["val"], key=lambda image: hashlib.sha256(f"0/{image}".encode()).digest())
    assert set(hashed[:7]) == sources["train"]
    for path in (*(tmp_path / "images").iterdir(), *(tmp_path / "labelTxt").iterdir()):
        if not path.name.startswith("P0100"):
            path.unlink()
    prepare(tmp_path, settings=SMALL)
    with pytest.raises(UserError, match="tiles of one image"):
        present(tmp_path)
