"""Time, memory and energy of a run, and whether other processes used the cores or the GPU meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import torch

from benchbox.bench.hardware import energy_counter, gpu_processes
from benchbox.store.schema import MIB

RESET_PEAK = Path("/proc/self/clear_refs")
"""A file of Linux; a 5 in it resets the kernel's record of this process's peak of memory."""

BUSY_SHARE = 0.1
"""The share of the cores that other processes may use before a timing counts as unreliable."""

SLACK = 0.1
"""CPU seconds of other processes that are ignored: the system's clocks have a resolution of 0.01 s, and sample."""


class Meter:
    """Measures work on a device, `with meter.timed(): …`, any number of times; `seconds` and `joules` are sums.

    Peaks of memory and contention are measured from when the meter was made. A cost that this machine cannot measure is
    None, never 0.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self.joules = device, 0.0, 0.0
        self.cuda = device.type == "cuda"
        self._energy = energy_counter(device) if self.cuda else None
        self.contention = Contention(device)
        if self.cuda:
            torch.cuda.reset_peak_memory_stats(device)
        with suppress(OSError):
            RESET_PEAK.write_text("5")

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Inside, time and energy count; it waits for the device at both ends."""
        if self.cuda:
            torch.cuda.synchronize(self.device)
        joules, start = self._energy() if self._energy else 0.0, time.perf_counter()
        try:
            yield
        finally:
            if self.cuda:
                torch.cuda.synchronize(self.device)
            self.seconds += time.perf_counter() - start
            self.joules += self._energy() - joules if self._energy else 0.0

    def costs(self) -> dict[str, float | None]:
        return {
            "gpu_mem_peak_mb": torch.cuda.max_memory_allocated(self.device) / MIB if self.cuda else None,
            "gpu_mem_reserved_mb": torch.cuda.max_memory_reserved(self.device) / MIB if self.cuda else None,
            "rss_peak_mb": _rss_peak() / MIB,
            "energy_j": self.joules if self._energy else None,
        }


def _rss_peak() -> float:
    try:
        status = Path("/proc/self/status").read_text()
        return float(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return float(psutil.Process().memory_info().rss)


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
