"""Demo scenes with objects of many classes: what is recorded is what one sees, in the layouts of DOTA and VHR-10."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco
from rasterio.features import rasterize
from scipy.ndimage import binary_dilation

from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.crop import crop
from rsbench.datasets.demo.dota_writer import CLASSES, quadrilateral, write_dota, write_images
from rsbench.datasets.demo.object_scenes import OBJECT_RECIPES
from rsbench.datasets.demo.scene import render
from rsbench.datasets.demo.shapes import area, rectangle
from rsbench.datasets.demo.vhr10_writer import write_vhr10
from rsbench.datasets.dota import open_dota
from rsbench.datasets.splits import SplitList
from rsbench.datasets.vhr10 import open_boxes, open_masks
from rsbench.errors import UserError

KINDS = sorted(set(OBJECT_RECIPES) - {"waste"})
SHOWN = {
    "port": {"harbor", "ship", "storage_tank", "large_vehicle", "small_vehicle"},
    "airfield": {"plane", "storage_tank", "large_vehicle", "small_vehicle"},
    "leisure": {"tennis_court", "basketball_court", "baseball_diamond", "swimming_pool", "small_vehicle"},
    "school": {"ground_track_field", "tennis_court", "basketball_court", "baseball_diamond"},
    "river": {"bridge", "ship", "small_vehicle"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_shows_its_classes(kind: str) -> None:
    seen = [{thing.class_name for thing in render(f"objects/{kind}", 256, seed).objects} for seed in range(4)]
    for name in SHOWN[kind]:
        assert sum(name in classes for classes in seen) >= 3, name


def test_nothing_lies_in_the_waste() -> None:
    for seed in range(3):
        assert {thing.class_name for thing in render("objects/waste", 256, seed).objects} <= {"building"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_outline_is_where_its_thing_is_painted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another colour for one thing changes pixels inside its outline, up to its edges, and none outside."""
    usual = Canvas.thing
    for name in sorted(SHOWN[kind]):
        scenes = [(seed, render(f"objects/{kind}", 256, seed)) for seed in range(4)]
        seed, before, thing = next(
            (seed, scene, thing)
            for seed, scene in scenes
            for thing in scene.objects
            if thing.class_name == name and thing.visible == 1
        )

        def recolour(
            self: Canvas, outline: np.ndarray, colour: Any, name: str = "", *, _of: Any = thing, **rest: Any
        ) -> None:
            pixels = (outline + self.extent / 2) / self.gsd
            same = name == _of.class_name and np.allclose(pixels.mean(0), _of.polygon.mean(0), atol=1e-6)
            usual(self, outline, (1.0, 0.0, 1.0) if same else colour, name=name, **rest)

        with monkeypatch.context() as patch:
            patch.setattr(Canvas, "thing", recolour)
            after = render(f"objects/{kind}", 256, seed)
        changed = np.abs(after.image.astype(int) - before.image).max(2) > 40
        assert changed.any()
        shape = {"type": "Polygon", "coordinates": [[*thing.polygon.tolist(), thing.polygon[0].tolist()]]}
        touched = rasterize([shape], (256, 256), all_touched=True)
        assert not (changed & ~binary_dilation(touched, np.ones((3, 3)))).any(), name
        rows, columns = np.nonzero(changed)
        sides = np.array([columns.max() - columns.min() + 1, rows.max() - rows.min() + 1])
        assert (sides / np.ptp(thing.polygon, axis=0) > 0.7).all(), name  # the cab of a lorry is of another colour


def test_crop() -> None:
    scene = render("objects/port", 256, 1)
    small = crop(scene, 200, 160)
    assert small.image.shape == (160, 200, 3) and small.cover.shape == (160, 200)
    assert 0 < len(small.objects) < len(scene.objects)
    assert all(thing.polygon.min() >= 0 and (thing.polygon <= [200, 160]).all() for thing in small.objects)
    assert any(thing.visible < 0.8 for thing in small.objects)
    canvas = Canvas(64, 1.0, np.random.default_rng(0))
    canvas.thing(rectangle(0, 0, 20, 20), (1, 0, 0), name="ship")
    (half,) = crop(canvas.finish(), 32, 64).objects
    assert half.visible == 0.5 and area(half.polygon) == 200
    assert not crop(canvas.finish(), 24, 64).objects  # a sliver is no thing


# --- NWPU VHR-10


@pytest.fixture(scope="module")
def vhr10(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SplitList]:
    root = tmp_path_factory.mktemp("vhr10")
    return root, write_vhr10(root, 0, images=10)


def test_vhr10_is_read_back(vhr10: tuple[Path, SplitList]) -> None:
    root, split = vhr10
    assert split.counts == {"train": 5, "val": 5}
    for open_it in (open_boxes, open_masks):
        dataset = open_it(root, split)
        dataset.check()
        labels = np.concatenate([dataset.objects(key).labels for ids in split.parts.values() for key in ids])
        assert set(labels.tolist()) == set(range(10))
    assert len({dataset.size(key) for key in dataset.image_ids}) == 7


