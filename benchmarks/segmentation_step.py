"""A training step of PSANet and one of PSPNet (segmentation-models-pytorch) on one dilated ResNet-50, and the loader.

python benchmarks/segmentation_step.py --size 400 --batch 8
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from common import compare, report
from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder
from torch import Tensor, nn

from rsbench.backbones import create
from rsbench.datasets.demo.rio_writer import write_rio
from rsbench.datasets.rio import open_rio
from rsbench.memory import keep_heap
from rsbench.preprocessing import Preprocessor
from rsbench.segmentation.data import Tiles, training_batches
from rsbench.segmentation.heads import build_head
from rsbench.segmentation.model import Segmenter
from rsbench.segmentation.protocols import PAPER
from rsbench.segmentation.psanet import Unit
from rsbench.weights import Preprocess


class PSPNet(nn.Module):
    """The decoder of segmentation-models-pytorch, with the classifier and the auxiliary head of PSANet."""

    takes = "stages"

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.decoder = PSPDecoder(channels, use_norm="batchnorm", out_channels=512, dropout=0.1)
        self.classify = nn.Conv2d(512, classes, 1)
        self.auxiliary = nn.Sequential(Unit(1024, 256, 3), nn.Dropout2d(0.1), nn.Conv2d(256, classes, 1))

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        return [self.classify(self.decoder(stages)), self.auxiliary(stages[-2])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action="store_true")
    given = parser.parse_args()
    keep_heap()
    with TemporaryDirectory() as folder:
        dataset = open_rio(folder, write_rio(Path(folder), 0, tiles=max(24, 3 * given.batch)))
        preprocess = Preprocess(size=given.size, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), unit="0-1")
        tiles = Tiles(dataset, Preprocessor(preprocess), "background")
        items = dataset.parts["train"]

        def batches(epoch: int) -> list:
            return list(
                training_batches(
                    tiles, items, size=given.size, augment="dihedral", seed=0, epoch=epoch, batch_size=given.batch
                )
            )

        dataset.check()  # labels are drawn once, before training begins
        steps = {}
        for name in ("PSANet (rsbench)", "PSPNet (smp)"):
            torch.manual_seed(0)
            backbone = create("resnet50")
            head, _ = build_head(backbone, 2, given.size, PAPER.settings)  # dilates the backbone
            if "smp" in name:
                head = PSPNet(backbone.channels, 2)
            model = Segmenter(backbone, head, 0.4).to(given.device).train()
            steps[name] = step_of(model, batches(0)[0], given)
        seconds = compare(steps, given.rounds)
        report(seconds, "PSPNet (smp)")
        loading = []
        for epoch in range(1, 4):
            start = time.perf_counter()
            count = len(batches(epoch))
            loading.append((time.perf_counter() - start) / count)
        loader, step = statistics.median(loading), min(seconds["PSANet (rsbench)"])
        print(f"loader: {loader:.3f} s a batch, {loader / step:.1%} of a step; it runs beside the step")


def step_of(model: Segmenter, batch, given):
    """Returns a function that takes one training step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    images, labels = batch.images.to(given.device), batch.labels.to(given.device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(given.device, torch.bfloat16, enabled=given.bf16):
            loss = model(images, labels)["loss"]
        loss.backward()
        optimizer.step()
        if given.device == "cuda":
            torch.cuda.synchronize()

    step()
    return step


if __name__ == "__main__":
    main()
