"""Images and targets as a detector takes them: sizes, flips and turns, crowds, masks, order."""

from pathlib import Path

import numpy as np
import pytest
import tiny_detection
import torch

from rsbench.detection.data import Images, fitted, training_batches, turned, whole_batches
from rsbench.plugins import load
from rsbench.preprocessing import Preprocessor


@pytest.fixture(scope="module")
def images():
    method, variant = load().method("random/nano")
    dataset = tiny_detection.tiny_masks.open(Path(), tiny_detection.demo(Path(), 0))
    return Images(dataset, Preprocessor(method.weights(variant).preprocess, 64), 200, masks=True)


def bounds(masks: torch.Tensor) -> torch.Tensor:
    """Left, top, right, bottom of the set pixels of each mask."""
    found = []
    for mask in masks:
        rows, columns = torch.nonzero(mask, as_tuple=True)
        found.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return torch.tensor(found, dtype=torch.float32)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirror", [False, True])
def test_boxes_and_masks_turn_with_the_image(images, turns, mirror):
    image, target = images.view("t01", np.random.default_rng(0), "none")
    moved, objects = turned(image, target, turns, mirror)
    expected = np.rot90(image.numpy(), turns, (1, 2))
    expected = expected[:, :, ::-1] if mirror else expected
    assert np.array_equal(moved.numpy(), expected)
    assert objects["masks"].shape[1:] == moved.shape[1:]
    assert torch.allclose(objects["boxes"], bounds(objects["masks"]), atol=1.01), "ellipses fill their boxes"
    assert objects["masks"].sum() == target["masks"].sum()


def test_crowds_are_no_targets(images):
    dataset = images.dataset
    for key in dataset.parts["train"]:
        _, target = images.view(key, np.random.default_rng(0), "none")
        kept = ~dataset.objects(key).crowd
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"]) == kept.sum()
    assert any(dataset.objects(key).crowd.any() for key in dataset.parts["train"])


def test_larger_images_are_made_smaller_with_all_that_is_in_them(images):
    small = Images(images.dataset, images.preprocessor, 56, masks=True)
    image, target = small.view("t00", np.random.default_rng(0), "none")
    assert tuple(image.shape[1:]) == fitted(tiny_detection.size("t00"), 56) == (40, 56)
    _, whole = images.view("t00", np.random.default_rng(0), "none")
    assert torch.allclose(target["boxes"] * 2, whole["boxes"])
    assert torch.allclose(bounds(target["masks"]), target["boxes"], atol=1.01)


def test_an_epoch_is_the_same_when_it_begins_later_and_when_processes_share_it(images):
    settings = {"augment": "dihedral", "seed": 3, "epoch": 1, "batch_size": 4}
    items = images.dataset.parts["train"]
    whole = list(training_batches(images, items, **settings))
    assert [len(batch.items) for batch in whole] == [4, 4], "the ninth image waits for another epoch"
    [later] = training_batches(images, items, **settings, first=1)
    assert later.items == whole[1].items
    assert all(torch.equal(a, b) for a, b in zip(later.images, whole[1].images, strict=True))
    shares = [list(training_batches(images, items, **settings, rank=rank, world=2)) for rank in (0, 1)]
    assert [batch.items for batch in shares[0]] == [batch.items[::2] for batch in whole]
    assert torch.equal(shares[1][0].targets[1]["boxes"], whole[0].targets[3]["boxes"])


def test_whole_batches_hold_every_image_once_and_one_canvas_each(images):
    items = images.dataset.parts["val"]
    batches = list(whole_batches(images, items, 5))
    assert sorted(key for batch in batches for key in batch.items) == sorted(items)
    assert all(len({tuple(image.shape) for image in batch.images}) == 1 for batch in batches)
    assert all(batch.sizes == tuple(tiny_detection.size(key) for key in batch.items) for batch in batches)
