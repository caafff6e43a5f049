"""Demo tiles of Rio: what is written is what one sees, and has all that is odd in the real ones."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image, ImageDraw

from rsbench.datasets.demo.canvas import COVER, Scene
from rsbench.datasets.demo.rio_writer import write_rio
from rsbench.datasets.demo.scene import RECIPES, render
from rsbench.datasets.rio import open_rio
from rsbench.datasets.segmentation import SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.errors import UserError

EMPTY = ("rio/bay", "rio/hill")
BUILT = sorted(name for name in RECIPES if name.startswith("rio/") and name not in EMPTY)


@pytest.fixture(scope="module")
def demo(demo_rio: tuple[Path, SplitList]) -> tuple[Path, SegmentationDataset]:
    root, split = demo_rio
    return root / "SN1_buildings" / "train", open_rio(root, split)


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
    for seed in (0, 1):
        scene = render(name, 448, seed)
        truth, building = outlines(scene), scene.cover == COVER.index("building")
        seen = building | (scene.cover == COVER.index("forest"))
        assert truth.sum() > 500
        assert (truth & seen).sum() > 0.97 * truth.sum()
        assert (building & truth).sum() > 0.96 * building.sum()


@pytest.mark.parametrize("name", EMPTY)
def test_nobody_lives_there(name: str) -> None:
    for seed in range(3):
        assert not [thing for thing in render(name, 448, seed).objects if thing.class_name == "building"]


def test_the_reader_finds_what_was_written(demo: tuple[Path, SegmentationDataset]) -> None:
    _, dataset = demo
    dataset.check()
    assert {part: len(ids) for part, ids in dataset.parts.items()} == {"train": 6, "val": 3}
    tiles = {key: dataset.load(key) for ids in dataset.parts.values() for key in ids}
    assert {tile.image.shape for tile in tiles.values()} == {(406, 439, 3), (406, 438, 3), (407, 439, 3)}
    edges = {key: tile.no_data.mean() for key, tile in tiles.items()}
    assert sorted(key for key, share in edges.items() if share > 0) == ["AOI_1_RIO_img1", "AOI_1_RIO_img2"]
    assert all(0.6 <= edges[f"AOI_1_RIO_img{number}"] <= 0.9 for number in (1, 2))
    for key, tile in tiles.items():
        assert (tile.labels[tile.no_data] == 1).mean() < 0.01 if tile.no_data.any() else True
        empty = key in ("AOI_1_RIO_img3", "AOI_1_RIO_img4")
        assert (tile.labels.mean() == 0) if empty else (0.005 < tile.labels.mean() < 0.6)


def test_oddities_of_the_real_footprints(demo: tuple[Path, SegmentationDataset]) -> None:
    folder, _ = demo
    texts = {int(re.findall(r"\d+", p.stem)[-1]): p.read_text() for p in (folder / "geojson").iterdir()}
    assert texts[3] == ""
    features = {number: json.loads(text)["features"] for number, text in texts.items() if text}
    kinds = {n: [f["geometry"] and f["geometry"]["type"] for f in found] for n, found in features.items()}
    assert kinds[4] == []
    assert kinds[5].count("MultiPolygon") == 1 and kinds[7].count(None) == 1
    assert any(len(f["geometry"]["coordinates"]) == 2 for f in features[6])  # a courtyard
    assert all(len(point) == 3 for point in features[6][0]["geometry"]["coordinates"][0])


def test_a_courtyard_is_no_building(demo: tuple[Path, SegmentationDataset]) -> None:
    folder, dataset = demo
    with rasterio.open(folder / "3band" / "3band_AOI_1_RIO_img6.tif") as source:
        inverse = ~source.transform
        assert source.crs.to_epsg() == 4326
        assert 4.4e-6 < source.transform.a < 4.6e-6 and 4.4e-6 < -source.transform.e < 4.6e-6
    features = json.loads((folder / "geojson" / "Geo_AOI_1_RIO_img6.geojson").read_text())["features"]
    holes = [f["geometry"]["coordinates"][1] for f in features if len(f["geometry"]["coordinates"]) > 1]
    lon, lat = np.array(holes[0])[:-1, :2].mean(0)
    column = int(inverse.a * lon + inverse.b * lat + inverse.c)
    row = int(inverse.d * lon + inverse.e * lat + inverse.f)
    labels = dataset.load("AOI_1_RIO_img6").labels
    assert labels[row, column] == 0
    assert labels[row, column:].max() == labels[row, :column].max() == 1


def test_colour_alone_does_not_tell(demo: tuple[Path, SegmentationDataset]) -> None:
    """The best threshold on brightness or on red minus green misses more than half of what there is to find."""
    _, dataset = demo
    tiles = [dataset.load(f"AOI_1_RIO_img{number}") for number in (5, 6, 7, 8, 9)]
    image = np.concatenate([tile.image.reshape(-1, 3) for tile in tiles]).astype(np.int32)
    labels = np.concatenate([tile.labels.ravel() for tile in tiles]) == 1
    best = 0.0
    for feature in (image.sum(1), image[:, 0] - image[:, 1], image[:, 2] - image[:, 1]):
        for level in np.quantile(feature, np.linspace(0.02, 0.98, 40)):
            for found in (feature > level, feature < level):
                best = max(best, (found & labels).sum() / (found | labels).sum())
    assert 0.2 < best < 0.5


def test_tiles_lie_beside_each_other(demo: tuple[Path, SegmentationDataset]) -> None:
    folder, _ = demo
    bounds = []
    for number in (1, 2):
        with rasterio.open(folder / "3band" / f"3band_AOI_1_RIO_img{number}.tif") as source:
            bounds.append(source.bounds)
    assert bounds[0].right == pytest.approx(bounds[1].left, abs=1e-9)
    assert bounds[0].top == bounds[1].top


def test_reuse_and_guards(demo_rio: tuple[Path, SplitList], tmp_path: Path) -> None:
    root, split = demo_rio
    stamp = (root / "SN1_buildings").stat().st_mtime_ns
    assert write_rio(root, 0, tiles=9) == split
    assert (root / "SN1_buildings").stat().st_mtime_ns == stamp
    assert [path.name for path in root.iterdir()] == ["SN1_buildings"]
    with pytest.raises(UserError, match="not demo-v"):
        write_rio(root, 1, tiles=9)
    with pytest.raises(UserError, match="too few"):
        write_rio(tmp_path, 0, tiles=3)
    (tmp_path / "SN1_buildings").mkdir()
    with pytest.raises(UserError, match="holds no demo scenes"):
        write_rio(tmp_path, 0, tiles=9)


def test_the_same_scenes_whatever_their_number(demo: tuple[Path, SegmentationDataset], tmp_path: Path) -> None:
    folder, _ = demo
    write_rio(tmp_path, 0, tiles=8)
    for name in ("3band/3band_AOI_1_RIO_img8.tif", "geojson/Geo_AOI_1_RIO_img8.geojson"):
        assert (tmp_path / "SN1_buildings" / "train" / name).read_bytes() == (folder / name).read_bytes()
