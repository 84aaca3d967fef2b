"""Whether others are at work on the machine while something is timed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import torch

BUSY_SHARE = 0.1
"""The part of the cores that others may keep busy before a timing counts as that of a shared machine."""

SLACK = 0.1
"""CPU seconds of others that are never noticed: the system's clocks tick in hundredths, and count by samples."""


class Contention:
    """CPU time that others take on the cores that this process may use, from now on; and others on its GPU."""

    def __init__(self, device: torch.device) -> None:
        self.count = gpu_processes(device)
        self.more = self.count is not None and self.count() > 1
        self.start = time.perf_counter(), busy_seconds() - own_seconds()

    def seconds(self) -> tuple[float, float]:
        """Seconds that have passed, and CPU seconds that others have taken in them."""
        passed, taken = time.perf_counter() - self.start[0], busy_seconds() - own_seconds() - self.start[1]
        if taken > SLACK:  # before that nobody need look for children, which takes a while
            taken -= children_seconds()
        return passed, max(taken, 0.0)

    @property
    def there(self) -> bool:
        """Whether they took more than `SHARE` of the cores, or were on the GPU at the beginning or are now."""
        passed, taken = self.seconds()
        self.more = self.more or (self.count is not None and self.count() > 1)
        return self.more or taken > SLACK + BUSY_SHARE * len(usable_cores()) * passed


def usable_cores() -> list[int]:
    """The cores that this process may run on."""
    affinity: Any = getattr(os, "sched_getaffinity", None)  # not everywhere
    return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))


def busy_seconds() -> float:
    """CPU seconds that were spent on the usable cores since the machine was started, by anybody.

    Time that the host of a virtual machine took away (steal) is among them.
    """
    cores = psutil.cpu_times(percpu=True)
    chosen = [cores[i] for i in usable_cores() if i < len(cores)]
    not_spent = ("idle", "iowait", "guest", "guest_nice")  # guests' time is in user, too
    return sum(sum(core) - sum(getattr(core, name, 0.0) for name in not_spent) for core in chosen)


def own_seconds() -> float:
    """CPU seconds of this process and of those of its children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def children_seconds() -> float:
    """CPU seconds, ever, of the children that live: a plugin's helpers are no others."""
    spent = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            spent += sum(child.cpu_times()[:2])
    return spent


def gpu_processes(device: torch.device) -> Callable[[], int] | None:
    """A function that counts the processes on a GPU, this one among them (NVML); None where nobody tells."""
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
    """NVML's handle of a GPU, or None where there is no GPU, no NVML, or no driver."""
    if device.type != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except Exception:
        return None
