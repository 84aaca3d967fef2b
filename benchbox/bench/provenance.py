"""With what a row was made: the machine and its settings, and the versions of all packages that take part."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import torch

from benchbox.bench.meter import device_name
from benchbox.plugin import DISTRIBUTION

ALWAYS = (DISTRIBUTION, "torch", "numpy", "torchdiffeq", "torch-fidelity")
"""Packages that every row names."""

ABSENT = "not installed"

OWN_CODE = Path(__file__).parents[1]
"""Our own code, as it is loaded: not that of the installed distribution where PYTHONPATH says otherwise."""


def machine(device: str) -> dict[str, Any]:
    """Where a row is measured, as its columns; `flags` and `threads` are those of this moment."""
    cuda = torch.device(device).type == "cuda"
    return {
        "device": device_name(device), "threads": torch.get_num_threads(), "flags": json.dumps(flags()),
        "host": platform.node(), "torch": torch.__version__, "cuda": torch.version.cuda if cuda else None,
        "driver": driver() if cuda else None, "git": git_state(OWN_CODE),
    }  # fmt: skip


def flags() -> dict[str, bool | str]:
    """The settings of torch on which the last bits of a result depend."""
    return {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn.deterministic": torch.backends.cudnn.deterministic,
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


@cache
def driver() -> str | None:
    """The version of NVIDIA's driver, from NVML or from nvidia-smi; None where neither tells."""
    try:
        import pynvml

        pynvml.nvmlInit()
        said = pynvml.nvmlSystemGetDriverVersion()
        return said.decode() if isinstance(said, bytes) else str(said)
    except Exception:  # no package, no library, no driver
        lines = _output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return lines.split()[0] if lines else None


def package_versions(names: Iterable[str]) -> str:
    """Versions of the named distributions and of those in `ALWAYS`, as JSON; no package is imported.

    An editable install has the commit of its folder, such as "0.1.0 (git 1a2b3c4+)", + where that was changed since.
    """
    return json.dumps({name: _version(name) for name in sorted({*names, *ALWAYS})})


@cache
def _version(name: str) -> str:
    try:
        found = Distribution.from_name(name)
        commit = (git_state(OWN_CODE) if name == DISTRIBUTION else None) or _commit(found)
        return f"{found.version} (git {commit})" if commit else found.version
    except PackageNotFoundError:
        return ABSENT


def _commit(found: Distribution) -> str | None:
    """The commit that a distribution was installed from (PEP 610), or at which its editable folder is now."""
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return git_state(Path(url2pathname(urlparse(origin["url"]).path)))
        commit = origin.get("vcs_info", {}).get("commit_id")
        return str(commit)[:12] if commit else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a damaged file of somebody's installer
        return None


@cache
def git_state(folder: Path) -> str | None:
    """The commit of the checkout that a folder is part of, + where it was changed since; None outside of one."""
    commit = _output_of("git", "rev-parse", "--short", "HEAD", folder=folder)
    changed = _output_of("git", "status", "--porcelain", "--", ".", folder=folder)
    ignored = not changed and not _output_of(
        "git", "ls-files", "--", ".", folder=folder
    )  # such as an environment in it
    return None if commit is None or ignored else commit + ("+" if changed else "")


def _output_of(*command: str, folder: Path | None = None) -> str | None:
    """What a command prints; None where it fails."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=10, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
