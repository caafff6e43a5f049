"""Pictures of detections: what is right, missed and false can be told apart, and the worst images come first."""

from pathlib import Path

import numpy as np
import pytest
import tiny_detection
from PIL import Image

from rsbench.datasets.detection import Objects
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import evaluate
from rsbench.detection.pictures import best_detections, draw_images, panel
from rsbench.detection.prediction_writer import write_predictions
from rsbench.detection.truth import truth_of
from rsbench.drawing import FALSE, MISSED, RIGHT

SIZE = (320, 320)  # drawn as it is
TRUTH = Objects(
    np.array([[20.0, 40, 60, 50], [200, 40, 60, 50], [20, 200, 80, 80]]),
    np.array([0, 1, 1]), np.array([3000.0, 3000, 6400]), np.array([False, False, True]),
)  # fmt: skip
FOUND = Detections(
    np.array([[150.0, 200, 50, 50], [21, 41, 60, 50], [5, 5, 20, 20]]), np.array([1, 0, 0]), np.array([0.4, 0.9, 0.1])
)


def has(picture: Image.Image, fill, area: tuple[int, int, int, int]) -> bool:
    """Whether a colour occurs in an area (left, top, right, bottom) of a picture."""
    return bool((np.asarray(picture.crop(area)) == fill.colour).all(axis=2).any())


def test_as_many_detections_are_drawn_as_there_are_objects_the_best_ones():
    assert best_detections(TRUTH, FOUND).tolist() == [1, 0]


def test_right_missed_and_false_have_their_colours():
    sheet = panel(np.full((*SIZE, 3), 90, np.uint8), TRUTH, FOUND, np.array([False, True, False]), ("a", "b"), "one")
    left, top = 8, 29  # of the first picture
    step = SIZE[1] + 6
    truth = sheet.crop((left + step, top, left + step + SIZE[1], top + SIZE[0]))
    guess = sheet.crop((left + 2 * step, top, left + 2 * step + SIZE[1], top + SIZE[0]))
    found, other = (15, 35, 90, 100), (195, 35, 270, 100)
    assert has(truth, RIGHT, found) and not has(truth, MISSED, found)
    assert has(truth, MISSED, other) and not has(truth, RIGHT, other)
    assert not has(truth, RIGHT, (10, 190, 110, 290)) and not has(truth, MISSED, (10, 190, 110, 290)), "a crowd"
    assert has(guess, RIGHT, found) and has(guess, FALSE, (145, 195, 205, 255))
    assert not has(guess, FALSE, (0, 0, 14, 30)), "the third best is not drawn: there are two objects"


@pytest.mark.parametrize("masks", [False, True])
def test_images_go_from_the_worst_to_the_best(tmp_path, masks):
    task = tiny_detection.tiny_masks if masks else tiny_detection.tiny_boxes
    dataset = task.open(Path(), tiny_detection.demo(Path(), 0))
    items = dataset.parts["val"]
    found = {}
    for number, item in enumerate(items):  # the later the image, the more of its objects are found
        objects = dataset.objects(item)
        kept = np.flatnonzero(~objects.crowd)[:number]
        codes = [objects.masks[i] for i in kept] if masks else None
        found[item] = Detections(objects.boxes[kept], objects.labels[kept], np.full(len(kept), 0.5), codes)
    scores = evaluate(truth_of(dataset, items), found, "segm" if masks else "bbox")
    file = tmp_path / "predictions.parquet"
    write_predictions(file, {"val": (found, [scores])})
    folder = draw_images(tmp_path / "pictures", dataset, file, found, "val", 20)
    names = [path.name for path in sorted(folder.iterdir())]
    assert len(names) == len(items)
    assert names[0] == "1-v00.png" and names[-1] == "7-v04.png", "nothing found first, no objects last"
    assert all(Image.open(folder / name).width > 900 for name in names)
