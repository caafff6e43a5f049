"""A training step and an inference pass of a detector against torchvision's own, with one backbone and one batch.

python benchmarks/detection_step.py --size 256 --batch 2

torchvision's side is its RetinaNet or Mask R-CNN with its transform, a plain FPN and, for resnet50, its own ResNet with
the same weights. detectron2 stands beside them where it is installed. Seconds are those of the process on a CPU, of the
clock on a GPU; the target is 1.05 times torchvision's or less. All weights are random, and the score threshold of
inference is 0, so that 100 detections per image go through everything.
"""

import argparse
import statistics
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from common import compare, report
from pycocotools import mask as coco
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool, LastLevelP6P7

from rsbench.backbones import create
from rsbench.backbones.inference import arithmetic
from rsbench.batches import cell_of
from rsbench.detection.engines import build_detector
from rsbench.detection.engines.d2 import load_models
from rsbench.detection.evaluate import in_own_pixels
from rsbench.detection.protocols import BOXES, MASKS
from rsbench.detection.pyramid import ChannelNorm
from rsbench.errors import UserError
from rsbench.memory import keep_heap

CLASSES, OBJECTS = 10, 20
MEAN, STD = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
OURS, THEIRS, D2 = "rsbench", "torchvision", "rsbench on detectron2"


class PlainFPN(nn.Module):
    """torchvision's FPN on the maps of a network.

    Maps of a transformer are normalised as rsbench does it: other levels give other proposals, and so other work.
    """

    out_channels = 256

    def __init__(self, maps: nn.Module, channels: tuple[int, ...], extra: nn.Module) -> None:
        super().__init__()
        self.maps = maps
        plain = any(isinstance(module, nn.BatchNorm2d) for module in maps.modules())
        self.norms = nn.ModuleList(nn.Identity() if plain else ChannelNorm(width) for width in channels)
        self.fpn = FeaturePyramidNetwork(list(channels), self.out_channels, extra)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        maps = self.maps(images)
        used = list(maps.values() if isinstance(maps, dict) else maps)[-len(self.norms) :]
        named = ((str(i), norm(one)) for i, (norm, one) in enumerate(zip(self.norms, used, strict=True)))
        return self.fpn(OrderedDict(named))


def reference(name: str, detector: str, settings: dict, size: int) -> nn.Module:
    """Returns torchvision's own detector."""
    backbone = create(name)
    channels, body = backbone.channels, backbone
    if name == "resnet50":
        network = resnet50()
        network.load_state_dict(backbone.model.state_dict(), strict=False)  # all but the classifier
        body = IntermediateLayerGetter(network, {f"layer{number}": str(number) for number in range(1, 5)})
    one = {"min_size": size, "max_size": size}
    limits = {name: settings[key] for name, key in (("nms", "nms_iou"), ("most", "detections"))}
    ratios = (tuple(settings["ratios"]),) * 5
    if detector == "retinanet":
        sizes = tuple(tuple(side * 2 ** (octave / 3) for octave in range(3)) for side in settings["anchors"])
        return RetinaNet(
            PlainFPN(body, channels[-3:], LastLevelP6P7(channels[-1], 256)), CLASSES, **one,
            anchor_generator=AnchorGenerator(sizes, ratios), score_thresh=0.0, nms_thresh=limits["nms"],
            detections_per_img=limits["most"], topk_candidates=settings["candidates"],
        )  # fmt: skip
    return MaskRCNN(
        PlainFPN(body, channels, LastLevelMaxPool()), CLASSES + 1, **one,
        rpn_anchor_generator=AnchorGenerator(tuple((side,) for side in settings["anchors"]), ratios),
        rpn_post_nms_top_n_train=settings["proposals"], rpn_post_nms_top_n_test=settings["proposals"],
        box_score_thresh=0.0, box_nms_thresh=limits["nms"], box_detections_per_img=limits["most"],
        box_batch_size_per_image=settings["rois"],
    )  # fmt: skip


def share_weights(theirs: nn.Module, own: nn.Module) -> None:
    """Gives pyramid and heads of one detector to another: the same weights find the same, and so do the same work."""
    given = {
        key.replace("backbone.fpn.", "backbone.pyramid.fpn.").replace(
            "backbone.norms.", "backbone.pyramid.norms."
        ): value
        for key, value in theirs.state_dict().items()
        if not key.startswith("backbone.maps.")
    }
    missing, unknown = own.load_state_dict(given, strict=False)
    assert not unknown and all(key.startswith("backbone.backbone.") for key in missing)


