"""The share of `benchbox run` outside the network and the features: `python benchmarks/end_to_end.py`.

Processor seconds of one process and one thread, so that other work on the machine counts for nothing. Imports are
done by a small run before, and the loading of the network, the exact moments and the row are in the measured one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import torch

from benchbox.cli.main import app
from benchbox.metrics.features import Extractor
from benchbox.prediction import Wrapped

TURNS = 3


def run(samples: int, nfe: int, seed: int, results: Path) -> None:
    words = f"run --sampler heun --nfe {nfe} --samples {samples} --seed {seed} --no-isolate --results {results}"
    with suppress(SystemExit):
        app(args=words.split(), prog_name="benchbox")


class Seconds:
    """Adds up the processor seconds of a method."""

    def __init__(self, owner: type, name: str) -> None:
        self.total = 0.0
        method: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            start = process_time()
            out = method(*args, **options)
            self.total += process_time() - start
            return out

        setattr(owner, name, timed)


def main(samples: int = 1024, nfe: int = 18) -> None:
    torch.set_num_threads(1)
    network, features = Seconds(Wrapped, "__call__"), Seconds(Extractor, "features")
    ratios = []
    with TemporaryDirectory() as folder:
        run(16, 3, 0, Path(folder))
        for seed in range(TURNS):
            network.total = features.total = 0.0
            start = process_time()
            run(samples, nfe, seed, Path(folder))
            total = process_time() - start
            ratios.append(total / (network.total + features.total))
            print(f"run {total:.1f} s, network {network.total:.1f} s, features {features.total:.1f} s")
    print(f"heun at {nfe}, {samples} samples: ratio {median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
