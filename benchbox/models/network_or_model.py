"""A network that options describe, or a Model in its place, which describes itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchbox.model import Jump, Model
from benchbox.models.network import Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class NetworkOrModel(Network):
    """All that no option states is the Model's, where there is one."""

    @property
    @abstractmethod
    def model(self) -> Model | None:
        """The Model; None for a network."""

    @property
    def grid(self) -> Any:
        return self.model.grid if self.model else super().grid

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.model.metrics if self.model else super().metrics

    @property
    def latent(self) -> bool:
        return self.model.latent if self.model else False

    @property
    def data_shape(self) -> tuple[int, ...]:
        return self.model.data_shape if self.model else self.shape

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor] | None:
        return self.model.denoiser(device) if self.model else None

    @property
    def denoises(self) -> bool:
        return self.model.denoises if self.model else super().denoises

    def jump(self, device: Any) -> Jump | None:
        return self.model.jump(device) if self.model else super().jump(device)

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return self.model.conditions(index) if self.model else super().conditions(index)

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        return self.model.unconditional(index) if self.model else super().unconditional(index)

    def classifier(self, device: Any) -> Callable[[Tensor, float], Tensor] | None:
        return self.model.classifier(device) if self.model else None

    def draw(self, n: int, seed: int) -> Tensor | None:
        return self.model.draw(n, seed) if self.model else None

    def gaussian_law(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        return self.model.gaussian_law() if self.model else None

    def decode(self, x: Tensor) -> Tensor:
        return self.model.decode(x) if self.model else x
