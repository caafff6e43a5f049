"""Pictures: the tiles that are chosen, and that what is right, missed and false can be told apart in what is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rsbench.datasets.segmentation import Tile
from rsbench.drawing import choose
from rsbench.segmentation.pictures import draw_tiles, panel
from rsbench.segmentation.predictions import PredictionWriter

NAMES = ("background", "building")
NAN = float("nan")


def scene(shape=(300, 320), classes=2):
    """(image, labels, predicted): quarters are right background, missed, false and right, on a plain image."""
    height, width = shape[0] // 2, shape[1] // 2
    image = np.full((*shape, 3), 120, np.uint8)
    labels, predicted = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    labels[:height, width:] = labels[height:, width:] = classes - 1
    predicted[height:, :width] = predicted[height:, width:] = classes - 1
    return image, labels, predicted


def parts(drawn, shape):
    """The three pictures of a panel as arrays: equal widths, side by side."""
    array = np.asarray(drawn).astype(int)
    height, width = shape
    gap, margin = 6, 8
    top = 8 + 15 + 6
    return [array[top : top + height, margin + n * (width + gap) :][:, :width] for n in range(3)]


def quarters(picture):
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return [
        picture[y : y + height, x : x + width].reshape(-1, 3) for y in (0, height) for x in (0, width)
    ]  # background, missed, false, right


def test_the_image_is_shown_as_it_is_and_truth_tints_buildings():
    image, labels, predicted = scene()
    image[..., 0] = np.random.default_rng(0).integers(0, 255, labels.shape)
    shown, truth, _ = parts(panel(image, labels, predicted, NAMES, "a tile"), labels.shape)
    assert np.array_equal(shown, image)
    tinted = np.ptp(truth, axis=2) > 0
    assert np.array_equal(tinted, labels == 1)


def test_right_missed_and_false_differ_in_colour_and_in_pattern():
    image, labels, predicted = scene()
    background, missed, false, right = quarters(parts(panel(image, labels, predicted, NAMES, ""), labels.shape)[2])
    assert len(np.unique(background, axis=0)) == len(np.unique(right, axis=0)) == 1
    assert len(np.unique(missed, axis=0)) == len(np.unique(false, axis=0)) == 2
    assert len(np.unique(np.concatenate([background, missed, false, right]), axis=0)) == 6


def test_without_any_colour_missed_and_false_are_hatched_in_opposite_directions():
    image, labels, predicted = scene()
    grey = np.asarray(panel(image, labels, predicted, NAMES, "").convert("L")).astype(int)
    _, missed, false, right = (
        part[:, 0].reshape(150, 160) for part in quarters(parts(np.stack([grey] * 3, axis=2), labels.shape)[2])
    )

    def repeats(area, step):  # whether it looks the same one pixel down and ``step`` to the right
        moved = np.roll(area, (1, step), axis=(0, 1))
        return np.array_equal(area[1:, 1:-1], moved[1:, 1:-1])

    assert repeats(missed, 1) and not repeats(missed, -1)
    assert repeats(false, -1) and not repeats(false, 1)
    assert np.ptp(right) == 0
    assert missed.min() < false.min() and missed.max() < false.max()  # dark lines on light, light lines on dark


def test_pixels_that_do_not_count_are_dark_in_truth_and_prediction():
    image, labels, predicted = scene()
    labels[:, :40] = 255
    predicted[:, 20:40] = 1
    _, truth, guess = parts(panel(image, labels, predicted, NAMES, ""), labels.shape)
    assert np.array_equal(truth[:, :40], guess[:, :40])
    assert truth[:, :40].max() < 100 < truth[:150, 41:160].min()


def test_of_more_classes_each_is_tinted_and_what_is_wrong_is_hatched():
    names = tuple(f"class {number}" for number in range(19))
    image, labels, predicted = scene(classes=19)
    labels[:19, 0] = predicted[:19, 0] = np.arange(19)
    _, truth, guess = parts(panel(image, labels, predicted, names, ""), labels.shape)
    assert len(np.unique(truth[:19, 0], axis=0)) == 19
    patterns = [len(np.unique(quarter[5000:], axis=0)) for quarter in quarters(guess)]
    assert patterns == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("shape", "expected"), [((40, 64), (160, 256)), ((406, 439), None), ((3000, 1500), (1024, 512))]
)
def test_small_tiles_are_enlarged_and_large_ones_made_smaller(shape, expected):
    image, labels, predicted = scene(shape)
    drawn = panel(image, labels, predicted, NAMES, "a tile")
    height, width = expected or shape
    assert drawn.width == 3 * width + 2 * 6 + 2 * 8
    assert drawn.height >= height + 2 * 21
    background, missed, _, right = quarters(parts(drawn, (height, width))[2])
    assert [len(np.unique(part, axis=0)) for part in (background, missed, right)] == [1, 2, 1]


def test_a_caption_of_any_length_hides_no_legend():
    short, long = (panel(*scene((256, 256)), NAMES, caption) for caption in ("a", "a tile with a long name " * 5))
    assert long.width == short.width
    assert long.height > short.height
    assert np.ptp(np.asarray(long)[short.height - 10 :]) > 100


@given(st.lists(st.floats(0, 1) | st.just(NAN), min_size=1, max_size=20), st.integers(1, 25), st.randoms())
@settings(max_examples=80)
def test_the_chosen_run_from_the_worst_to_the_best_whatever_the_order(scores, count, random):
    items = [f"tile{number:02}" for number in range(len(scores))]
    chosen = choose(items, scores, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(items))
    found = [scores[row] for row in chosen]
    known = sorted(score for score in scores if not np.isnan(score))
    assert [score for score in found if not np.isnan(score)] == sorted(s for s in found if not np.isnan(s))
    if known:
        assert found[0] == known[0]
        assert count < 2 or known[-1] in found
    if any(np.isnan(found)):  # only where the others do not suffice, and behind them
        assert found[: len(known)] == known
    turned = random.sample(range(len(items)), len(items))
    again = choose([items[row] for row in turned], [scores[row] for row in turned], count)
    assert [items[turned[row]] for row in again] == [items[row] for row in chosen]


def test_the_chosen_are_evenly_spaced():
    assert choose([f"{n:03}" for n in range(101)], np.linspace(0, 1, 101).tolist(), 5) == [0, 25, 50, 75, 100]


@pytest.mark.parametrize("names", [NAMES, ("a", "b", "c")])
def test_tiles_are_drawn_from_the_worst_to_the_best_with_their_score(tmp_path, monkeypatch, names):
    captions = []
    monkeypatch.setattr(
        "rsbench.segmentation.pictures.panel", lambda *given: captions.append(given[-1]) or panel(*given)
    )
    image, labels, predicted = scene((30, 32), len(names))
    better, absent = predicted.copy(), np.zeros_like(labels)
    better[:15, 16:] = len(names) - 1
    guesses = {"town/a": better, "town/b": predicted, "town/c": labels}
    tiles = {item: Tile(image, labels, labels > 0) for item in guesses} | {"town/d": Tile(image, absent, labels > 0)}
    with PredictionWriter(tmp_path / "made.parquet", names) as writer:
        for item, tile in tiles.items():
            writer.add("val", item, tile.labels, guesses.get(item, absent))
            writer.add("test", item, tile.labels, absent)
    arguments = (tiles.__getitem__, tmp_path / "made.parquet", "val", names)
    folder = draw_tiles(tmp_path / "drawn", *arguments, count=2)
    pictures = sorted(path.name for path in folder.iterdir())
    assert pictures == (["1-town_b.png", "2-town_c.png"] if names == NAMES else ["1-town_b.png", "2-town_d.png"])
    draw_tiles(folder, *arguments, count=9)  # nothing of the earlier call stays
    order = sorted(path.name for path in folder.iterdir())
    assert order == ["1-town_b.png", "2-town_a.png", "3-town_c.png", "4-town_d.png"]
    with Image.open(folder / "1-town_b.png") as drawn:
        assert drawn.width == 3 * 256 + 28
    title = "building IoU" if names == NAMES else "mIoU"
    assert captions[2:] == [
        f"town/b: {title} of this tile 33.3 %",
        f"town/a: {title} of this tile {'66.7' if names == NAMES else '58.3'} %",
        f"town/c: {title} of this tile 100.0 %",
        f"town/d: {title} of this tile {'does not exist' if names == NAMES else '100.0 %'}",
    ]
