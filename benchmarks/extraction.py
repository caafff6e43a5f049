"""Frozen features on a CPU: the network as peers run it, against rsbench's extraction.

    OMP_NUM_THREADS=1 python benchmarks/extraction.py [--large] [--only vit_b@224]

The eager sides call the network on batches that are ready (NCHW, evaluation mode, inference mode, bf16 by autocast),
64 images at once as torchgeo does, or as many as rsbench where that is fewer; larger batches slow them down. rsbench's
sides are the whole of ``extract``: arranging the network, preprocessing, embedding, two digests of the network. Each
side lives in a process of its own, one works at a time. On one thread, CPU seconds are compared, with those of
preprocessing; on more, wall seconds. Images are noise, weights random, and so are the statistics of BatchNorm.

Printed for each network: seconds and images per second, eager / side, peak memory of the process, and how far the
features are from those of eager fp32: the largest difference over the largest feature, and the root mean square of the
difference over the standard deviation of each feature, which is what a probe on standardised features meets.
"""

import argparse
import multiprocessing
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import compare, report

from rsbench.backbones import create
from rsbench.memory import keep_heap
from rsbench.preprocessing import Preprocessor
from rsbench.probing.extract import extract, usual_batch
from rsbench.request import peak_memory
from rsbench.weights import Preprocess

SIDES = {
    "eager fp32": ("eager", "fp32"),
    "rsbench fp32": ("rsbench", "fp32"),
    "eager bf16": ("eager", "bf16"),
    "rsbench bf16": ("rsbench", "bf16"),
}
NETWORKS = ("resnet50@64", "resnet50@224", "swin_b@224", "vit_b@224")
LARGE = ("vit_l@224",)


def make_backbone(name: str):
    """Makes a frozen backbone of random weights, with BatchNorm statistics such as training leaves."""
    backbone = create(name)
    generator = torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return backbone.freeze()


def serve(network: str, kind: str, precision: str, connection) -> None:
    """Embeds the same images whenever it is told to, and answers with seconds, features and its peak memory in MiB."""
    name, _, size = network.partition("@")
    side = int(size)
    backbone, preprocessor, batch = make_backbone(name), Preprocessor(Preprocess(size=side)), usual_batch(side)
    pixels = np.random.default_rng(0).integers(0, 256, (2 * batch, side, side, 3), dtype=np.uint8)
    paths = [Path(str(index)) for index in range(len(pixels))]
    ready = preprocessor(list(pixels)).contiguous().split(min(64, batch))
    if kind == "rsbench":
        keep_heap()

    def eager() -> np.ndarray:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return np.concatenate([backbone.embed(images).float().numpy() for images in ready])

    def ours() -> np.ndarray:
        return extract(backbone, lambda path: pixels[int(path.name)], paths, preprocessor, precision=precision).features

    run = {"eager": eager, "rsbench": ours}[kind]
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    while connection.recv():
        start = clock()
        features = run()
        connection.send((clock() - start, features, peak_memory()))


def measure(network: str, rounds: int) -> None:
    """Prints the comparison of one network."""
    context = multiprocessing.get_context("spawn")
    connections, processes = {}, []
    for name, (kind, precision) in SIDES.items():
        connections[name], other = context.Pipe()
        processes.append(context.Process(target=serve, args=(network, kind, precision, other), daemon=True))
        processes[-1].start()

    def ask(name: str):
        connections[name].send(True)
        return connections[name].recv()

    print(f"{network}, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
    first = {name: ask(name) for name in SIDES}  # a round that is not timed
    seconds = compare({name: partial(lambda name: ask(name)[0], name) for name in SIDES}, rounds)
    report(seconds, "eager fp32")
    exact = first["eager fp32"][1]
    for name, (_, features, memory) in first.items():
        far = np.abs(features - exact).max() / np.abs(exact).max()
        alive = exact.std(0) > 0
        standardised = np.sqrt(np.mean(((features - exact)[:, alive] / exact.std(0)[alive]) ** 2))
        rate = len(exact) / float(np.median(seconds[name]))
        print(f"{name:>28}: {rate:8.1f} images/s, {memory} MiB, off by {far:.1e}, {standardised:.1e} standardised")
    for name, process in zip(SIDES, processes, strict=True):
        connections[name].send(False)
        process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="ViT-L too (5 GiB)")
    parser.add_argument("--only", metavar="NETWORK@SIZE", help="this one alone")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for network in (given.only,) if given.only else NETWORKS + (LARGE if given.large else ()):
        measure(network, given.rounds)


if __name__ == "__main__":
    main()
