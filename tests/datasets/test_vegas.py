"""SpaceNet-2 Las Vegas as it lies on disk: two namings, 16 bits to 8, footprints as objects, three partitions."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco
from rasterio.transform import Affine

from rsbench.datasets import vegas_splits
from rsbench.datasets.splits import SplitList, draw_order, make_split, read_split
from rsbench.datasets.vegas import CLASSES, open_vegas
from rsbench.errors import UserError

WIDTH, HEIGHT = 30, 24
STEP = 2.7e-6
WEST, NORTH = -115.28, 36.17
OLD = ("RGB-PanSharpen_AOI_2_Vegas_img{}.tif", "buildings_AOI_2_Vegas_img{}.geojson")
NEW = (
    "SN2_buildings_train_AOI_2_Vegas_PS-RGB_img{}.tif",
    "SN2_buildings_train_AOI_2_Vegas_geojson_buildings_img{}.geojson",
)
FOLDERS = ("AOI_2_Vegas_Train/RGB-PanSharpen", "AOI_2_Vegas_Train/geojson/buildings")
IMAGE, LABELS = f"{FOLDERS[0]}/{OLD[0].format(3)}", f"{FOLDERS[1]}/{OLD[1].format(3)}"


def write_image(path: Path, number: int = 1, *, bands: int = 3, dtype: str = "uint16", column: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    high = 256 if dtype == "uint8" else 4000
    values = np.random.default_rng(number).integers(0, high, (bands, HEIGHT, WIDTH)).astype(dtype)
    values[:, 0, :3] = 0, 1, high - 1
    transform = Affine(STEP, 0, WEST + column * WIDTH * STEP, 0, -STEP, NORTH)
    profile: dict[str, Any] = {"width": WIDTH, "height": HEIGHT, "count": bands, "dtype": dtype, "crs": "EPSG:4326"}
    with rasterio.open(path, "w", driver="GTiff", transform=transform, **profile) as file:
        file.write(values)


Corners = list[tuple[float, float]]


def square(x: float, y: float, side: float) -> Corners:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]


def on_ground(ring: Corners) -> list[list[float]]:
    return [[WEST + x * STEP, NORTH - y * STEP, 0.0] for x, y in ring]


def polygon(*rings: Corners) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [on_ground(ring) for ring in rings]}


def several(*polygons: list[Corners]) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": [[on_ground(ring) for ring in rings] for rings in polygons]}


def write_labels(path: Path, *geometries: dict[str, Any] | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = [{"type": "Feature", "properties": {"Id": 0}, "geometry": geometry} for geometry in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def write_tiles(
    images: Path, labels: Path, names: tuple[str, str] = OLD, numbers: tuple[int, ...] = (1, 3, 4, 12)
) -> None:
    for number in numbers:
        write_image(images / names[0].format(number), number)
        write_labels(labels / names[1].format(number), polygon(square(4, 3, 5)), polygon(square(15, 8, 6)))


def some(*numbers: int) -> SplitList:
    parts = dict(zip(numbers, ["train", "val", "test", *["train"] * len(numbers)], strict=False))
    rows = [parts.get(number, "") for number in range(1, max(numbers) + 1)]
    return make_split(name="some", ids="{class}_img{number}", assignment={"AOI_2_Vegas": rows})


FOUR = some(1, 3, 4, 12)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_tiles(tmp_path / FOLDERS[0], tmp_path / FOLDERS[1])
    return tmp_path


def decoded(root: Path, key: str = "AOI_2_Vegas_img3") -> tuple[np.ndarray, np.ndarray]:
    """Returns the masks of a tile, (N, H, W), and its boxes."""
    objects = open_vegas(root, FOUR).objects(key)
    assert objects.masks is not None
    masks = [coco.decode(dict(mask)) for mask in objects.masks]
    for mask, code in zip(masks, objects.masks, strict=True):
        assert dict(code) == coco.encode(np.asfortranarray(mask))  # the very form of pycocotools
    return np.array(masks).reshape(-1, HEIGHT, WIDTH), objects.boxes


def block(left: int, top: int, width: int, height: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return mask


def test_what_a_tile_holds(root: Path) -> None:
    dataset = open_vegas(root, FOUR)
    assert dataset.name == "spacenet-vegas" and dataset.classes == CLASSES == ("building",)
    assert dict(dataset.image_ids) == {f"AOI_2_Vegas_img{number}": number for number in (1, 3, 4, 12)}
    assert dataset.category_ids == (1,) and dataset.masks
    image, objects = dataset.load("AOI_2_Vegas_img3")
    assert image.shape == (HEIGHT, WIDTH, 3) and dataset.size("AOI_2_Vegas_img3") == (HEIGHT, WIDTH)
    assert objects.boxes.tolist() == [[4, 3, 5, 5], [15, 8, 6, 6]] and objects.areas.tolist() == [25, 36]
    assert objects.labels.tolist() == [0, 0] and not objects.crowd.any()
    assert np.array_equal(decoded(root)[0], [block(4, 3, 5, 5), block(15, 8, 6, 6)])
    dataset.check()


def test_sixteen_bits_become_eight_by_one_range(root: Path) -> None:
    with rasterio.open(root / IMAGE) as file:
        values = np.moveaxis(file.read(), 0, 2).astype(int)
    for low, high in ((0, 1910), (100, 1000), (-5.5, 70000)):
        dataset = open_vegas(root, FOUR, (low, high))
        image, _ = dataset.load("AOI_2_Vegas_img3")
        exact = np.clip((values - low) * 255 / (high - low), 0, 255)
        assert image.dtype == np.uint8 and np.abs(image - exact).max() <= 0.5 + 1e-9
        assert str(low) in dataset.policies["8 bits"] and str(high) in dataset.policies["8 bits"]
    assert (open_vegas(root, FOUR).load("AOI_2_Vegas_img3")[0][values >= 1910] == 255).all()
    one, other = open_vegas(root, FOUR), open_vegas(root, FOUR, (0, 2000))
    assert one.fingerprint != other.fingerprint  # it is part of a run's identity
    for wrong in ((5.0, 5.0), (9.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)):
        with pytest.raises(UserError, match="cannot be mapped"):
            open_vegas(root, FOUR, wrong)


def test_eight_bits_are_taken_as_they_are(root: Path) -> None:
    for number in (1, 3, 4, 12):
        write_image(root / FOLDERS[0] / OLD[0].format(number), number, dtype="uint8")
    dataset = open_vegas(root, FOUR)
    with rasterio.open(root / IMAGE) as file:
        assert np.array_equal(dataset.load("AOI_2_Vegas_img3")[0], np.moveaxis(file.read(), 0, 2))
    assert dataset.policies["8 bits"] == "as the files have them"
    dataset.check()


def test_features_are_objects(root: Path) -> None:
    ring, hole = square(2, 2, 10), square(5, 5, 3)
    write_labels(
        root / LABELS,
        polygon(ring, hole),
        None,
        several([square(16, 2, 3)], [square(22, 12, 4)]),
        polygon(square(3, 14, 8)),
        polygon(square(7, 16, 8)),  # over the one before
        polygon(square(27, 20, 10)),  # beyond two edges
        polygon(square(10.6, 22.6, 0.3)),  # between the centres
        polygon(square(WIDTH, 5, 2)),  # a sliver that the cut of the tile left outside it
        {"type": "GeometryCollection", "geometries": []},
    )
    masks, boxes = decoded(root)
    courtyard = block(2, 2, 10, 10) - block(5, 5, 3, 3)
    parts = block(16, 2, 3, 3) + block(22, 12, 4, 4)
    rest = [block(3, 14, 8, 8), block(7, 16, 8, 8), block(27, 20, 3, 4)]
    assert np.array_equal(masks, [courtyard, parts, *rest])
    assert boxes.tolist() == [[2, 2, 10, 10], [16, 2, 10, 14], [3, 14, 8, 8], [7, 16, 8, 8], [27, 20, 3, 4]]
    open_vegas(root, FOUR).check()


@pytest.mark.parametrize("text", ["", '{"type": "FeatureCollection", "features": []}'])
def test_tiles_without_buildings(text: str, root: Path) -> None:
    (root / LABELS).write_text(text)
    masks, boxes = decoded(root)
    assert masks.shape == (0, HEIGHT, WIDTH) and boxes.shape == (0, 4)
    open_vegas(root, FOUR).check()


CORNER = st.tuples(st.floats(-8, WIDTH + 8), st.floats(-8, HEIGHT + 8))


@settings(deadline=None, max_examples=60)
@given(triangles=st.lists(st.tuples(CORNER, CORNER, CORNER), min_size=1, max_size=4))
def test_masks_against_shapely(triangles: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A pixel belongs to a building where its centre lies inside; near the edge either is right."""
    shapes = [shapely.Polygon(corners) for corners in triangles]
    window = shapely.box(0, 0, WIDTH, HEIGHT)
    shapes = [shape for shape in shapes if shape.area > 0.5 and shape.intersects(window)]
    root = tmp_path_factory.mktemp("tiles")
    write_tiles(root / FOLDERS[0], root / FOLDERS[1])
    write_labels(root / LABELS, *(polygon([*shape.exterior.coords]) for shape in shapes))
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    found, boxes = decoded(root)
    k = 0
    for shape in shapes:
        sure = shapely.contains_xy(shape.buffer(-0.001), x, y)
        possible = shapely.contains_xy(shape.buffer(0.001), x, y)
        if not possible.any():
            continue
        if not sure.any() and (k == len(found) or not (found[k] <= possible).all()):
            continue  # only on the edge: it may be left out
        assert (sure <= found[k]).all() and (found[k] <= possible).all()
        rows, columns = np.nonzero(found[k])
        assert boxes[k].tolist() == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        k += 1
    assert k == len(found)


