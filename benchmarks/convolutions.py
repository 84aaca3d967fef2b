"""How fast the convolutions of mnist-edm run: `OMP_NUM_THREADS=1 python benchmarks/convolutions.py`

GFLOP/s of processor time, the best of 15, batch 64: the two kinds of convolution that have most of the network's
operations; a product of two large matrices, for comparison; and the products that Winograd's F(2×2, 3×3) would have in
place of these convolutions (Lavin & Gray 2016, arXiv:1509.09308), without its transforms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import process_time

import torch

SHAPES = ((80, 7), (32, 14))
"""Channels, and the side of the image."""


def rate(operations: float, work: Callable[[], object]) -> float:
    """GFLOP/s of the fastest of 15 calls."""
    times = []
    for _ in range(17):
        start = process_time()
        work()
        times.append(process_time() - start)
    return operations / min(times[2:]) / 1e9


def rows() -> Iterator[tuple[str, float]]:
    """What is computed, and its rate."""
    a, b = torch.randn(2, 2048, 2048)
    yield "two matrices of 2048 × 2048", rate(2 * 2048**3, lambda: a @ b)
    for channels, side in SHAPES:
        x, w = torch.randn(64, channels, side, side), torch.randn(channels, channels, 3, 3)
        operations = 2 * 64 * side**2 * channels**2 * 9
        convolution = partial(torch.conv2d, x, w, padding=1)
        yield f"convolution, {channels} channels, {side} × {side}", rate(operations, convolution)
        tiles = 64 * ((side + 1) // 2) ** 2
        products = partial(torch.bmm, torch.randn(16, channels, channels), torch.randn(16, channels, tiles))
        fewer = 2 * 16 * channels**2 * tiles
        yield f"its products by Winograd, {fewer / operations:.2f} of the operations", rate(fewer, products)


if __name__ == "__main__":
    print("| product | GFLOP/s |\n|---|---|")
    with torch.inference_mode():
        for name, value in rows():
            print(f"| {name} | {value:.0f} |")
