"""The hardware: which devices work here, their names, and what NVIDIA's library (NVML) tells of a GPU."""

from __future__ import annotations

import ctypes
import platform
import runpy
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError

if TYPE_CHECKING:
    import torch


def usable(name: str) -> str:
    """The name of a torch device that works here; auto is CUDA where available, else the CPU. UsageError."""
    if name == "cpu" or (name == "auto" and not may_find_gpu()):
        return "cpu"
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(name)).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UsageError(f"device {name!r} cannot be used here: {reason}.") from None
    return name


def may_find_gpu() -> bool:
    """Whether torch may find a GPU here. That takes a build for one and a driver; the import would be slow."""
    spec = find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    built_for = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    if built_for.get("hip") or not built_for.get("cuda"):
        return bool(built_for.get("hip"))
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def device_name(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def nvml_handle(device: torch.device) -> Any:
    """NVML's handle of a GPU; None where there is no GPU, no NVML, or no driver."""
    if device.type != "cuda":
        return None
    try:
        import pynvml
        import torch

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except Exception:
        return None


def gpu_processes(device: torch.device) -> Callable[[], int] | None:
    """A function that counts the processes on a GPU, including this one (NVML); None where that is unknown."""
    handle = nvml_handle(device)
    if handle is None:
        return None
    import pynvml

    def count() -> int:
        with suppress(pynvml.NVMLError):
            return len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
        return 0

    return count


def energy_counter(device: torch.device) -> Callable[[], float] | None:
    """A function that reads the GPU's energy counter in joules (NVML); None where there is no counter."""
    if (handle := nvml_handle(device)) is None:
        return None
    import pynvml

    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:  # a GPU without the counter
        return None
    return lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