@pytest.mark.parametrize(
    ("images", "labels", "names"),
    [
        (*FOLDERS, OLD),
        ("RGB-PanSharpen", "geojson/buildings", OLD),
        ("SN2_buildings/train/AOI_2_Vegas_Train/RGB-PanSharpen",
         "SN2_buildings/train/AOI_2_Vegas_Train/geojson/buildings", OLD),
        ("SN2_buildings/train/AOI_2_Vegas/RGB-PanSharpen", "SN2_buildings/train/AOI_2_Vegas/geojson/buildings", OLD),
        ("SN2_buildings/train/AOI_2_Vegas/PS-RGB", "SN2_buildings/train/AOI_2_Vegas/geojson_buildings", NEW),
        ("AOI_2_Vegas/PS-RGB", "AOI_2_Vegas/geojson_buildings", NEW),
        ("PS-RGB", "geojson_buildings", NEW),
        ("train/AOI_2_Vegas/ps-rgb", "train/AOI_2_Vegas/geojson", NEW),
    ],
)  # fmt: skip
def test_places_and_names(images: str, labels: str, names: tuple[str, str], root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_tiles(other / images, other / labels, names)
    for product in ("MUL", "MUL-PanSharpen", "PAN", "summaryData"):  # other folders of the same archive
        ((other / images).parent / product).mkdir()
    dataset = open_vegas(other, FOUR)
    dataset.check()
    assert dataset.fingerprint == open_vegas(root, FOUR).fingerprint


def replaced(name: str, write: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda root: write(root / name)


@pytest.mark.parametrize(
    ("damage", "reasons"),
    [
        (replaced(LABELS, Path.unlink), ["images without footprints", OLD[0].format(3)]),
        (replaced(IMAGE, Path.unlink), ["footprints without an image", OLD[1].format(3)]),
        (replaced(IMAGE, lambda p: p.write_bytes(b"")), ["empty files", OLD[0].format(3)]),
        (lambda r: write_tiles(r / FOLDERS[0], r / FOLDERS[1], OLD, (13,)), ["unknown to the split", "img13"]),
        (lambda r: write_tiles(r / FOLDERS[0], r / FOLDERS[1], NEW, (3,)), ["two files of tile 3"]),
        (lambda r: [(r / IMAGE).unlink(), (r / LABELS).unlink()], ["lacks tiles", "AOI_2_Vegas_img3"]),
        (lambda r: (r / FOLDERS[0] / "MUL_AOI_2_Vegas_img1.tif").touch(), ["another kind: MUL_AOI_2_Vegas_img1.tif"]),
        (lambda r: (r / FOLDERS[0] / "RGB-PanSharpen_AOI_3_Paris_img1.tif").touch(), ["another kind", "Paris"]),
        (lambda r: (r / FOLDERS[0]).rename(r / "AOI_2_Vegas_Train/MUL-PanSharpen"), ["MUL-PanSharpen", "8-band tiles"]),
        (lambda r: (r / FOLDERS[0]).rename(r / "AOI_2_Vegas_Train/PAN"), ["panchromatic tiles"]),
        (lambda r: shutil.rmtree(r / "AOI_2_Vegas_Train/geojson"), ["images and no footprints"]),
        (lambda r: shutil.rmtree(r / "AOI_2_Vegas_Train"), ["holds no SpaceNet-2 Las Vegas"]),
        (lambda r: [shutil.rmtree(r / "AOI_2_Vegas_Train"), (r / "SN2_buildings_train_AOI_2_Vegas.tar.gz").touch()],
         ["in archives"]),
    ],
)  # fmt: skip
def test_what_lies_there_is_checked_before_a_tile_is_read(
    damage: Callable[[Path], object], reasons: list[str], root: Path
) -> None:
    damage(root)
    with pytest.raises(UserError) as error:
        open_vegas(root, FOUR)
    assert all(reason in error.value.message for reason in reasons)
    assert error.value.hint


OUTSIDE = polygon(square(WIDTH + 3, 0, 2))


@pytest.mark.parametrize(
    ("damage", "reasons"),
    [
        (replaced(IMAGE, lambda p: p.write_bytes(p.read_bytes()[:400])), ["cannot be decoded", IMAGE]),
        (replaced(IMAGE, partial(write_image, bands=8)), ["8 bands of uint16", "8-band product (MUL, MS)", IMAGE]),
        (replaced(IMAGE, partial(write_image, bands=1)), ["1 band of uint16", "panchromatic product (PAN)", IMAGE]),
        (replaced(IMAGE, partial(write_image, dtype="float32")), ["3 bands of float32", IMAGE]),
        (replaced(IMAGE, partial(write_image, dtype="uint8")), ["is uint8", "is uint16", "mixture", IMAGE, "img1.tif"]),
        (replaced(LABELS, lambda p: p.write_text("{")), ["not valid JSON", LABELS]),
        (replaced(LABELS, lambda p: write_labels(p, polygon(square(0, 0, 2)), OUTSIDE)), ["Feature 2", LABELS]),
        (replaced(LABELS, lambda p: write_labels(p, {"type": "Point", "coordinates": [0, 0]})), ["Feature 1", LABELS]),
        (replaced(LABELS, lambda p: write_labels(p, polygon(square(0, 0, 2)[:-1]))), ["Feature 1", "not closed"]),
    ],
)  # fmt: skip
def test_bad_tiles_are_named(damage: Callable[[Path], object], reasons: list[str], root: Path) -> None:
    damage(root)
    dataset = open_vegas(root, FOUR)
    for attempt in (dataset.check, lambda: dataset.load("AOI_2_Vegas_img3")):
        with pytest.raises(UserError) as error:
            attempt()
        assert all(reason in error.value.message for reason in reasons) and error.value.hint
    assert len(dataset.load("AOI_2_Vegas_img4")[1]) == 2  # the others are well


def test_a_first_tile_that_is_damaged_is_named_at_once(root: Path) -> None:
    (root / FOLDERS[0] / OLD[0].format(1)).write_bytes(b"no TIFF")
    with pytest.raises(UserError, match=OLD[0].format(1)):
        open_vegas(root, FOUR)


# --- partitions


def test_the_shipped_list_can_be_drawn_again(tmp_path: Path) -> None:
    path = Path(vegas_splits.__file__).parents[2] / "tasks" / "splits" / vegas_splits.FILE
    shipped = read_split(path)
    assert shipped.counts == {"train": 3081, "val": 385, "test": 385}
    numbers = sorted(int(key.rpartition("img")[2]) for ids in shipped.parts.values() for key in ids)
    assert len(set(numbers)) == 3851 and numbers[0] == 1 and numbers[-1] == 6417
    assert {3, 28, 127, 1041, 1621} <= set(numbers)  # tiles that others name
    order = [f"AOI_2_Vegas_img{number}" for number in draw_order("AOI_2_Vegas", numbers, 0)]
    assert set(shipped.parts["train"]) == set(order[:3081]) and set(shipped.parts["test"]) == set(order[3466:])
    assert vegas_splits.draw(tmp_path / "again.txt", numbers) == shipped
    index = {"features": [{"properties": {"location": f"x/PAN/PAN_AOI_2_Vegas_img{n}.tif"}} for n in numbers[::-1]]}
    (tmp_path / "index.geojson").write_text(json.dumps(index))
    assert vegas_splits.read_index(tmp_path / "index.geojson") == numbers
    (tmp_path / "index.geojson").write_text(json.dumps({"features": index["features"][1:]}))
    with pytest.raises(UserError, match="3850 tiles, not 3851"):
        vegas_splits.read_index(tmp_path / "index.geojson")


@settings(deadline=None, max_examples=20)
@given(numbers=st.sets(st.integers(1, 300), min_size=3, max_size=40))
def test_present(numbers: set[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("tiles")
    for folder, name in zip(("RGB-PanSharpen", "geojson/buildings"), OLD, strict=True):
        (root / folder).mkdir(parents=True)
        for number in numbers:
            (root / folder / name.format(number)).write_bytes(b"x")
    split = vegas_splits.present(root)
    sizes = split.counts
    assert sizes["val"] == sizes["test"] == max(1, round(len(numbers) * 385 / 3851)) and sizes["train"] >= 1
    order = [f"AOI_2_Vegas_img{number}" for number in draw_order("AOI_2_Vegas", numbers, 0)]
    assert set(split.parts["train"]) == set(order[: sizes["train"]]) and split.unused == ()
    assert sorted(key for ids in split.parts.values() for key in ids) == sorted(order)


def test_present_needs_three(tmp_path: Path) -> None:
    write_tiles(tmp_path / FOLDERS[0], tmp_path / FOLDERS[1], numbers=(1, 3))
    with pytest.raises(UserError, match=r"holds 2 tiles .* three parts need three"):
        vegas_splits.present(tmp_path)


@pytest.mark.parametrize("tiles", [3, 4, 11, 30])
def test_blocks(tiles: int, tmp_path: Path) -> None:
    """Tiles of 7 m in a row, a kilometre apart, two to a block: those of a block stay together."""
    for k in range(2 * tiles):
        column = k // 2 * 137 + k % 2
        write_image(tmp_path / FOLDERS[0] / OLD[0].format(k + 1), column=column)
        write_labels(tmp_path / FOLDERS[1] / OLD[1].format(k + 1))
    split = vegas_splits.blocks(tmp_path)
    part_of = {int(key.rpartition("img")[2]): part for part, ids in split.parts.items() for key in ids}
    assert all(part_of[k] == part_of[k + 1] for k in range(1, 2 * tiles, 2))
    assert min(split.counts.values()) >= 2
    for part in ("val", "test"):
        assert split.counts[part] < 2 * tiles * 0.1 + 2 or split.counts[part] == 2
    assert vegas_splits.blocks(tmp_path) == split


def test_blocks_need_three_blocks(tmp_path: Path) -> None:
    for number, column in ((1, 0), (2, 137), (3, 138)):
        write_image(tmp_path / FOLDERS[0] / OLD[0].format(number), column=column)
        write_labels(tmp_path / FOLDERS[1] / OLD[1].format(number))
    with pytest.raises(UserError, match=r"All 3 tiles .* lie in 2 blocks of 1 km"):
        vegas_splits.blocks(tmp_path)
