"""How the cost grows: with batch, dimension, samples, rows and workers. `python -m benchmarks.growth [TABLE…]`.

Processor seconds of one thread, the least of three runs (of one that takes long), so that other work on the
machine counts for little. Slopes are of ln seconds against ln size, over all sizes and between the last two; 1 is
proportional.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import pairwise
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import torch
from torch import Tensor

import benchbox
from benchbox.cli.main import app
from benchbox.denoiser import Denoiser
from benchbox.driver import mode, states
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.schedule import Schedule
from benchmarks.test_commands import reference

INTERVALS = 10
LONG = 5.0
METHODS = ("plain", "heun", "ddim", "ancestral", "pc")
METRICS = ("none", "sw2", "energy", "mmd", "ode_error")


@dataclass(frozen=True)
class Halved(Model):
    """D = x/2: the network costs one multiplication."""

    name = "halved"
    sample_shape: tuple[int, ...] = (2,)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sample_shape

    @property
    def schedule(self) -> Schedule:
        schedule: Schedule = benchbox.get("schedule", "edm")
        return schedule

    def denoiser(self, device: object) -> Callable[[Tensor, float], Tensor]:
        return lambda x, sigma: x * 0.5


def sampled(method: str, n: int, shape: tuple[int, ...]) -> None:
    """Draw n samples with a method, in one batch."""
    model, sampler = Halved(shape), benchbox.get("sampler", method)
    cut = Levels.cut(model.schedule, benchbox.get("grid", "karras"), INTERVALS + 1)
    noise = Noise(0, 0, n, shape, expected=INTERVALS)
    with mode(sampler):
        for _ in states(sampler, Denoiser(model, torch.device("cpu")), cut, noise):
            pass


def plain(n: int, shape: tuple[int, ...]) -> None:
    """The arithmetic of ddim alone: what the others are to grow like."""
    cut = Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), INTERVALS + 1).sigmas
    with torch.inference_mode():
        x = torch.randn(n, *shape) * cut[0]
        for sigma, sigma_next in pairwise(cut):
            x = torch.lerp(x * 0.5, x, sigma_next / sigma)


def drawn(method: str, n: int, shape: tuple[int, ...]) -> None:
    plain(n, shape) if method == "plain" else sampled(method, n, shape)


def command(*words: object) -> None:
    """A command of benchbox, in this process."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), suppress(SystemExit):
        app(args=[str(word) for word in words], prog_name="benchbox")


def measured(n: int, metric: str) -> None:
    with TemporaryDirectory() as folder:
        command(
            "run", "--sampler", "heun", "--nfe", 5, "--model", "gaussian", "--samples", n, "--batch-size", 1000,
            "--metric", metric, "--results", folder, "--device", "cpu", "--no-isolate",
        )  # fmt: skip
        assert benchbox.load_results(folder)["status"].eq("done").all()


def shared(workers: int) -> None:
    with TemporaryDirectory() as folder:
        command(
            "run", "--sampler", "ancestral", "--nfe", 200, "--model", "gaussian", "--samples", 40_000, "--batch-size",
            1000, "--workers", workers, "--threads", 1, "--metric", "none", "--results", folder, "--device", "cpu",
        )  # fmt: skip


def spent() -> float:
    """Processor seconds of this process, and of its child processes that have ended."""
    children = os.times()
    return process_time() + children.children_user + children.children_system


def seconds(work: Callable[[], None]) -> float:
    """The least of three runs; of one that takes long."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < LONG:
        start = spent()
        work()
        times.append(spent() - start)
    return min(times)


def line(name: str, sizes: Sequence[int], work: Callable[[int], None]) -> str:
    """A row of a table: the seconds at each size, and the slopes."""
    work(sizes[0])  # imports, caches
    times = [seconds(partial(work, size)) for size in sizes]
    logs = np.log(sizes), np.log(times)
    slope, last = np.polyfit(*logs, 1)[0], np.diff(logs[1])[-1] / np.diff(logs[0])[-1]
    return f"| {name} | {' | '.join(f'{t:.3g}' for t in times)} | {slope:.2f} | {last:.2f} |"


def heading(first: str, sizes: Sequence[object]) -> str:
    columns = [first, *(str(size) for size in sizes), "slope", "slope at the end"]
    return f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def batch() -> Iterator[str]:
    sizes = (16, 64, 256, 1024)
    yield heading("samples of 3 × 32 × 32 in a batch", sizes)
    for method in METHODS:
        yield line(method, sizes, lambda n, method=method: drawn(method, n, (3, 32, 32)))  # type: ignore[misc]


def dimension() -> Iterator[str]:
    shapes = [(2,), (1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 256, 256)]
    by_size = {prod(shape): shape for shape in shapes}
    yield heading("numbers of a sample, batches of 16", [f"{size:,}" for size in by_size])
    for method in METHODS:
        yield line(method, list(by_size), lambda d, method=method: drawn(method, 16, by_size[d]))  # type: ignore[misc]


def samples() -> Iterator[str]:
    sizes = (1_000, 10_000, 100_000)
    yield heading("metric of `run`, samples", [f"{size:,}" for size in sizes])
    for metric in METRICS:
        yield line(metric, sizes, lambda n, metric=metric: measured(n, metric))  # type: ignore[misc]


def rows() -> Iterator[str]:
    sizes = (100, 1_000, 10_000, 100_000)
    yield heading("command, rows", [f"{size:,}" for size in sizes])
    with TemporaryDirectory() as folder:
        for size in sizes:
            reference(Path(folder) / str(size), size)
        output = Path(folder) / "board"
        yield line("leaderboard", sizes, lambda n: command("leaderboard", f"{folder}/{n}", "--output", output))
        yield line("load_results", sizes, lambda n: len(benchbox.load_results(f"{folder}/{n}")) and None)
        yield line("results verify", sizes, lambda n: command("results", "verify", f"{folder}/{n}"))


def workers() -> Iterator[str]:
    yield "\n| processor seconds of all processes | 1 worker | 2 workers |\n|---|---|---|"
    times = [seconds(partial(shared, n)) for n in (1, 2)]
    yield f"| ancestral, 40,000 samples of 4 numbers, NFE 200 | {times[0]:.3g} | {times[1]:.3g} |"


TABLES = {table.__name__: table for table in (batch, dimension, samples, rows, workers)}


def main(names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    for name in names or TABLES:
        for text in TABLES[name]():
            print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
