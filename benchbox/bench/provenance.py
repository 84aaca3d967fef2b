"""The provenance of a row: the machine, its settings, and the versions of all packages involved."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from benchbox.bench.hardware import device_name
from benchbox.options import option_values
from benchbox.project_packages import DISTRIBUTION
from benchbox.registry import BASES, registry

ALWAYS = (DISTRIBUTION, "torch", "numpy", "torchdiffeq", "torch-fidelity")
"""Packages whose versions every row records."""

ABSENT = "not installed"

OWN_CODE = Path(__file__).parents[1]
"""The folder of the code that is running; it may differ from the installed distribution (PYTHONPATH)."""


def machine(device: str) -> dict[str, Any]:
    """The columns of a row that describe the machine; `flags` and `threads` are the current ones."""
    import torch

    cuda = device.startswith("cuda")
    return {
        "device": device_name(device), "threads": torch.get_num_threads(), "flags": json.dumps(flags()),
        "host": platform.node(), "torch": torch.__version__, "cuda": torch.version.cuda if cuda else None,
        "driver": driver() if cuda else None, "git": git_state(OWN_CODE),
    }  # fmt: skip


def flags() -> dict[str, bool | str]:
    """The settings of torch that affect the rounding of a result."""
    import torch

    return {
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn.deterministic": torch.backends.cudnn.deterministic,
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


@cache
def driver() -> str | None:
    """The version of NVIDIA's driver, from NVML or nvidia-smi; None where neither works."""
    try:
        import pynvml

        pynvml.nvmlInit()
        driver_version = pynvml.nvmlSystemGetDriverVersion()
        return driver_version.decode() if isinstance(driver_version, bytes) else str(driver_version)
    except Exception:  # no package, no library, no driver
        lines = _output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return lines.split()[0] if lines else None


def package_versions(names: Iterable[str]) -> str:
    """Versions of the named distributions and of those in `ALWAYS`, as JSON; no package is imported.

    The version of an editable install includes its commit, such as "0.1.0 (git 1a2b3c4+)"; + marks uncommitted changes.
    """
    return json.dumps({name: _version(name) for name in sorted({*names, *ALWAYS})})


@cache
def _version(name: str) -> str:
    try:
        distribution = Distribution.from_name(name)
        commit = (git_state(OWN_CODE) if name == DISTRIBUTION else None) or _commit(distribution)
        return f"{distribution.version} (git {commit})" if commit else distribution.version
    except PackageNotFoundError:
        return ABSENT


def _commit(distribution: Distribution) -> str | None:
    """The commit that a distribution was installed from (PEP 610), or the current one of its editable folder."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return git_state(Path(url2pathname(urlparse(origin["url"]).path)))
        commit = origin.get("vcs_info", {}).get("commit_id")
        return str(commit)[:12] if commit else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged metadata
        return None


@cache
def git_state(folder: Path) -> str | None:
    """The commit of a folder in a git checkout, with + for uncommitted changes; None outside of a checkout."""
    commit = _output_of("git", "rev-parse", "--short", "HEAD", folder=folder)
    changed = _output_of("git", "status", "--porcelain", "--", ".", folder=folder)
    tracked = changed or _output_of("git", "ls-files", "--", ".", folder=folder)  # a virtual environment is not
    return commit + ("+" if changed else "") if commit and tracked else None


def _output_of(*command: str, folder: Path | None = None) -> str | None:
    """The output of a command; None where it fails."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=10, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def plugin_packages(plugin: Any) -> Iterator[str]:
    """The packages, with versions, of a plugin and of the plugins among its options."""
    for value in (plugin, *option_values(plugin)):
        kind = next((kind for kind, base in BASES.items() if isinstance(value, base)), None)
        for offer in registry().offers(kind, value.name) if kind else ():
            yield f"{offer.package} {offer.version}"