def batch(count: int, size: int, device: str) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Returns images of noise, 0 to 1, and ellipses in them with boxes and masks."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((size, size)) + 0.5
    images, targets = [], []
    for _ in range(count):
        sides = rng.integers(size // 16, size // 3, (OBJECTS, 2))
        corners = (rng.random((OBJECTS, 2)) * (size - sides)).astype(int)
        middle, half = corners + sides / 2, sides / 2
        inside = [
            ((columns - m[0]) / h[0]) ** 2 + ((rows - m[1]) / h[1]) ** 2 <= 1 for m, h in zip(middle, half, strict=True)
        ]
        own = {
            "boxes": torch.from_numpy(np.concatenate([corners, corners + sides], axis=1).astype(np.float32)),
            "labels": torch.from_numpy(rng.integers(0, CLASSES, OBJECTS)),
            "masks": torch.from_numpy(np.array(inside, np.uint8)),
        }
        targets.append({name: value.to(device) for name, value in own.items()})
        images.append(torch.from_numpy(rng.random((3, size, size), np.float32)).to(device))
    return images, targets


def timed(what: Callable[[], None], device: str) -> Callable[[], float]:
    """Returns a function that does ``what`` and returns its seconds."""
    clock = time.process_time if device == "cpu" else time.perf_counter

    def one() -> float:
        start = clock()
        what()
        if device == "cuda":
            torch.cuda.synchronize()
        return clock() - start

    one()
    return one


def step_of(model: nn.Module, images: list[Tensor], targets: list, bf16: bool) -> Callable[[], None]:
    """Returns a function that takes one training step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    device = images[0].device.type

    def step() -> None:
        model.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            losses = model(images, targets)
            loss = losses["loss"] if "loss" in losses else sum(losses.values())
        loss.backward()
        optimizer.step()

    return step


def finding_of(model: nn.Module, images: list[Tensor], own: bool, encoded: bool, bf16: bool) -> Callable[[], None]:
    """Returns a function that finds the objects of a batch, and makes run lengths of their masks if ``encoded``."""
    size = images[0].shape[1:]

    def find() -> None:
        model.eval()
        with arithmetic("bf16" if bf16 else "fp32", images[0].device.type):
            found = model.predict(images) if own else model(images)
        if not encoded:
            return
        for one in found:
            if own:
                in_own_pixels(one, size, size)
                continue
            one = {key: value.cpu().numpy() for key, value in one.items()}
            if "masks" in one:
                coco.encode(np.asfortranarray((one["masks"][:, 0] >= 0.5).transpose(1, 2, 0).astype(np.uint8)))

    return find


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--detector", default="retinanet,mask-rcnn")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action="store_true")
    given = parser.parse_args()
    keep_heap()
    engines = {OURS: "torchvision"}
    try:
        load_models()
        engines[D2] = "detectron2"
    except UserError as error:
        print(error.message)
    raw, targets = batch(given.batch, given.size, given.device)
    normalised = [((image.cpu() - MEAN) / STD).to(given.device) for image in raw]
    for detector in given.detector.split(","):
        protocol = (BOXES if detector == "retinanet" else MASKS)[0]
        settings = {**protocol.settings, "score_threshold": 0.0}
        masks = detector == "mask-rcnn"
        mine = [{k: v for k, v in one.items() if masks or k != "masks"} for one in targets]
        shifted = [{**one, "labels": one["labels"] + masks} for one in mine]
        torch.manual_seed(0)
        models = {THEIRS: reference(given.backbone, detector, settings, given.size).to(given.device)}
        for name, engine in engines.items():
            backbone = create(given.backbone)
            own = build_detector(backbone, CLASSES, cell_of(backbone), {**settings, "engine": engine})
            if engine == "torchvision":
                share_weights(models[THEIRS], own.model)
            models[name] = own.to(given.device)
        print(f"\n{detector} on {given.backbone}, {given.batch} x {given.size} px, {given.device}")
        passes = {"inference": False} | ({"inference with run lengths": True} if masks else {})
        for what, encoded in passes.items():  # before training: a step changes what is found, and with it the work
            reference_pastes = models[THEIRS].transform.postprocess
            if masks and not encoded:
                models[THEIRS].transform.postprocess = lambda result, seen, sizes: result
            with_sides = {
                name: timed(
                    finding_of(model, raw if name == THEIRS else normalised, name != THEIRS, encoded, given.bf16),
                    given.device,
                )
                for name, model in models.items()
            }
            show(what, compare(with_sides, given.rounds))
            models[THEIRS].transform.postprocess = reference_pastes
        sides = {}
        for name, model in models.items():
            inputs = (raw, shifted) if name == THEIRS else (normalised, mine)
            sides[name] = timed(step_of(model, *inputs, given.bf16), given.device)
        show("training step", compare(sides, given.rounds))


def show(what: str, seconds: dict[str, list[float]]) -> None:
    print(what)
    report(seconds, THEIRS)
    for name in seconds.keys() - {THEIRS}:
        ratios = [own / other for own, other in zip(seconds[name], seconds[THEIRS], strict=True)]
        print(f"{name:>28}: {statistics.median(ratios):.3f} of torchvision's seconds")


if __name__ == "__main__":
    main()
