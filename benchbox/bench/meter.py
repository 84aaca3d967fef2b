"""Time, memory and energy of a run, the name of its device, and whether other processes used the machine."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import torch
from filelock import FileLock

from benchbox.bench.contention import Contention, nvml_handle
from benchbox.errors import UsageError

MIB = 2**20


class Meter:
    """Measures work on a device, `with meter: …`, any number of times; it waits for the device at both ends.

    `seconds` is a sum. Peaks of memory and contention are measured from when the meter was made. A cost that this
    machine cannot measure is None, never 0.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self.joules = device, 0.0, 0.0
        self.cuda = device.type == "cuda"
        self._energy = energy_counter(device)
        self._contention = Contention(device)
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

    @property
    def shared(self) -> bool:
        """Whether other processes used the machine, so that the times are unreliable (see `contention.BUSY_SHARE`)."""
        return self._contention.detected

    def costs(self) -> dict[str, float | None]:
        return {
            "gpu_mem_peak_mb": torch.cuda.max_memory_allocated(self.device) / MIB if self.cuda else None,
            "gpu_mem_reserved_mb": torch.cuda.max_memory_reserved(self.device) / MIB if self.cuda else None,
            "rss_peak_mb": _rss_peak() / MIB,
            "energy_j": self.joules if self._energy else None,
        }


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


def _reset_rss_peak() -> None:
    """Reset the kernel's record of the peak (Linux only)."""
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
    """The name of a torch device that works here; auto is CUDA where available, else the CPU. UsageError."""
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
    """The model name of the device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@contextmanager
def exclusive(device: str) -> Iterator[None]:
    """Hold this user's lock on the device, so that only one process with --exclusive uses it at a time.

    The kernel releases the lock of a process that dies. Processes with different temporary folders (TMPDIR) have
    different locks.
    """
    torch_device = torch.device(device)
    cuda = torch_device.type == "cuda"
    name = torch.cuda.get_device_properties(torch_device).uuid if cuda else torch_device.type
    with FileLock(Path(tempfile.gettempdir()) / f"benchbox-{os.getuid()}-{name}.lock"):
        yield
