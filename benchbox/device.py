"""What depends on the device: clocks around the model, which add up the times of its calls, and copies to it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class HostClock:
    """The time of the host, for work that is finished when its call returns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        start = perf_counter()
        out = work(*args, **options)
        self.seconds += perf_counter() - start
        return out


class CudaClock:
    """The time of a CUDA device, by events in its queue: nothing waits for the device until `seconds` is read."""

    def __init__(self, device: torch.device) -> None:
        self.device, self._seconds = device, 0.0
        self._events: list[tuple[Any, Any]] = []

    def __call__(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        out = work(*args, **options)
        end.record()
        self._events.append((start, end))
        return out

    @property
    def seconds(self) -> float:
        """This waits for the device: read it after the run, not in it."""
        if self._events:
            torch.cuda.synchronize(self.device)
            self._seconds += sum(start.elapsed_time(end) for start, end in self._events) / 1e3
            self._events.clear()
        return self._seconds


def clock(device: torch.device) -> HostClock | CudaClock:
    return CudaClock(device) if device.type == "cuda" else HostClock()


def to_device(x: Tensor, device: torch.device | str) -> Tensor:
    """x on the device. The host does not wait for a copy to a GPU, which is made from pinned memory."""
    if x.device.type == "cpu" and torch.device(device).type == "cuda":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)
