"""Predictions on disk: what was predicted comes back, nothing is half written, and memory stays where it is."""

import io
import subprocess
import sys
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rsbench.segmentation.metrics import confusion
from rsbench.segmentation.predictions import (
    PredictionWriter,
    confusions,
    merge,
    read_mask,
    read_masks,
    write_mask,
)

NAMES = ("background", "building")


def scene(seed, classes=2, shape=(7, 11)):
    """(labels, predicted) of a made-up tile, with some pixels ignored."""
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, classes, (2, *shape)).astype(np.uint8)
    labels[rng.random(shape) < 0.1] = 255
    return labels, predicted


def write(path, items, classes=NAMES, part="val"):
    """Writes one made-up tile per item; the number of an item is the seed of its scene."""
    with PredictionWriter(path, classes) as writer:
        for item in items:
            writer.add(part, f"tile{item}", *scene(item, len(classes)))
    return path


@given(st.integers(2, 255), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_a_mask_comes_back_as_it_was(classes, height, width, seed):
    mask = np.random.default_rng(seed).integers(0, classes, (height, width)).astype(np.uint8)
    data = write_mask(mask, classes)
    assert np.array_equal(read_mask(data), mask)
    assert read_mask(data).dtype == np.uint8


def test_two_classes_take_a_bit_per_pixel_and_any_viewer_shows_them():
    mask = scene(0, shape=(400, 400))[1]
    with Image.open(io.BytesIO(write_mask(mask, 2))) as image:
        assert (image.format, image.mode, image.getextrema()) == ("PNG", "1", (0, 255))
    assert len(write_mask(mask, 2)) < 400 * 400 / 8 * 1.05


@pytest.mark.parametrize("classes", [NAMES, ("a", "b", "c")])
def test_what_was_added_comes_back(tmp_path, classes):
    path = write(tmp_path / "made.parquet", [3, 1], classes)
    table = pq.read_table(path)
    assert table.column_names == ["part", "item", "height", "width", "mask", "confusion"]
    for row, seed in zip(table.to_pylist(), (3, 1), strict=True):
        labels, predicted = scene(seed, len(classes))
        assert (row["part"], row["item"], row["height"], row["width"]) == ("val", f"tile{seed}", 7, 11)
        assert np.array_equal(read_mask(row["mask"]), predicted)
        assert row["confusion"] == confusion(labels, predicted, len(classes)).ravel().tolist()


@pytest.mark.parametrize("as_table", [True, False])
def test_counts_are_read_by_part_in_the_order_of_the_file(tmp_path, as_table):
    path = tmp_path / "made.parquet"
    with PredictionWriter(path, NAMES) as writer:
        for seed, part in enumerate(["val", "test", "val", "test", "val"]):
            writer.add(part, f"tile{9 - seed}", *scene(seed))
    items, counts = confusions(pq.read_table(path) if as_table else path, "val")
    assert items == ["tile9", "tile7", "tile5"]
    assert counts.dtype == np.int64
    assert np.array_equal(counts, [confusion(*scene(seed), 2) for seed in (0, 2, 4)])
    assert confusions(path, "train")[1].shape == (0, 2, 2)


def test_counts_of_a_slice_of_a_table_are_those_of_its_rows(tmp_path):
    table = pq.read_table(write(tmp_path / "made.parquet", range(6)))
    items, counts = confusions(pa.concat_tables([table[4:], table[1:2]]), "val")
    assert items == ["tile4", "tile5", "tile1"]
    assert np.array_equal(counts, [confusion(*scene(seed), 2) for seed in (4, 5, 1)])


@pytest.mark.parametrize("spoil", ["missing", "short", "null inside", "no classes"])
def test_counts_that_are_not_c_by_c_are_refused(tmp_path, spoil):
    table = pq.read_table(write(tmp_path / "made.parquet", range(2)))
    if spoil == "no classes":
        table = table.replace_schema_metadata(None)
    else:
        rows = {"missing": None, "short": [1, 2, 3], "null inside": [1, 2, 3, None]}
        column = pa.array([[1, 2, 3, 4], rows[spoil]], pa.list_(pa.int64()))
        table = table.set_column(5, "confusion", column)
    with pytest.raises(ValueError, match=r"counts|classes"):
        confusions(table, "val")


def test_counts_are_read_without_pandas_and_torch(tmp_path):
    path = write(tmp_path / "made.parquet", range(2))
    code = (
        "import sys; from rsbench.segmentation.predictions import confusions; confusions(sys.argv[1], 'val');"
        "print([m for m in ('torch', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_an_error_leaves_no_file_and_what_was_there_stays(tmp_path):
    path = write(tmp_path / "made.parquet", [1])
    with pytest.raises(KeyboardInterrupt), PredictionWriter(path, NAMES) as writer:
        writer.add("val", "tile2", *scene(2))
        raise KeyboardInterrupt
    assert confusions(path, "val")[0] == ["tile1"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_not_there_before_it_is_whole(tmp_path):
    path = tmp_path / "made.parquet"
    with PredictionWriter(path, NAMES) as writer:
        writer.add("val", "tile1", *scene(1))
        assert not path.exists()
    assert path.exists()


def test_a_process_without_a_tile_leaves_an_empty_file(tmp_path):
    path = write(tmp_path / "made.parquet", [])
    assert confusions(path, "val")[1].shape == (0, 2, 2)


def test_what_is_no_prediction_is_refused(tmp_path):
    labels, predicted = scene(0)
    with pytest.raises(ValueError, match="class 2"), PredictionWriter(tmp_path / "made.parquet", NAMES) as writer:
        writer.add("val", "tile", labels, predicted + np.uint8(1))
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_number_of_tiles(tmp_path):
    rng = np.random.default_rng(0)
    merge([write(tmp_path / "first.parquet", [0])], tmp_path / "merged.parquet")  # imports are not what is measured
    tracemalloc.start()
    arrow = []
    with PredictionWriter(tmp_path / "made.parquet", NAMES) as writer:
        for number in range(120):
            predicted = np.unpackbits(np.frombuffer(rng.bytes(125_000), np.uint8)).reshape(1000, 1000)
            writer.add("val", f"tile{number:03}", predicted, predicted)  # noise, which no PNG makes smaller
            arrow.append(pa.total_allocated_bytes())
    merge([tmp_path / "made.parquet"], tmp_path / "merged.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "merged.parquet").stat().st_size > 14e6
    assert peak < 12e6
    assert max(arrow) < 5e6


@pytest.mark.parametrize("rows", [1, 2, 256])
def test_files_of_several_processes_become_one_in_order(tmp_path, monkeypatch, rows):
    monkeypatch.setattr("rsbench.segmentation.predictions._ROWS", rows)
    paths = [write(tmp_path / f"{rank}.parquet", range(rank, 9, 3)) for rank in range(3)]
    with PredictionWriter(tmp_path / "3.parquet", NAMES) as writer:  # parts mixed, and not in order
        for part, seed in [("val", 10), ("test", 12), ("val", 9), ("test", 11)]:
            writer.add(part, f"tile{seed}", *scene(seed))
    merge([*paths, tmp_path / "3.parquet"], tmp_path / "merged.parquet")
    table = pq.read_table(tmp_path / "merged.parquet")
    keys = list(zip(table["part"].to_pylist(), table["item"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert len(keys) == 13
    for row in table.to_pylist():
        labels, predicted = scene(int(row["item"].removeprefix("tile")))
        assert np.array_equal(read_mask(row["mask"]), predicted)
        assert row["confusion"] == confusion(labels, predicted, 2).ravel().tolist()


def test_one_process_or_several_leave_the_same_file(tmp_path):
    merge([write(tmp_path / "all.parquet", range(9))], tmp_path / "one.parquet")
    merge([write(tmp_path / f"{rank}.parquet", range(rank, 9, 2)) for rank in range(2)], tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_tile_that_two_processes_predicted_is_an_error(tmp_path):
    paths = [write(tmp_path / f"{rank}.parquet", [rank, 5]) for rank in range(2)]
    with pytest.raises(ValueError, match="'tile5' of val is there twice"):
        merge(paths, tmp_path / "merged.parquet")


def test_files_of_different_classes_are_not_joined(tmp_path):
    paths = [write(tmp_path / "0.parquet", [0]), write(tmp_path / "1.parquet", [1], ("building", "background"))]
    with pytest.raises(ValueError, match="different classes"):
        merge(paths, tmp_path / "merged.parquet")


def test_some_masks_are_read_by_item(tmp_path, monkeypatch):
    monkeypatch.setattr("rsbench.segmentation.predictions._ROWS", 2)
    path = write(tmp_path / "made.parquet", range(7))
    assert pq.ParquetFile(path).num_row_groups == 4
    masks = read_masks(path, "val", ["tile6", "tile1", "tile0"])
    assert {item: mask.tolist() for item, mask in masks.items()} == {
        f"tile{seed}": scene(seed)[1].tolist() for seed in (0, 1, 6)
    }
    with pytest.raises(KeyError, match="tile9 of val"):
        read_masks(path, "val", ["tile1", "tile9"])
