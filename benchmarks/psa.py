"""Point-wise spatial attention at 57 x 57: ours, a loop over offsets, and the two products alone that it must do.

python benchmarks/psa.py
"""

import argparse
from collections.abc import Iterator

import torch
from common import compare, report
from torch import Tensor

from rsbench.memory import keep_heap
from rsbench.segmentation.psa import collect, distribute, relations

Part = tuple[slice, slice]


def places(h: int, w: int, window: tuple[int, int]) -> Iterator[tuple[int, Part, Part]]:
    """Yields each offset's number, the positions that it leads from, and those that it leads to."""
    for number in range(window[0] * window[1]):
        down, right = number // window[1] - (window[0] - 1) // 2, number % window[1] - (window[1] - 1) // 2
        rows, columns = slice(max(0, -down), h - max(0, down)), slice(max(0, -right), w - max(0, right))
        if rows.start < rows.stop and columns.start < columns.stop:
            there = slice(rows.start + down, rows.stop + down), slice(columns.start + right, columns.stop + right)
            yield number, (rows, columns), there


def cut_by_offsets(maps: Tensor, window: tuple[int, int]) -> Tensor:
    """What ``relations`` returns, by a copy for each of the mh * mw offsets."""
    batch, _, h, w = maps.shape
    out = maps.new_zeros(batch, h, w, h, w)
    rows, columns = torch.arange(h)[:, None], torch.arange(w)[None]
    for number, (y, x), (i, j) in places(h, w, window):
        out[:, rows[y], columns[:, x], rows[i], columns[:, j]] = maps[:, number, y, x]
    return out.view(batch, h * w, h * w)


def attend_by_offsets(values: Tensor, maps: list[Tensor], window: tuple[int, int]) -> list[Tensor]:
    """Collect and distribute without any matrix: shifted features are weighed and added, offset by offset."""
    h, w = values.shape[2:]
    sums = [torch.zeros_like(values) for _ in maps]
    totals = [torch.zeros(1, 1, h, w) for _ in maps]
    for number, here, there in places(h, w, window):
        collected, given = (one[:, number, None, here[0], here[1]].exp() for one in maps)
        sums[0][:, :, *here] += collected * values[:, :, *there]
        totals[0][:, :, *here] += collected
        sums[1][:, :, *there] += given * values[:, :, *here]
        totals[1][:, :, *there] += given
    # of distribute, the softmax is over all who give to a position
    return [one / total for one, total in zip(sums, totals, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=57)
    parser.add_argument("--channels", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    keep_heap()  # as `rsbench run` does
    side, window = given.side, (2 * given.side - 1, 2 * given.side - 1)
    maps = [
        torch.randn(1, window[0] * window[1], side, side).contiguous(memory_format=torch.channels_last)
        for _ in range(2)
    ]
    values = torch.randn(1, given.channels, side, side)
    weights = torch.rand(1, side**2, side**2)

    def attend(cut) -> list[Tensor]:
        return [collect(values, cut(maps[0], window)), distribute(values, cut(maps[1], window))]

    def ours() -> None:
        attend(relations)

    def cut_loop() -> None:
        attend(cut_by_offsets)

    def loop() -> None:
        attend_by_offsets(values, maps, window)

    def cut_alone() -> None:
        for one in maps:
            relations(one, window)

    def products() -> None:
        for _ in range(2):
            torch.bmm(values.flatten(2), weights)

    with torch.inference_mode():
        expected = attend(relations)
        for other in (attend(cut_by_offsets), attend_by_offsets(values, maps, window)):
            for one, two in zip(expected, other, strict=True):
                torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
        products()
        sides = {
            "rsbench": ours,
            "loop over offsets": loop,
            "cut by a loop, then products": cut_loop,
            "two products alone": products,
            "the two cuts of rsbench": cut_alone,
        }
        seconds = compare(sides, given.rounds)
    report(seconds, "rsbench")


if __name__ == "__main__":
    main()
