"""Run by test_same_network.py, alone and by torchrun: evaluates the network of a file, which the first call trains.

``python same_network.py KIND FOLDER`` predicts and scores in as many processes as there are, and writes what came out
to ``FOLDER/<processes>.json``.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tiny_detection
import tiny_segmentation
import torch

from rsbench.checkpoints.load import load
from rsbench.detection import evaluate as detection
from rsbench.detection.data import Images
from rsbench.detection.train import build as build_detector
from rsbench.detection.train import fit as fit_detector
from rsbench.fabric import launch_on
from rsbench.plugins import load as load_plugins
from rsbench.preprocessing import Preprocessor
from rsbench.records import canonical_json
from rsbench.request import Request
from rsbench.segmentation import evaluate as segmentation
from rsbench.segmentation.data import Tiles
from rsbench.segmentation.metrics import scores
from rsbench.segmentation.predictions import confusions, read_masks
from rsbench.segmentation.train import build, fit

LEARN = {"lr": "2e-3", "epochs": "3", "score_threshold": "0.005"}


def main(kind: str, folder: Path) -> None:
    task = {"segmentation": tiny_segmentation.tiny, "detection": tiny_detection.tiny_boxes}.get(
        kind, tiny_detection.tiny_masks
    )
    assert task.kind == kind
    split = task.demo(folder, 0)
    method, variant = load_plugins().method("random/nano")
    protocol = task.protocol()
    request = Request(
        method=method,
        variant=variant,
        task=task,
        protocol=protocol if kind == "segmentation" else protocol.with_settings(LEARN),
        dataset=task.open(folder, split),
        split=split,
        data="demo",
        batch_size=2,  # four batches of seven images: unequal shares
    )
    fabric = launch_on("cpu", "fp32", find_unused=True)
    backbone = load(method, variant, None, 0, False).backbone
    preprocessor = Preprocessor(method.weights(variant).preprocess, request.input_size)
    work = folder / f"work-{fabric.world_size}"
    if kind == "segmentation":
        model, _ = build(request, backbone, 0, fabric)
        tiles = Tiles(request.dataset, preprocessor, "background")
        trained(model, folder, lambda: fit(request, fabric, model, tiles, 0, work, {}))
        file = segmentation.predict(request, fabric, model, tiles, ("val",), work)
        counts = confusions(file, "val")[1].sum(0)
        found = {item: mask.tolist() for item, mask in read_masks(file, "val", split.parts["val"]).items()}
        result = {"metrics": scores(counts, request.dataset.classes), "counts": counts.tolist(), "found": found}
    else:
        model = build_detector(request, backbone, 0, fabric)
        images = Images(request.dataset, preprocessor, request.input_size, kind == "instance-segmentation")
        trained(model, folder, lambda: fit_detector(request, fabric, model, images, 0, work, {}))
        every = detection.predict(request, fabric, model, images, ("val",), work)
        metrics, intervals, flags, draws = detection.score_parts(request, fabric, ("val",), every, work)
        found = {item: plain(one) for item, one in every["val"].items()}
        result = {"metrics": metrics, "intervals": intervals, "flags": flags, "draws": draws, "found": found}
    if fabric.is_global_zero:
        (folder / f"{fabric.world_size}.json").write_text(json.dumps(json.loads(canonical_json(result))))
    fabric.barrier()


def trained(model: torch.nn.Module, folder: Path, train) -> None:
    """Trains the network, or takes the one that was trained before."""
    file = folder / "network.pt"
    if not file.exists():
        train()
        torch.save(model.state_dict(), file)
    model.load_state_dict(torch.load(file, weights_only=True))


def plain(one) -> dict:
    """Detections of an image as plain values."""
    masks = [] if one.masks is None else [[*map(int, mask["size"]), str(mask["counts"])] for mask in one.masks]
    arrays = {name: np.asarray(getattr(one, name)).tolist() for name in ("boxes", "labels", "scores")}
    return {**arrays, "masks": masks}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
