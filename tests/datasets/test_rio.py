"""SpaceNet-1 Rio as it lies on disk: both namings, many folders, three partitions, and every bad input by its name."""

import json
import os
import shutil
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from rsbench.datasets import rio_splits
from rsbench.datasets.rio import CLASSES, open_rio
from rsbench.datasets.rio_layout import find_tiles, tile_id
from rsbench.datasets.segmentation import IGNORE, SegmentationDataset, Tile
from rsbench.datasets.splits import SplitList, draw_order, make_split, read_split
from rsbench.errors import UserError
from rsbench.plugins import load

WIDTH, HEIGHT = 20, 14
STEP = 4.49e-6
WEST, NORTH = -43.6822, -22.95
NEW = ("3band_AOI_1_RIO_img{}.tif", "Geo_AOI_1_RIO_img{}.geojson")
OLD = ("3band_013022223130_Public_img{}.tif", "013022223130_Public_img{}_Geo.geojson")


def write_image(path: Path, number: int = 1, *, bands: int = 3, dtype: str = "uint8", crs: str | None = "EPSG:4326",
                column: int = 0, row: int = 0, west: float = WEST, placed: bool = True) -> None:  # fmt: skip
    """A tile of noise whose left column is no-data; one that is not placed has no geotransform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(number).integers(1, 200, (bands, HEIGHT, WIDTH)).astype(dtype)
    values[:, :, 0] = 0
    transform = Affine(STEP, 0, west + column * WIDTH * STEP, 0, -STEP, NORTH - row * HEIGHT * STEP)
    profile = {"width": WIDTH, "height": HEIGHT, "count": bands, "dtype": dtype, "crs": crs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", transform=transform if placed else None, **profile) as file:
            file.write(values)


def footprint(x: float, y: float, side: float, column: int = 0, row: int = 0) -> dict:
    west, north = WEST + column * WIDTH * STEP, NORTH - row * HEIGHT * STEP
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    ring = [[west + px * STEP, north - py * STEP, 0.0] for px, py in corners]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def write_labels(path: Path, *features: dict, **members: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features} | members))


def write_tiles(
    images: Path, labels: Path, names: tuple[str, str] = NEW, numbers: tuple[int, ...] = (1, 2, 3, 10)
) -> None:
    for number in numbers:
        write_image(images / names[0].format(number), number)
        write_labels(labels / names[1].format(number), footprint(4, 3, 5))
    (labels / names[1].format(numbers[0])).write_text("")


def some(*numbers: int, train: int = 2) -> SplitList:
    parts = {number: "train" if k < train else "val" for k, number in enumerate(numbers)}
    rows = [parts.get(number, "") for number in range(1, max(numbers) + 1)]
    return make_split(name="some", ids="{class}_img{number}", assignment={"AOI_1_RIO": rows})


FOUR = some(1, 2, 3, 10)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    train = tmp_path / "SN1_buildings" / "train"
    write_tiles(train / "3band", train / "geojson")
    return tmp_path


def test_what_a_tile_holds(root: Path) -> None:
    dataset = open_rio(root, FOUR)
    assert dataset.classes == CLASSES == ("background", "building")
    assert dataset.parts["train"] == ("AOI_1_RIO_img1", "AOI_1_RIO_img2")
    assert dataset.parts["val"] == ("AOI_1_RIO_img10", "AOI_1_RIO_img3")
    tile = dataset.load("AOI_1_RIO_img2")
    with rasterio.open(root / "SN1_buildings/train/3band" / NEW[0].format(2)) as file:
        assert np.array_equal(tile.image, np.moveaxis(file.read(), 0, 2))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[3:8, 4:9] = 1
    assert np.array_equal(tile.labels, expected) and tile.labels.dtype == np.uint8
    assert tile.no_data[:, 0].all() and not tile.no_data[:, 1:].any()
    assert not dataset.load("AOI_1_RIO_img1").labels.any()  # a file of no bytes


@pytest.mark.parametrize(
    ("images", "labels", "names"),
    [
        ("SN1_buildings/train/3band", "SN1_buildings/train/geojson", NEW),
        ("train/3band", "train/geojson", NEW),
        ("3band", "geojson", NEW),
        ("3band", "geojson/buildings", NEW),
        ("3band", "geojson_buildings", NEW),
        ("3band", "vectorData/geoJson", OLD),
        ("3band", "vectordata/geojson", NEW),
        ("processedData/3band", "processedData/vectorData/geojson", OLD),
        ("processedBuildingLabels/3band", "processedBuildingLabels/vectordata/geojson/geojson", NEW),
        ("AOI_1_Rio/processedData/3band", "AOI_1_Rio/processedData/vectorData/geoJson", OLD),
    ],
)
def test_places_and_names(images: str, labels: str, names: tuple[str, str], root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_tiles(other / images, other / labels, names)
    dataset = open_rio(other, FOUR)
    dataset.check()
    assert dataset.fingerprint == open_rio(root, FOUR).fingerprint  # names on disk do not matter, contents do


def test_fingerprint_covers_images_and_footprints(root: Path) -> None:
    before = open_rio(root, FOUR).fingerprint
    train = root / "SN1_buildings" / "train"
    write_labels(train / "geojson" / NEW[1].format(3), footprint(4, 3, 6))
    changed = open_rio(root, FOUR).fingerprint
    write_image(train / "3band" / NEW[0].format(3), 99)
    assert len({before, changed, open_rio(root, FOUR).fingerprint}) == 3
    part = make_split(name="n", ids="{class}_img{number}", assignment={"AOI_1_RIO": ["train", "val"]})
    for number in (3, 10):
        (train / "3band" / NEW[0].format(number)).unlink()
        (train / "geojson" / NEW[1].format(number)).unlink()
    assert open_rio(root, part).fingerprint != before


def test_labels_are_made_once_and_stay_right(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_rio(root, FOUR)
    calls = []
    counted = SegmentationDataset(
        dataset.name, dataset.classes, dataset.parts, dataset.files, dataset.read_image,
        lambda key: (calls.append(key), dataset.read_labels(key))[1],
    )  # fmt: skip
    keys = [key for ids in counted.parts.values() for key in ids]
    first = {key: counted.load(key) for key in keys}
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(counted.load, keys * 20))
    for key, tile in zip(keys * 20, again, strict=True):
        assert np.array_equal(tile.labels, first[key].labels) and np.array_equal(tile.image, first[key].image)
        assert tile.labels.flags.writeable
    assert sorted(calls) == sorted(keys)
    again[0].labels[:] = 7  # a caller may change what it got
    assert counted.load(keys[0]).labels.max() <= 1


def test_system_files_and_sidecars_are_passed_over(root: Path) -> None:
    train = root / "SN1_buildings" / "train"
    for name in (".DS_Store", "Thumbs.db", "._3band_AOI_1_RIO_img1.tif", NEW[0].format(1) + ".aux.xml",
                 NEW[0].format(1) + ".ovr", NEW[0].format(2) + ".aux.xml"):  # fmt: skip
        (train / "3band" / name).write_bytes(b"x")
    (train / "geojson" / ".hidden").write_bytes(b"x")
    (train / "3band" / "previews").mkdir()
    open_rio(root, FOUR).check()


def replaced(name: str, write: Callable[[Path], object]) -> Callable[[Path], None]:
    """A fault of one file: it is written anew."""

    def damage(train: Path) -> None:
        write(train / name)

    return damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_link(target: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return write


IMAGE, LABELS = f"3band/{NEW[0].format(2)}", f"geojson/{NEW[1].format(2)}"
OUTSIDE = footprint(WIDTH + 3, 0, 2)
UTM = {"crs": {"type": "name", "properties": {"name": "EPSG:32723"}}}


@pytest.mark.parametrize(
    ("damage", "reasons"),
    [
        (replaced(LABELS, Path.unlink), ["images without footprints", NEW[0].format(2)]),
        (replaced(IMAGE, Path.unlink), ["footprints without an image", NEW[1].format(2)]),
        (replaced(IMAGE, lambda p: p.write_bytes(b"")), ["empty files", NEW[0].format(2)]),
        (replaced(IMAGE, as_folder), ["are no files", f"{NEW[0].format(2)} (a folder)"]),
        (replaced(LABELS, as_folder), ["are no files", f"{NEW[1].format(2)} (a folder)"]),
        (replaced(IMAGE, as_link("gone.tif")), ["are no files", f"{NEW[0].format(2)} (a link to gone.tif"]),
        (replaced(LABELS, as_link("gone.json")), ["are no files", f"{NEW[1].format(2)} (a link to gone.json"]),
        (replaced(IMAGE, as_link(NEW[0].format(2))), ["are no files", f"{NEW[0].format(2)} (a link to"]),
        (replaced(IMAGE, as_link("..")), ["are no files", f"{NEW[0].format(2)} (a link to .., a folder)"]),
        (lambda train: [(train / IMAGE).unlink(), (train / LABELS).unlink()], ["lacks tiles", tile_id(2)]),
        (lambda train: write_tiles(train / "3band", train / "geojson", NEW, (11,)), ["unknown to the split", "img11"]),
        (lambda train: write_tiles(train / "3band", train / "geojson", OLD, (2,)), ["two files of tile 2"]),
        (lambda train: (train / "3band" / "notes.txt").touch(), ["another kind: notes.txt"]),
        (lambda train: (train / "3band" / "8band_AOI_1_RIO_img1.tif").touch(), ["another kind: 8band_"]),
        (lambda train: (train / "geojson" / "a.json").touch(), ["another kind: a.json"]),
        (lambda train: shutil.rmtree(train / "geojson"), ["images and no footprints"]),
        (lambda train: (train / "3band").rename(train / "8band"), ["8-band tiles"]),
        (lambda train: shutil.rmtree(train / "3band"), ["no folder 3band"]),
        (lambda train: [shutil.rmtree(train / "3band"), (train / "3band").mkdir()], ["footprints without an image"]),
        (lambda train: [shutil.rmtree(train / n) or (train / n).mkdir() for n in ("3band", "geojson")], ["no tile of"]),
    ],
)  # fmt: skip
def test_what_lies_there_is_checked_before_a_tile_is_read(
    damage: Callable[[Path], object], reasons: list[str], root: Path
) -> None:
    damage(root / "SN1_buildings" / "train")
    with pytest.raises(UserError) as error:
        open_rio(root, FOUR)
    assert all(reason in error.value.message for reason in reasons)
    assert error.value.hint


def test_tiles_may_be_links(root: Path) -> None:
    image = root / "SN1_buildings" / "train" / IMAGE
    image.rename(root / "elsewhere.tif")
    image.symlink_to(root / "elsewhere.tif")
    open_rio(root, FOUR).check()


@pytest.mark.parametrize(
    ("folders", "given"),
    [(("3band", "geojson"), "3band"), (("3band", "geojson"), "geojson"), (("3Band", "vectorData/geoJson"), "3Band"),
     (("3band", "vectordata/geojson/geojson"), "vectordata/geojson/geojson"),
     (("3band", "geojson/buildings"), "geojson/buildings"), (("3band", "geojson_buildings"), "geojson_buildings")],
)  # fmt: skip
def test_a_folder_too_deep(
    folders: tuple[str, str], given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = tmp_path / "tiles"
    write_tiles(*(above / folder for folder in folders))
    monkeypatch.chdir(above / given)
    for root in (above / given, Path()):
        with pytest.raises(UserError, match=f"is the folder {Path(given).name} of") as error:
            open_rio(root, FOUR)
        assert error.value.hint == f"Give the folder above: {above}."


@pytest.mark.parametrize(
    ("damage", "reasons"),
    [
        (replaced(IMAGE, lambda p: p.write_bytes(b"not a TIFF")), ["cannot be decoded", IMAGE]),
        (replaced(IMAGE, cut), ["cannot be decoded", IMAGE]),
        (replaced(IMAGE, partial(write_image, bands=8, dtype="uint16")), ["8 bands of uint16", "8-band", IMAGE]),
        (replaced(IMAGE, partial(write_image, dtype="uint16")), ["3 bands of uint16", IMAGE]),
        (replaced(IMAGE, partial(write_image, bands=1)), ["1 band of uint8", IMAGE]),
        (replaced(IMAGE, partial(write_image, bands=4)), ["4 bands of uint8", IMAGE]),
        (replaced(IMAGE, partial(write_image, crs=None)), ["names no coordinate system", IMAGE]),
        (replaced(IMAGE, partial(write_image, placed=False)), ["no geotransform", IMAGE]),
        (replaced(IMAGE, partial(write_image, crs="EPSG:32723")), ["EPSG:4326", "EPSG:32723", IMAGE, LABELS]),
        (replaced(LABELS, lambda p: write_labels(p, **UTM)), ["EPSG:4326", "EPSG:32723", IMAGE, LABELS]),
        (replaced(LABELS, lambda p: p.write_text("{")), ["not valid JSON", LABELS]),
        (replaced(LABELS, lambda p: write_labels(p, footprint(0, 0, 2), OUTSIDE)), ["Feature 2", "outside", LABELS]),
    ],
)  # fmt: skip
def test_bad_tiles_are_named(damage: Callable[[Path], object], reasons: list[str], root: Path) -> None:
    damage(root / "SN1_buildings" / "train")
    dataset = open_rio(root, FOUR)
    hints = set()
    for attempt in (dataset.check, lambda: dataset.load("AOI_1_RIO_img2")):
        with warnings.catch_warnings(), pytest.raises(UserError) as error:
            warnings.simplefilter("error")
            attempt()
        assert all(reason in error.value.message for reason in reasons)
        assert "\n" not in error.value.message
        hints.add(error.value.hint)
    assert len(hints) == 1  # check() gives the remedy that belongs to the fault
    assert dataset.load("AOI_1_RIO_img3").labels.any()  # the others are well


def test_an_image_without_a_place_is_at_fault_not_its_footprints(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train = root / "SN1_buildings" / "train"
    for number in (1, 2):  # img1 has no footprints
        write_image(train / "3band" / NEW[0].format(number), placed=False)
    dataset = open_rio(root, FOUR)
    for number in (1, 2):
        with warnings.catch_warnings(), pytest.raises(UserError, match="no geotransform") as error:
            warnings.simplefilter("error")
            dataset.load(tile_id(number))
        assert NEW[0].format(number) in error.value.message and "geojson" not in error.value.message
    filters = list(warnings.filters)
    with pytest.raises(UserError, match="no geotransform"):
        dataset.check()
    assert warnings.filters == filters and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["GTIFF_IGNORE_READ_ERRORS", "GTIFF_DIRECT_IO", "GTIFF_VIRTUAL_MEM_IO", "CPL_DEBUG"])
def test_gdal_settings_of_the_user_hide_no_damage(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    image = root / "SN1_buildings" / "train" / IMAGE
    image.write_bytes(image.read_bytes()[:-30])
    monkeypatch.setenv(name, "YES")
    with pytest.raises(UserError, match="cannot be decoded") as error:
        open_rio(root, FOUR).load(tile_id(2))
    assert "\n" not in error.value.message and capfd.readouterr() == ("", "")


def test_check_counts_all_and_reports(root: Path) -> None:
    train = root / "SN1_buildings" / "train"
    seen: list[tuple[int, int]] = []
    dataset = open_rio(root, FOUR)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset.check(lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for number in (1, 2, 3, 10):
        (train / "3band" / NEW[0].format(number)).write_bytes(b"x")
    with pytest.raises(UserError, match=r"\(4 tiles in all\)") as error:
        dataset.check()
    assert error.value.message.count("cannot be decoded") == 3
    assert error.value.hint == "Restore it from the original archive."


def test_remedies_of_several_faults(root: Path) -> None:
    """One remedy is kept where it serves all; otherwise the one of the first fault is given as such."""
    train = root / "SN1_buildings" / "train"
    for number in (2, 10):
        write_image(train / "3band" / NEW[0].format(number), dtype="uint16")
    with pytest.raises(UserError) as error:
        open_rio(root, FOUR).check()
    assert error.value.hint.startswith("Take the 3-band tiles")
    (train / "3band" / NEW[0].format(3)).write_bytes(b"x")
    with pytest.raises(UserError) as error:
        open_rio(root, FOUR).check()
    assert error.value.hint.startswith("For the first: Take the 3-band tiles")


def test_remedies_are_named(root: Path) -> None:
    with pytest.raises(UserError) as error:
        open_rio(root, some(1, 2, 3))
    assert (
        "rsbench run --split present, rsbench score --partition present" in error.value.hint
        and "img10" in error.value.message
    )
    with pytest.raises(UserError) as error:
        open_rio(root / "absent", FOUR)
    assert "aws s3 cp --no-sign-request s3://spacenet-dataset/" in error.value.hint
    packed = root / "packed"
    packed.mkdir()
    (packed / "SN1_buildings_train_AOI_1_Rio_3band.tar.gz").touch()
    with pytest.raises(UserError, match="in archives") as error:
        open_rio(packed, FOUR)
    assert "Unpack" in error.value.hint


def test_unused_tiles_may_be_there_or_not(root: Path) -> None:
    rows = ["train", "val", "", "", "", "", "", "", "", ""]
    split = make_split(name="n", ids="{class}_img{number}", assignment={"AOI_1_RIO": rows})
    assert open_rio(root, split).parts["val"] == ("AOI_1_RIO_img2",)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the file can be read all the same")
def test_a_folder_that_may_not_be_read(root: Path) -> None:
    folder = root / "SN1_buildings" / "train" / "3band"
    folder.chmod(0)
    try:
        with pytest.raises(UserError, match="cannot be read"):
            open_rio(root, FOUR)
    finally:
        folder.chmod(0o755)


def test_the_shipped_list_can_be_drawn_again(tmp_path: Path) -> None:
    split = load().task("spacenet-rio").split("5000-1940")
    shipped = read_split(split)
    assert shipped == rio_splits.draw(tmp_path / "again.txt")
    assert shipped.counts == {"train": 5000, "val": 1940}
    everything = {item for ids in shipped.parts.values() for item in ids}
    assert everything == {f"AOI_1_RIO_img{number}" for number in range(1, 6941)}
    order = draw_order("AOI_1_RIO", range(1, 6941), 0)
    assert set(shipped.parts["val"]) == {f"AOI_1_RIO_img{number}" for number in order[5000:]}


@settings(deadline=None, max_examples=20)
@given(numbers=st.sets(st.integers(1, 300), min_size=2, max_size=25))
def test_present_divides_what_is_there_in_the_same_order(
    numbers: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tiles")
    for folder, name in zip(("3band", "geojson"), NEW, strict=True):
        (root / folder).mkdir()
        for number in numbers:
            (root / folder / name.format(number)).write_bytes(b"x")
    split = rio_splits.present(root)
    assert split.name == "present" and split.unused == ()
    train, val = (set(split.parts[part]) for part in ("train", "val"))
    assert train and val and train.isdisjoint(val)
    assert train | val == {tile_id(number) for number in numbers}
    assert abs(len(train) - len(numbers) * 5000 / 6940) <= 0.5 or min(len(train), len(val)) == 1
    order = [tile_id(number) for number in draw_order("AOI_1_RIO", range(1, 301), 0)]
    assert max(order.index(key) for key in train) < min(order.index(key) for key in val)


def test_present_needs_two(tmp_path: Path) -> None:
    write_tiles(tmp_path / "3band", tmp_path / "geojson", numbers=(5,))
    for rule in (rio_splits.present, rio_splits.blocks):
        with pytest.raises(UserError, match="two parts need two"):
            rule(tmp_path)


def grid_of_tiles(root: Path, columns: int, rows: int, stride: int = 60) -> dict[str, tuple[int, int]]:
    """Tiles ``stride`` tile widths apart, about 0.6 km, as a grid; returns where each lies."""
    places = {}
    for k in range(columns * rows):
        column, row = k % columns * stride, k // columns * stride
        write_image(root / "3band" / NEW[0].format(k + 1), column=column, row=row)
        write_labels(root / "geojson" / NEW[1].format(k + 1))
        places[tile_id(k + 1)] = (column, row)
    return places


def test_blocks_keep_neighbours_together(tmp_path: Path) -> None:
    places = grid_of_tiles(tmp_path, 8, 6)
    split = rio_splits.blocks(tmp_path)
    val = set(split.parts["val"])
    assert set(split.parts["train"]) | val == set(places) and split.name == "blocks"
    assert 48 * 1940 / 6940 <= len(val) < 30
    block_of = {}
    for number, (image, _) in find_tiles(tmp_path).tiles.items():
        with rasterio.open(image) as file:
            lon, lat = (file.bounds.left + file.bounds.right) / 2, (file.bounds.bottom + file.bounds.top) / 2
        east = (lon + 43.8) * 111_320 * np.cos(np.radians(23.1))
        block_of[tile_id(number)] = (int(east // 1000), int((lat + 23.1) * 111_320 // 1000))
    assert len(set(block_of.values())) > 6
    assert {block_of[key] for key in val}.isdisjoint(block_of[key] for key in split.parts["train"])
    assert rio_splits.blocks(tmp_path) == split


def test_blocks_do_not_depend_on_the_order_of_the_files(tmp_path: Path) -> None:
    grid_of_tiles(tmp_path, 8, 1)
    whole = rio_splits.blocks(tmp_path)
    assert min(whole.counts.values()) >= 1
    for name in (f"3band/{NEW[0]}", f"geojson/{NEW[1]}"):
        (tmp_path / name.format(1)).rename(tmp_path / name.format(900))
    renamed = rio_splits.blocks(tmp_path)
    swap = {tile_id(1): tile_id(900)}
    assert {swap.get(key, key) for key in whole.parts["val"]} == set(renamed.parts["val"])


def test_blocks_need_two_blocks(tmp_path: Path) -> None:
    grid_of_tiles(tmp_path, 3, 1, stride=1)
    with pytest.raises(UserError, match=r"All 3 tiles .* one block of 1 km"):
        rio_splits.blocks(tmp_path)


def test_a_tile_without_a_place_has_no_block(root: Path) -> None:
    write_image(root / "SN1_buildings" / "train" / IMAGE, crs=None)
    with pytest.raises(UserError, match="names no coordinate system") as error:
        rio_splits.blocks(root)
    assert IMAGE in error.value.message


@pytest.mark.parametrize("west", [5e7, 1e30, 1e300])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32723"])
def test_a_tile_beyond_the_earth_has_no_block(
    crs: str, west: float, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = root / "SN1_buildings" / "train" / IMAGE
    write_image(image, crs=crs, west=west)
    with pytest.raises(UserError, match="does not lie on the earth") as error:
        rio_splits.blocks(root)
    assert IMAGE in error.value.message and capfd.readouterr() == ("", "")


def test_a_dataset_of_a_plugin() -> None:
    """Any three functions make a dataset; what they must not return is refused with the item's name."""
    image, labels = np.full((4, 5, 3), 9, np.uint8), np.zeros((4, 5), np.uint8)
    labels[0, 0] = IGNORE

    def dataset(image: np.ndarray, labels: np.ndarray) -> SegmentationDataset:
        return SegmentationDataset(
            "mine", ("a", "b"), {"train": ("x",)}, lambda key: (Path(f"{key}.png"),), lambda _: image, lambda _: labels
        )

    tile = dataset(image, labels).load("x")
    assert isinstance(tile, Tile) and tile.labels[0, 0] == IGNORE and not tile.no_data.any()
    for wrong, reason in (
        ((image.astype(np.int32), labels), "its image is int32"),
        ((image[..., 0], labels), "its image is uint8"),
        ((image, labels[:2]), "its labels are uint8"),
        ((image, labels.astype(np.int64)), "its labels are int64"),
        ((image, labels + 2), "label 2 where there are 2 classes"),
    ):
        with pytest.raises(UserError, match=reason) as error:
            dataset(*wrong).load("x")
        assert "'x' of mine" in error.value.message and "x.png" in error.value.message
        with pytest.raises(UserError, match=reason) as error:
            dataset(*wrong).check()
        assert error.value.hint == "Correct its reader."
    with pytest.raises(UserError, match="cannot be read"):
        _ = dataset(image, labels).fingerprint
