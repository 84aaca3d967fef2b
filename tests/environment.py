"""A throw-away virtual environment that sees this one's packages, and commands typed in it without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = {"pip": "pip", "pytest": "pytest", "benchbox": "benchbox_here"}
"""Commands, and the modules that they run."""

HERE = """
import inspect, math, runpy, sys
import benchbox.cli.run

if sys.argv[1:2] == ["run"]:  # times count as valid, however busy the machine is that runs the tests
    import benchbox.bench.contention
    benchbox.bench.contention.BUSY_SHARE = math.inf
run = benchbox.cli.run.run
names = list(inspect.signature(run).parameters)[-len(run.__defaults__):]
run.__defaults__ = tuple({samples} if n == "samples" else d for n, d in zip(names, run.__defaults__))
runpy.run_module("benchbox", run_name="__main__", alter_sys=True)
"""
"""benchbox of this checkout, with fewer samples by default."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment; `folder` is where commands are typed."""

    folder: Path
    variables: dict[str, str]

    def run(self, command: str, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
        """The command as a shell runs it."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=self.folder, env=self.variables, text=True,
            capture_output=True, check=False, timeout=timeout,
        )  # fmt: skip

    def succeeds(self, command: str) -> str:
        """What the command prints; AssertionError, with all that it said, where it fails."""
        done = self.run(command)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout


def create(path: Path, samples: int = 1000) -> Environment:
    """An environment in path/venv, its commands typed in path/work, its caches in path/cache.

    samples: how many `benchbox run` makes where the command does not say.
    """
    venv.create(path / "venv", with_pip=False, symlinks=True)
    site = path / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "outer.pth").write_text(
        f"import site, sys; site.addsitedir({sysconfig.get_path('purelib')!r}); sys.path.insert(0, {str(ROOT)!r})\n"
    )
    (site / "benchbox_here.py").write_text(HERE.replace("{samples}", str(samples)))
    bin_ = path / "venv" / "bin"
    for tool, module in TOOLS.items():
        (bin_ / tool).write_text(f'#!/bin/sh\nexec {bin_}/python -P -m {module} "$@"\n')
        (bin_ / tool).chmod(0o755)
    (path / "work").mkdir()
    drop = {"PYTHONPATH", "BENCHBOX_PLUGINS", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"}
    variables = {k: v for k, v in os.environ.items() if k not in drop} | {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": str(path / "cache"),
        "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1", "PIP_QUIET": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "140",
    }  # fmt: skip
    return Environment(path / "work", variables)
