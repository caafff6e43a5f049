"""The evaluation of detections (rsbench), the engine below it (faster-coco-eval) and pycocotools, in turns.

python benchmarks/coco_evaluation.py                        # 500 images x 60 objects x 100 detections, boxes and masks
python benchmarks/coco_evaluation.py --data DIR             # NWPU VHR-10, all 650 images, 100 moved boxes on each

Ours includes the dicts in the form of COCO, the matches and all figures, by class too; pycocotools and the engine get
finished dicts. CPU seconds stand beside those of the clock: other work on the machine disturbs them less.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import compare, report
from faster_coco_eval import COCO as FastCOCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rsbench.datasets.detection import Objects
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import bootstrap_scores, evaluate, resamples_for
from rsbench.detection.truth import Kind, Truth, truth_of

SIZE = 1024
CLASSES = 15


def scene(images: int, objects: int, detections: int, masks: bool) -> tuple[Truth, dict[str, Detections]]:
    """Objects of many sizes, the k-th class 1/k as frequent as the first; detections near them, some of wrong class."""
    rng = np.random.default_rng(0)
    frequency = 1 / np.arange(1, CLASSES + 1)
    frequency /= frequency.sum()
    truths, found = [], {}
    for number in range(images):
        sides = np.exp(rng.normal(3.5, 0.7, (objects, 2))).clip(6, 300)
        boxes = np.concatenate([rng.random((objects, 2)) * (SIZE - sides), sides], axis=1)
        labels = rng.choice(CLASSES, objects, p=frequency)
        coded = ellipses(boxes) if masks else None
        areas = run_lengths.area(coded).astype(float) if coded else boxes[:, 2] * boxes[:, 3]
        truths.append(Objects(boxes, labels, areas, np.zeros(objects, bool), tuple(coded) if coded else None))
        found[f"{number:05d}"] = moved(rng, truths[-1], (SIZE, SIZE), detections, CLASSES, masks)
    numbers = tuple(range(1, images + 1))
    names = tuple(f"class {n}" for n in range(CLASSES))
    sizes = ((SIZE, SIZE),) * images
    return Truth(tuple(found), numbers, sizes, tuple(truths), names, tuple(range(1, CLASSES + 1))), found


def moved(
    rng: np.random.Generator, there: Objects, size: tuple[int, int], count: int, classes: int, masks: bool
) -> Detections:
    """Draws detections that are moved by up to some ten percent of the object, one in ten of another class."""
    source = rng.integers(0, len(there), count)
    near = there.boxes[source] + rng.normal(0, 0.12, (count, 4)) * np.tile(there.boxes[source][:, 2:], 2)
    corner = near[:, :2].clip(0, [size[1] - 4, size[0] - 4])
    near = np.concatenate([corner, np.minimum(near[:, 2:].clip(2), [size[1], size[0]] - corner)], axis=1)
    labels = np.where(rng.random(count) < 0.9, there.labels[source], rng.integers(0, classes, count))
    return Detections(near, labels.astype(np.int64), rng.random(count), ellipses(near) if masks else None)


def ellipses(boxes: np.ndarray) -> list[dict]:
    """Masks of the ellipses in boxes."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    around = np.stack([1 + np.cos(angles), 1 + np.sin(angles)], axis=1)
    corners = (boxes[:, None, :2] + boxes[:, None, 2:] / 2 * around).reshape(len(boxes), -1)
    return [run_lengths.frPyObjects([one], SIZE, SIZE)[0] for one in corners.tolist()]


def vhr10(folder: Path) -> tuple[Truth, dict[str, Detections]]:
    """All images of NWPU VHR-10 with moved boxes."""
    from rsbench.datasets.splits import resolve_split
    from rsbench.plugins import load

    task = load().task("vhr10-det")
    dataset = task.open(folder, resolve_split(task.split(), folder))
    truth = truth_of(dataset, sorted(dataset.image_ids))
    rng = np.random.default_rng(0)
    pairs = zip(truth.items, truth.objects, truth.sizes, strict=True)
    return truth, {item: moved(rng, there, size, 100, len(truth.classes), False) for item, there, size in pairs}


