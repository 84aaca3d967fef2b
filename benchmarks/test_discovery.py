"""Start-up time of the command line, without and with 50 packages: `pytest benchmarks/test_discovery.py
--benchmark-enable`, on an otherwise idle machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLUGIN = '''
from dataclasses import dataclass
from benchbox import Sampler, hookimpl

@dataclass(frozen=True)
class Plugin(Sampler):
    """One of fifty."""
    name = "one-{i}"
    def __call__(self, denoise, x, grid, noise):
        yield x

@hookimpl
def benchbox_samplers():
    return [Plugin]
'''


@pytest.fixture
def environment(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Environment variables of a process that finds `request.param` packages."""
    for i in range(request.param):
        info = tmp_path / f"made_{i}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-{i}\nVersion: 1.0\nRequires-Dist: torch\n")
        (info / "entry_points.txt").write_text(f"[benchbox]\nmade-{i} = made_{i}\n")
        (tmp_path / f"made_{i}.py").write_text(PLUGIN.replace("{i}", str(i)))
    return os.environ | {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("arguments", "environment", "limit"),
    [("--help", 0, 0.45), ("--help", 50, 0.45), ("list samplers", 0, 0.8), ("list samplers", 50, None)],
    indirect=["environment"],
)
def test_a_command_that_runs_nothing(
    benchmark: Any, environment: dict[str, str], arguments: str, limit: float | None
) -> None:
    command = [sys.executable, "-m", "benchbox", *arguments.split()]

    def run() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True)

    run()
    benchmark.pedantic(run, rounds=5)
    if benchmark.stats and limit:
        assert benchmark.stats.stats.min <= limit
