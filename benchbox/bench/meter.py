"""Time, memory and energy of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from benchbox.bench.contention import Contention, nvml_handle
from benchbox.store.schema import MIB


class Meter:
    """Measures work on a device, `with meter: …`, any number of times; it waits for the device at both ends.

    `seconds` is a sum. Peaks of memory and contention are measured from when the meter was made. A cost that this
    machine cannot measure is None, never 0.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self.joules = device, 0.0, 0.0
        self.cuda = device.type == "cuda"
        self._energy = energy_counter(device) if self.cuda else None
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
        """Whether other processes used the machine, so that the times are unreliable (see `BUSY_SHARE`)."""
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
