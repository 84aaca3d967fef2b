"""Metrics: from batches of samples to columns of a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from benchbox.denoiser import Denoiser
    from benchbox.grid import Levels
    from benchbox.guidance import Guidance
    from benchbox.model import Model
    from benchbox.schedule import Schedule


@dataclass(frozen=True)
class Context:
    """What a metric may know about the run it measures.

    denoiser: the model's own, whatever guides the run. final and what follows: to make its samples anew.
    """

    model: Model
    denoiser: Denoiser
    schedule: Schedule
    grid: Levels
    device: torch.device
    seed: int
    final: str = "denoise"
    noise_block: int = 16
    noise_device: torch.device | None = None
    guidance: Guidance | None = None


class Accumulator(ABC):
    """The running state of a metric over batches of samples; memory is constant unless a bound is stated."""

    @abstractmethod
    def update(self, batch: Tensor, index: Tensor) -> None:
        """Take in samples (batch, *shape) and their global numbers (batch,)."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Take in what another accumulator of the same metric has seen."""

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything to go on from, as arrays."""

    @abstractmethod
    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a `state`."""

    @abstractmethod
    def compute(self) -> dict[str, float | str | None]:
        """Columns of the row."""


class Metric(ABC):
    """A measure of samples; a frozen dataclass whose fields are its options."""

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    def check(self, model: Model) -> None:  # noqa: B027 (most metrics measure any samples)
        """Raise UsageError, before any work, where the metric cannot measure this model's samples."""

    def files(self, model: Model) -> dict[str, Path]:
        """The files on whose contents the values of this model's samples depend, by the option that names them.

        They belong to the identity of a value: other contents are another value.
        """
        given = {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}
        return {name: path for name, path in given.items() if isinstance(path, Path)}

    @abstractmethod
    def start(self, context: Context) -> Accumulator:
        """A fresh accumulator."""