def results(truth: Truth, found: dict[str, Detections], kind: Kind) -> list[dict]:
    """COCO results."""
    numbers = dict(zip(truth.items, truth.image_ids, strict=True))
    rows = []
    for item, one in found.items():
        for row, (box, label, score) in enumerate(
            zip(one.boxes.tolist(), one.labels.tolist(), one.scores.tolist(), strict=True)
        ):
            what = {"bbox": box} if kind == "bbox" else {"segmentation": one.masks[row]}
            rows.append({"image_id": numbers[item], "category_id": truth.category_ids[label], "score": score, **what})
    return rows


def run(title: str, truth: Truth, found: dict[str, Detections], kind: Kind, rounds: int) -> None:
    """Times the three and prints ratios and the largest difference."""
    print(f"{title}: {len(truth.items)} images, {sum(map(len, truth.objects))} objects, "
          f"{sum(map(len, found.values()))} detections, {kind}")  # fmt: skip
    rows, shown = results(truth, found, kind), {}
    cpu: dict[str, list[float]] = {}

    def timed(name: str, prepare: Callable[[], tuple], work: Callable) -> Callable[[], float]:
        def side() -> float:
            given = prepare()
            start, begin = time.perf_counter(), time.process_time()
            shown[name] = work(*given)
            seconds = time.perf_counter() - start
            cpu.setdefault(name, []).append(time.process_time() - begin)
            return seconds

        return side

    def fresh() -> tuple[dict, list[dict]]:
        return truth.coco(kind), [dict(row) for row in rows]  # the tools write into them

    def theirs(there: dict, guessed: list[dict]) -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            base = COCO()
            base.dataset = there
            base.createIndex()
            tool = COCOeval(base, base.loadRes(guessed), kind)
            tool.evaluate()
            tool.accumulate()
            tool.summarize()
        return tool.stats

    def engine(there: dict, guessed: list[dict]) -> np.ndarray:
        base = FastCOCO(there)
        tool = COCOeval_faster(base, base.loadRes(guessed), kind)
        tool.run()
        return tool.stats

    sides = {
        "pycocotools": timed("pycocotools", fresh, theirs),
        "faster-coco-eval": timed("faster-coco-eval", fresh, engine),
        "rsbench": timed("rsbench", tuple, lambda: evaluate(truth, found, kind)),
    }
    report(compare(sides, rounds), "pycocotools")
    print("  the same in CPU seconds")
    report(cpu, "pycocotools")
    ours = shown["rsbench"].values
    names = ["AP", "AP50", "AP75", "APs", "APm", "APl", "", "", "AR", "ARs", "ARm", "ARl"]
    pairs = [(ours[name], value) for name, value in zip(names, shown["pycocotools"], strict=True) if name in ours]
    print(f"  largest difference of {len(pairs)} figures: {max(abs(a - b) for a, b in pairs):.1e}")
    start, begin = time.perf_counter(), time.process_time()
    bootstrap_scores(shown["rsbench"].matches)
    seconds, used = time.perf_counter() - start, time.process_time() - begin
    print(f"  intervals, {resamples_for(shown['rsbench'].matches)} draws: {seconds:.1f} s ({used:.1f} s CPU)\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of NWPU VHR-10")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--objects", type=int, default=60)
    parser.add_argument("--detections", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    evaluate(*scene(4, 5, 5, False), "bbox")  # imports what is imported when it is first needed
    if given.data:
        run("NWPU VHR-10", *vhr10(given.data), "bbox", given.rounds)
        return
    for kind in ("bbox", "segm"):
        made = scene(given.images, given.objects, given.detections, kind == "segm")
        run("Made-up scenes", *made, kind, given.rounds)


if __name__ == "__main__":
    main()
