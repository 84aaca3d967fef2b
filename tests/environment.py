"""A throw-away virtual environment that sees this one's packages, and commands typed in it without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("pip", "pytest", "benchbox")


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


def create(path: Path) -> Environment:
    """An environment in path/venv, its commands typed in path/work, its caches in path/cache."""
    venv.create(path / "venv", with_pip=False, symlinks=True)
    site = path / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    bin_ = path / "venv" / "bin"
    for tool in TOOLS:
        (bin_ / tool).write_text(f'#!/bin/sh\nexec {bin_}/python -P -m {tool} "$@"\n')
        (bin_ / tool).chmod(0o755)
    (path / "work").mkdir()
    drop = {"PYTHONPATH", "BENCHBOX_PLUGINS", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"}
    variables = {k: v for k, v in os.environ.items() if k not in drop} | {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": str(path / "cache"),
        "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1", "PIP_QUIET": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "140",
    }  # fmt: skip
    return Environment(path / "work", variables)
