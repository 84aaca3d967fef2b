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

import pytest

from benchbox import load_results
from benchbox.threads import CHOICES

RUN = ("run", "--sampler", "heun", "--nfe", "9", "--samples", "128")
TURNS = 5
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


def test_passive_waiting_costs_at_most_three_percent_alone(tmp_path: Path) -> None:
    """The median ratio of the sampling times, which are measured in turns."""
    ratios = []
    for turn in range(TURNS):
        seconds = []
        for name, variables in (("passive", {}), ("spinning", AS_OPENMP)):
            directory = tmp_path / f"{name}{turn}"
            processor_seconds(start(directory, variables))
            seconds.append(float(load_results(str(directory))["wall_s"].iloc[0]))
        ratios.append(seconds[0] / seconds[1])
        print(f"passively {seconds[0]:.2f} s, with OpenMP's default {seconds[1]:.2f} s")
    assert median(ratios) <= 1.03
