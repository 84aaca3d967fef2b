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
    from benchbox.measurement import Measurements
    from benchbox.model import Model
    from benchbox.problem import Problem
    from benchbox.schedule import Schedule


@dataclass(frozen=True)
class Context:
    """The run that a metric measures.

    denoiser: the model's own, without guidance. final and the fields after it reproduce the samples. measurements: of
    the inverse problem, if there is one.
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
    measurements: Measurements | None = None


class Accumulator(ABC):
    """The running state of a metric over batches of samples; its memory is constant unless a bound is documented."""

    @abstractmethod
    def update(self, batch: Tensor, index: Tensor) -> None:
        """Add samples (batch, *shape) and their global numbers (batch,)."""

    def latents(self, z: Tensor, index: Tensor) -> None:  # noqa: B027 (most metrics measure what `decode` gives)
        """Add the same samples before `decode`, (batch, *shape); called before `update`, of a latent model alone."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Add the state of another accumulator of the same metric."""

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """The state as arrays."""

    @abstractmethod
    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from a `state`."""

    @abstractmethod
    def compute(self) -> dict[str, float | str | None]:
        """Columns of the row."""


class Metric(ABC):
    """A measure of samples; a frozen dataclass whose fields are its options."""

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    def check(self, model: Model) -> None:  # noqa: B027 (most metrics measure any samples)
        """UsageError, before any work, where the metric cannot measure this model's samples."""

    def check_problem(self, problem: Problem | None, model: Model) -> None:  # noqa: B027 (most measure any)
        """UsageError, before any work, where it cannot measure samples under this problem (None: under none)."""

    def files(self, model: Model) -> dict[str, Path]:
        """The files that the metric reads for this model's samples, by the option that names them.

        Their contents are part of a value's identity.
        """
        options = {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}
        return {name: path for name, path in options.items() if isinstance(path, Path)}

    @abstractmethod
    def start(self, context: Context) -> Accumulator:
        """A fresh accumulator."""
