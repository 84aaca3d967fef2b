"""The overhead of cfg outside the network, against the two evaluations and one lerp written by hand.

`python benchmarks/guidance_overhead.py` prints ratios of processor time at 64 × 3 × 32 × 32: contenders take turns, and
each time is divided by the hand-written one's of the same turn. The network costs nothing (one multiplication), so the
ratios are of the arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import torch
from overhead import Trivial
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.grid import Levels

SHAPE, SCALE, SIGMA, REPEATS = (64, 3, 32, 32), 3.0, 1.0, 20
"""Repeats: evaluations in one timing."""


class Conditional(Trivial):
    """The trivial model with a label, which it ignores."""

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index % 10}

    def unconditional(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index * 0 + 10}

    def denoiser(self, device: Any) -> Callable[..., Tensor]:
        return network


def network(x: Tensor, sigma: float, label: Tensor | None = None) -> Tensor:
    return x * 0.5


def by_hand(x: Tensor) -> Tensor:
    """D_u + s (D_c − D_u) of two evaluations."""
    label = torch.arange(len(x))
    return network(x, SIGMA, label + 10).lerp(network(x, SIGMA, label), SCALE)


def doubled_by_hand(x: Tensor) -> Tensor:
    """The same of one doubled call, as diffusers' pipelines write it."""
    label = torch.arange(2 * len(x))
    d_c, d_u = network(torch.cat([x, x]), SIGMA, label).chunk(2)
    return d_u.lerp(d_c, SCALE)


def cfg() -> Callable[[Tensor], Tensor]:
    denoise = Denoiser(Conditional(SHAPE[1:]), torch.device("cpu"))
    denoise.at(torch.arange(SHAPE[0]))
    levels = Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), 8)
    ask = benchbox.get("guidance", "cfg", scale=SCALE)(denoise, levels)
    return lambda x: ask(x, SIGMA)


def seconds(run: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Of processor time."""
    began = process_time()
    for _ in range(REPEATS):
        run(x)
    return process_time() - began


@torch.inference_mode()
def ratios(turns: int = 101) -> dict[str, tuple[float, float]]:
    """Of each contender to `by_hand`: the median of the paired ratios, and the ratio of the least times.

    Other work on the machine raises the former (caches), and hardly the latter.
    """
    x, contenders = torch.randn(SHAPE), {"cfg": cfg(), "doubled by hand": doubled_by_hand}
    taken: dict[str, list[float]] = {name: [] for name in ("by hand", *contenders)}
    order = [("by hand", by_hand), *contenders.items()]
    for turn in range(turns + 1):  # the first is a warm-up
        order.append(order.pop(0))  # so that each follows each of the others
        for name, run in order:
            taken[name] += [seconds(run, x)] if turn else []
    plain = taken["by hand"]
    return {
        name: (median(a / b for a, b in zip(taken[name], plain, strict=True)), min(taken[name]) / min(plain))
        for name in contenders
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, (paired, least) in ratios().items():
        print(f"{name}: {paired:.2f} (median of pairs), {least:.2f} (least times)")