def test_vhr10_annotations(vhr10: tuple[Path, SplitList]) -> None:
    found = json.loads((vhr10[0] / "NWPU VHR-10 dataset" / "annotations.json").read_text())
    assert [one["id"] for one in found["images"]] == list(range(10))
    assert [one["id"] for one in found["annotations"]] == list(range(len(found["annotations"])))
    assert [one["name"] for one in found["categories"]][:3] == ["airplane", "ship", "storage_tank"]
    assert [one["id"] for one in found["categories"]] == list(range(1, 11))
    for one in found["annotations"]:
        image = found["images"][one["image_id"]]
        rle = coco.merge(coco.frPyObjects(one["segmentation"], image["height"], image["width"]))
        assert one["area"] == coco.area(rle) > 0
        left, top, width, height = one["bbox"]
        assert left >= 0 and top >= 0 and left + width <= image["width"] and top + height <= image["height"]
        x, y, columns, rows = coco.toBbox(rle)  # of the pixels: the tip of a wing may reach none
        edges = np.array([left - x, top - y, left + width - x - columns, top + height - y - rows])
        assert np.abs(edges).max() < 2


def test_vhr10_parts_have_all_kinds(tmp_path: Path) -> None:
    split = write_vhr10(tmp_path, 3, images=15)
    kinds = [Counter((int(key[-7:-4]) - 1) % 5 for key in ids) for ids in split.parts.values()]
    assert kinds == [dict.fromkeys(range(5), 2), dict.fromkeys(range(5), 1)]
    with pytest.raises(UserError, match="not demo-v"):
        write_vhr10(tmp_path, 4, images=15)
    with pytest.raises(UserError, match="too few"):
        write_vhr10(tmp_path / "x", images=9)


# --- DOTA

LINE = re.compile(r"(?:\d+\.\d ){8}[a-z-]+ [01]")


def test_dota_labels(tmp_path: Path) -> None:
    write_images(tmp_path, 0, {"train": 8, "val": 7})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train", "val"]
    images = sorted(tmp_path.glob("*/images/*.png"))
    assert [path.name for path in images] == [f"P{number:04d}.png" for number in range(1, 16)]
    empty, flags, classes = 0, Counter[str](), Counter[str]()
    for path in images:
        with Image.open(path) as image:
            assert image.mode == "RGB"
            size = image.size
        lines = (path.parent.parent / "labelTxt" / f"{path.stem}.txt").read_text().splitlines()
        if path.stem == "P0002":
            assert lines and LINE.fullmatch(lines[0])
        else:
            assert lines[0] == "imagesource:rsbench" and float(lines[1].removeprefix("gsd:")) > 0.3
            lines = lines[2:]
        empty += not lines
        for line in lines:
            assert LINE.fullmatch(line), line
            *numbers, name, difficult = line.split()
            corners = np.array(numbers, float).reshape(4, 2)
            assert (corners >= 0).all() and (corners <= size).all() and area(corners) > 8
            x, y = corners.T
            assert np.dot(x, np.roll(y, -1)) > np.dot(y, np.roll(x, -1))  # clockwise where y points down
            flags[difficult] += 1
            classes[name] += 1
    assert empty == 2 and 0 < flags["1"] < 0.2 * flags["0"]
    assert set(classes) == set(CLASSES)


def test_dota_is_cut_and_read_back(tmp_path: Path) -> None:
    counts = {"train": 7, "val": 3}
    split = write_dota(tmp_path, 0, counts=counts)
    dataset = open_dota(tmp_path, split)
    dataset.check()
    assert split.name == "demo-v1-seed0-7-3" and split.counts == {"train": 11, "val": 4}
    assert {dataset.size(key) for key in dataset.image_ids} == {(256, 256), (224, 240)}
    labels = np.concatenate([dataset.objects(key).labels for key in dataset.image_ids])
    assert {dataset.classes[label] for label in labels} == set(CLASSES)
    assert any(not len(dataset.objects(key)) for key in dataset.image_ids)
    assert write_dota(tmp_path, 0, counts=counts) == split
    assert [path.name for path in tmp_path.iterdir()] == ["DOTA-v1.0"]
    with pytest.raises(UserError, match="not demo-v"):
        write_dota(tmp_path, 1, counts=counts)
    with pytest.raises(UserError, match="no numbers of demo images"):
        write_dota(tmp_path / "x", counts={"train": 7, "val": 2})


@settings(deadline=None)
@given(points=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=3, max_size=9, unique=True))
def test_quadrilateral(points: Sequence[tuple[int, int]]) -> None:
    outline = np.array(points, float)
    if area(outline) == 0 or np.linalg.matrix_rank(outline - outline[0]) < 2:
        return
    found = quadrilateral(outline, 90, 90)
    sides = np.roll(found, -1, axis=0) - found
    normals = np.stack([-sides[:, 1], sides[:, 0]], axis=1)
    away = ((outline[:, None] - found[None]) * normals).sum(2) / np.linalg.norm(sides, axis=1)
    assert away.min() > -0.15  # all points lie inside, but for what reached out of the image
    assert area(found) <= np.prod(np.ptp(outline, axis=0)) + 1e-6  # never worse than the upright box
    for angle in np.linspace(0, np.pi / 2, 40):
        turned = quadrilateral(outline + 500, 2000, 2000)
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert area(turned) <= np.prod(np.ptp(outline @ axes, axis=0)) + 1e-6
