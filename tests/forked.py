"""Sweeps in forks of this process, which need not import torch anew: python forked.py kill|share DIR.

kill: a sweep is killed with SIGKILL at 20 random moments and goes on each time. share: two processes at one sweep.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from conftest import Watcher
from sweeping import run_cells

from benchbox.bench.cell import Cell
from benchbox.bench.settings import parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.executors.local import Local
from benchbox.store.store import Store

KILLS = 20


def cells(budgets: range) -> list[Cell]:
    """Six cells a budget: three samplers, two seeds; each of four shards at the most."""
    request = Request(
        ["heun", "ddim", "ancestral"], budgets, ["gaussian"], metrics=["w2", "sw2"], n_samples=100, batch_size=16,
        seeds=[0, 1], settings=parse_settings(["projections=8"]),
    )  # fmt: skip
    return expand(request)


def sweep(directory: Path, budgets: range) -> list[str]:
    """Run it to its end; what there was to do for each cell."""
    store, watcher = Store(directory), Watcher()
    store.prepare()
    assert len(list(run_cells(cells(budgets), store, Local(), watcher))) == len(cells(budgets))
    return watcher.todo


def fork(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
    os._exit(0)


def killed(directory: Path, budgets: range, after: float) -> bool:
    """Whether a process that began the sweep was killed before its end."""
    child, ends = fork(lambda: sweep(directory, budgets)), time.monotonic() + after
    while time.monotonic() < ends:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def kill(directory: Path) -> None:
    """A sweep of 60 cells undisturbed, and one that is killed again and again."""
    budgets, chance, done = range(3, 13), random.Random(), 0
    began = time.monotonic()
    sweep(directory / "undisturbed", budgets)
    share = (time.monotonic() - began) / KILLS
    for _ in range(10 * KILLS):
        if done == KILLS:
            break
        # less and less is left of the work, so that no attempt comes to its end
        left = 60 - len(list((directory / "killed").glob("*.parquet")))
        done += killed(directory / "killed", budgets, chance.uniform(0.2, 1.8) * share * left / (60 - 2 * done))
    sweep(directory / "killed", budgets)
    print(done)


def share(directory: Path) -> None:
    """Two processes at 42 cells; each says for which of them it did something."""

    def part() -> None:
        todo = sweep(directory, range(3, 10))
        os.write(1, f"{todo.count('run')}\n".encode())  # in one piece: both processes write to one pipe

    children = [fork(part) for _ in range(2)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


if __name__ == "__main__":
    {"kill": kill, "share": share}[sys.argv[1]](Path(sys.argv[2]))
