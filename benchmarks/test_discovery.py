"""What the command line costs with 50 packages installed, none of which it needs."""

from __future__ import annotations

import os
import shutil
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
    """Variables of a process that finds so many packages."""
    for i in range(request.param):
        info = tmp_path / f"made_{i}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-{i}\nVersion: 1.0\nRequires-Dist: torch\n")
        (info / "entry_points.txt").write_text(f"[benchbox]\nmade-{i} = made_{i}\n")
        (tmp_path / f"made_{i}.py").write_text(PLUGIN.replace("{i}", str(i)))
    return os.environ | {"PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.mark.parametrize("environment", [0, 50], indirect=True)
@pytest.mark.parametrize("arguments", ["--help", "list samplers"])
def test_a_command_that_needs_no_package(benchmark: Any, environment: dict[str, str], arguments: str) -> None:
    command = [sys.executable, "-m", "benchbox", *arguments.split()]

    def run() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True)

    run()
    benchmark.pedantic(run, rounds=5)


@pytest.mark.parametrize("environment", [50], indirect=True)
def test_the_first_listing(benchmark: Any, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "benchbox", "list", "samplers"]

    def forget() -> None:
        shutil.rmtree(environment["XDG_CACHE_HOME"], ignore_errors=True)

    benchmark.pedantic(
        lambda: subprocess.run(command, env=environment, check=True, capture_output=True), setup=forget, rounds=5
    )
