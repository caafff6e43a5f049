"""Demo tiles of Las Vegas: what is written is what one sees, and has all that is odd in the real ones."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from rsbench.datasets.demo.canvas import COVER, Scene
from rsbench.datasets.demo.scene import RECIPES, render
from rsbench.datasets.demo.vegas_writer import write_vegas
from rsbench.datasets.detection import DetectionDataset
from rsbench.datasets.vegas import open_vegas
from rsbench.errors import UserError

BUILT = sorted(name for name in RECIPES if name.startswith("vegas/") and name != "vegas/desert")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DetectionDataset]:
    root = tmp_path_factory.mktemp("vegas")
    return root, open_vegas(root, write_vegas(root, 0, tiles=9))


def outlines(scene: Scene) -> np.ndarray:
    side = scene.image.shape[0]
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    for thing in scene.objects:
        if thing.class_name in ("building", "courtyard"):
            draw.polygon([tuple(p) for p in (thing.polygon - 0.5).tolist()], fill=int(thing.class_name == "building"))
    return np.asarray(mask) > 0


@pytest.mark.parametrize("name", BUILT)
def test_nothing_but_trees_hides_a_building_and_none_is_left_out(name: str) -> None:
    for seed in range(3):
        scene = render(name, 256, seed)
        truth, building = outlines(scene), scene.cover == COVER.index("building")
        seen = building | (scene.cover == COVER.index("forest"))
        assert truth.sum() > 3000
        assert (truth & seen).sum() > 0.97 * truth.sum()
        assert (building & truth).sum() > 0.97 * building.sum()


def test_nobody_lives_in_the_desert() -> None:
    assert not [thing for seed in range(3) for thing in render("vegas/desert", 256, seed).objects]


def test_the_reader_finds_what_was_written(demo: tuple[Path, DetectionDataset]) -> None:
    _, dataset = demo
    dataset.check()
    assert {part: len(ids) for part, ids in dataset.parts.items()} == {"train": 5, "val": 3, "test": 1}
    counts = {key: len(dataset.objects(key)) for key in dataset.image_ids}
    assert counts["AOI_2_Vegas_img9"] == 0 and min(n for key, n in counts.items() if not key.endswith("9")) >= 2
    for number, kind in ((1, "suburb"), (5, "flats")):
        scene = render(f"vegas/{kind}", 256, f"0/{number}")
        image, objects = dataset.load(f"AOI_2_Vegas_img{number}")
        assert np.abs(image.astype(int) - scene.image).max() <= 1
        assert objects.masks is not None
        union = np.any([coco.decode(dict(mask)) for mask in objects.masks], axis=0)
        assert (union != outlines(scene)).mean() < 0.02  # pixels along the outlines


def test_tiles_have_sixteen_bits_and_a_place(demo: tuple[Path, DetectionDataset]) -> None:
    root, dataset = demo
    corners = set()
    brightest = 0
    for key in dataset.image_ids:
        with rasterio.open(dataset.files(key)[0]) as file:
            assert file.dtypes == ("uint16",) * 3 and file.crs.to_epsg() == 4326 and file.shape == (256, 256)
            assert -115.4 < file.bounds.left < -115.1 and 36.1 < file.bounds.top < 36.3
            corners.add((round(file.bounds.left, 7), round(file.bounds.top, 7)))
            values = file.read()
            assert len(np.unique(values)) > 500  # more than 8 bits hold
            brightest = max(brightest, int(values.max()))
    assert len(corners) == 9 and 1910 < brightest < 2700
    assert dataset.files("AOI_2_Vegas_img1")[0].relative_to(root).parts[:2] == ("AOI_2_Vegas_Train", "RGB-PanSharpen")


def test_oddities_of_the_real_footprints(demo: tuple[Path, DetectionDataset]) -> None:
    _, dataset = demo
    features = {
        number: json.loads(dataset.files(f"AOI_2_Vegas_img{number}")[1].read_text())["features"]
        for number in range(1, 10)
    }
    assert features[9] == []
    kinds = {n: Counter(f["geometry"] and f["geometry"]["type"] for f in found) for n, found in features.items()}
    assert kinds[4]["MultiPolygon"] == 1 and kinds[7][None] == 1
    assert any(len(f["geometry"]["coordinates"]) == 2 for f in features[5])  # a courtyard
    rings = [f["geometry"]["coordinates"][0] for f in features[1]]
    assert all(len(point) == 3 and point[2] == 0 for ring in rings for point in ring)
    edge = dataset.objects("AOI_2_Vegas_img1").boxes
    assert ((edge[:, :2] == 0).any(1) | (edge[:, :2] + edge[:, 2:] == 256).any(1)).any()  # cut at the edge


def test_written_demo_is_reused_and_guarded(demo: tuple[Path, DetectionDataset], tmp_path: Path) -> None:
    root, _ = demo
    assert write_vegas(root, 0, tiles=9).name == "demo-v1-seed0-9"
    assert [path.name for path in root.iterdir()] == ["AOI_2_Vegas_Train"]
    with pytest.raises(UserError, match="not demo-v"):
        write_vegas(root, 1, tiles=9)
    with pytest.raises(UserError, match="too few"):
        write_vegas(tmp_path, tiles=8)
