"""Contention: whether other processes used the cores or the GPU while a run was timed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import torch

BUSY_SHARE = 0.1
"""The share of the cores that other processes may use before a timing counts as unreliable."""

SLACK = 0.1
"""CPU seconds of other processes that are ignored: the system's clocks have a resolution of 0.01 s, and sample."""


class Contention:
    """CPU time of other processes on the cores of this one, and other processes on its GPU, from now on."""

    def __init__(self, device: torch.device) -> None:
        self.count_gpu_processes = gpu_processes(device) if device.type == "cuda" else None
        self.gpu_shared = self.count_gpu_processes is not None and self.count_gpu_processes() > 1
        self.start = time.perf_counter(), busy_seconds() - own_seconds()

    def seconds(self) -> tuple[float, float]:
        """Elapsed seconds, and the CPU seconds of other processes meanwhile."""
        elapsed, others = time.perf_counter() - self.start[0], busy_seconds() - own_seconds() - self.start[1]
        if others > SLACK:  # only then, because listing the child processes is slow
            others -= children_seconds()
        return elapsed, max(others, 0.0)

    @property
    def detected(self) -> bool:
        """Whether others used more than `BUSY_SHARE` of the cores, or the GPU at the beginning or now."""
        elapsed, others = self.seconds()
        if self.count_gpu_processes is not None and self.count_gpu_processes() > 1:
            self.gpu_shared = True
        return self.gpu_shared or others > SLACK + BUSY_SHARE * len(usable_cores()) * elapsed


def usable_cores() -> list[int]:
    """The cores that this process may run on."""
    affinity: Any = getattr(os, "sched_getaffinity", None)  # not everywhere
    return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))


def busy_seconds() -> float:
    """CPU seconds of all processes on the usable cores since the machine was started.

    They include time that the host of a virtual machine used otherwise (steal).
    """
    cores = psutil.cpu_times(percpu=True)
    idle = ("idle", "iowait", "guest", "guest_nice")  # the time of guests is contained in user
    usable = [cores[i] for i in usable_cores() if i < len(cores)]
    return sum(sum(core) - sum(getattr(core, name, 0.0) for name in idle) for core in usable)


def own_seconds() -> float:
    """CPU seconds of this process and of its child processes that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def children_seconds() -> float:
    """CPU seconds of the child processes that are running: a plugin's helpers are not contention."""
    seconds = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            seconds += sum(child.cpu_times()[:2])
    return seconds


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
