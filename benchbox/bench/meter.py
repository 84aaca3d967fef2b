"""What a run costs: time, memory, energy; and on what machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import torch

from benchbox.errors import UsageError

MIB = 2**20


class Meter:
    """Measures stretches of work on a device: `with meter: …`, any number of times; the device is waited for.

    `seconds` adds up. Peaks of memory are since the meter was made. What cannot be measured here is None, never 0.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self.joules = device, 0.0, 0.0
        self.cuda = device.type == "cuda"
        self._energy = energy_counter(device) if self.cuda else None
        if self.cuda:
            torch.cuda.reset_peak_memory_stats(device)
        _reset_rss_peak()

    def __enter__(self) -> Meter:
        self._wait()
        self._joules = self._energy() if self._energy else 0.0
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait()
        self.seconds += time.perf_counter() - self._start
        if self._energy:
            self.joules += self._energy() - self._joules

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def costs(self) -> dict[str, float | None]:
        return {
            "gpu_mem_peak_mb": torch.cuda.max_memory_allocated(self.device) / MIB if self.cuda else None,
            "gpu_mem_reserved_mb": torch.cuda.max_memory_reserved(self.device) / MIB if self.cuda else None,
            "rss_peak_mb": _rss_peak() / MIB,
            "energy_j": self.joules if self._energy else None,
        }


def energy_counter(device: torch.device) -> Any:
    """A function that reads the GPU's energy counter in joules (NVML), or None where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no NVML, no driver, a card without the counter: all mean "not measurable"
        return None
    return lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3


def _reset_rss_peak() -> None:
    """Start the kernel's record of the peak anew, where it can be (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _rss_peak() -> float:
    try:
        status = Path("/proc/self/status").read_text()
        return float(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return float(psutil.Process().memory_info().rss)


def usable(name: str) -> str:
    """The torch device that a name means; auto is CUDA where there is one. UsageError where it is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(name)).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UsageError(f"device {name!r} cannot be used here: {reason}.") from None
    return name


@cache
def device_name(device: str) -> str:
    """The model of the device, as its maker calls it."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@cache
def machine(device: str) -> dict[str, Any]:
    """Where a row was measured."""
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "host": platform.node(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if torch.device(device).type == "cuda" else None,
        "git": _git(),
    }


def _git() -> str | None:
    """The commit of an editable install, with a + where it was changed; None for an installed package."""
    folder = Path(sys.modules["benchbox"].__file__ or "").parent
    if not (folder.parent / ".git").exists():
        return None
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        run = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": 10, "check": True}
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **run).stdout.strip()  # type: ignore[call-overload]
        dirty = subprocess.run(["git", "status", "--porcelain", "--", "."], **run).stdout.strip()  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if dirty else "")


def exclusive(device: str) -> Any:
    """Placeholder by the lead until helper C's context manager is here: replace it."""
    from contextlib import nullcontext

    return nullcontext()
