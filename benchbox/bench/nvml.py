"""What NVIDIA's management library (NVML) tells of a GPU: the processes on it, and its energy counter."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch


def nvml_handle(device: torch.device) -> Any:
    """NVML's handle of a GPU; None where there is no GPU, no NVML, or no driver."""
    if device.type != "cuda":
        return None
    try:
        import pynvml

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
