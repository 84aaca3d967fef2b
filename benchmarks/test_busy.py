"""Simultaneous runs: `pytest benchmarks/test_busy.py --benchmark-enable`, on an otherwise idle machine.

Each run is a separate process, `benchbox run` of the default model, with one thread per core. The processor time of a
run includes threads that spin while they wait.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from statistics import median

import psutil
import pytest

from benchbox.threads import CHOICES, passive

RUN = ("run", "--sampler", "heun", "--nfe", "9", "--samples", "128")
PAIRS, TURNS = 11, 5
QUIET = 0.03
"""Processor seconds of other programs within a turn of about 0.3 s, clock ticks included, that count as none."""
AS_OPENMP = {"GOMP_SPINCOUNT": "300000"}
"""The default waiting policy of GNU OpenMP."""


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("benchmark_disable") and not request.config.getoption("benchmark_enable"):
        pytest.skip("a measurement: it runs with --benchmark-enable")


def start(directory: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    plain = {k: v for k, v in os.environ.items() if k not in (*CHOICES, "OMP_NUM_THREADS")}
    command = [sys.executable, "-m", "benchbox", *RUN, "--results", str(directory)]
    return subprocess.Popen(command, env=plain | variables, stdout=subprocess.DEVNULL)


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """The processor time of a run, after its end."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def test_two_runs_at_once_use_the_processor_time_of_each_alone(tmp_path: Path) -> None:
    names = map(str, count())
    alone = [processor_seconds(start(tmp_path / next(names), {})) for _ in range(2)]
    together = [start(tmp_path / next(names), {}) for _ in range(2)]
    each = [processor_seconds(process) for process in together]
    ratio = max(each) / min(alone)
    print(f"processor seconds: alone {alone[0]:.1f} and {alone[1]:.1f}, at once {each[0]:.1f} and {each[1]:.1f}")
    assert ratio <= 1.2


EVALUATE = """
import sys, time, torch, benchbox
from benchbox.denoiser import Denoiser

model = benchbox.get("model", "mnist-edm")
denoise, x = Denoiser(model, torch.device("cpu")), 2 * torch.randn(64, *model.shape)
with torch.inference_mode():
    for _ in sys.stdin:
        denoise(x, 2.0)
        began = time.perf_counter()
        for _ in range(4):
            denoise(x, 2.0)
        print(time.perf_counter() - began, flush=True)
"""


class Evaluations:
    """A process that evaluates the default network, four times for each turn."""

    def __init__(self, variables: dict[str, str]) -> None:
        plain = {k: v for k, v in os.environ.items() if k not in (*CHOICES, "OMP_NUM_THREADS")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", EVALUATE], env=plain | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1,
        )  # fmt: skip
        self.turn()

    def turn(self) -> tuple[float, float]:
        """The seconds of a turn, and the processor seconds that everything else on the machine used meanwhile."""
        assert self.process.stdin
        assert self.process.stdout
        before = processor_seconds_of_all() - self.processor_seconds()
        print(file=self.process.stdin, flush=True)
        seconds = float(self.process.stdout.readline())
        return seconds, processor_seconds_of_all() - self.processor_seconds() - before

    def processor_seconds(self) -> float:
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system


def processor_seconds_of_all() -> float:
    """With the time that a hypervisor gave to other machines, where the kernel knows it."""
    used = psutil.cpu_times()
    return sum(getattr(used, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def ratio_of_a_pair() -> float:
    """The median ratio of the times of an evaluation in two new processes, over turns in which nothing else ran."""
    passively, spinning = Evaluations(passive({})), Evaluations(AS_OPENMP)
    ratios = []
    for turn in count():
        pair = [(passively, spinning), (spinning, passively)][turn % 2]
        times = {evaluations: evaluations.turn() for evaluations in pair}
        if all(others < QUIET for _, others in times.values()):
            ratios.append(times[passively][0] / times[spinning][0])
        if len(ratios) == TURNS:
            break
        assert turn < 20 * TURNS, f"the machine is not idle: {len(ratios)} quiet turns of {turn + 1}"
    for evaluations in (passively, spinning):
        evaluations.process.kill()
    return median(ratios)


def test_passive_waiting_costs_at_most_three_percent_alone() -> None:
    """Over pairs of processes: the same process is faster or slower by up to 30 % for as long as it lives."""
    ratios = sorted(ratio_of_a_pair() for _ in range(PAIRS))
    print(f"{PAIRS} pairs: median ratio {median(ratios):.3f};", *(f"{ratio:.2f}" for ratio in ratios))
    assert median(ratios) <= 1.03
