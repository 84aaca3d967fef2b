"""The table of docs/guidance.md: cfg and autoguidance on an imperfect model of the fractal, python docs/fractal.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import benchbox
from benchbox.metrics.mode_coverage import ModeCoverageAccumulator
from benchbox.metrics.sliced import Sliced, SlicedW2
from benchbox.models.fractal import Fractal

N, CALLS, BLUR = 500, 63, 0.02
CLASS = Fractal(label=(0,))


def guidances() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "none", {}
    for scale in (2.0, 4.0):
        yield f"cfg, s = {scale:g}", {"guidance": "cfg", "scale": scale}
    guide = Fractal(BLUR * 1.5**0.5, label=(0,))
    for scale in (2.0, 3.0):
        yield f"autoguidance, s = {scale:g}", {"guidance": "autoguidance", "scale": scale, "guide": guide}


def line(name: str, x: Tensor) -> str:
    """Coverage, precision, and distance to the law of the class."""
    modes, distance = ModeCoverageAccumulator(*CLASS.components), Sliced(CLASS, SlicedW2(resamples=0), None)
    for accumulator in (modes, distance):
        accumulator.update(x, torch.arange(len(x)))
    found = modes.compute()
    return (
        f"| {name} | {found['mode_coverage']:.2f} | {found['mode_precision']:.2f} | {distance.compute()['sw2']:.3f} |"
    )


def main() -> None:
    print(line("exact draws", CLASS.draw(N, 1)), flush=True)
    for name, options in guidances():
        how = {"model": "fractal", "blur": BLUR, "label": (0,), "n": N, "batch_size": 100, "dtype": "float64"}
        x = benchbox.sample("heun", nfe=CALLS, nfe_of="denoiser", **how, **options)
        print(line(name, x), flush=True)


if __name__ == "__main__":
    main()
