"""A Gaussian mixture, with an exact score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.classes import LATER_OPTION, check_label, class_labels
from benchbox.mixture_law import MixtureLaw
from benchbox.model import Jump, Jumps, Model
from benchbox.models.analytic import Analytic, FloatVector, read_numbers
from benchbox.models.solved_jump import solved_jump

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mixture(Analytic):
    """x_0 ~ Σ w_k N(m_k, s_k² I): D = Σ r_k(x) [m_k + s_k²/(s_k²+σ²) (x − m_k)], r the posterior weights of the modes.

    means: K·dim numbers, mode by mode, or an .npy of (K, dim); weights are normalised. Default: four well separated
    modes in the plane, of unequal weight and width. groups: the class of each mode (default: each mode is a class).
    label: the classes of the samples, in turn; without it the samples are of the whole mixture, and under a guidance
    of every class in turn. D of a class is that of its modes, and the classifier is p(c | x) = Σ r_k(x) over them.
    """

    name = "mixture"
    dim: int = 2
    means: tuple[float, ...] | Path = (-4.0, 0.0, 3.0, 3.0, 4.0, -3.0, 0.0, 6.0)
    weights: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    stds: tuple[float, ...] = (0.5, 0.3, 0.8, 0.2)
    groups: tuple[int, ...] = field(default=(), kw_only=True, metadata=LATER_OPTION)
    label: tuple[int, ...] = field(default=(), kw_only=True, metadata=LATER_OPTION)

    def __post_init__(self) -> None:
        k = len(self.weights)
        if self.dim < 1 or read_numbers(self.means, "means").size != k * self.dim or len(self.stds) != k:
            raise ValueError(f"{k} weights need {k} stds and {k}×{self.dim} means.")
        if min(self.weights) < 0 or sum(self.weights) <= 0 or min(self.stds) < 0:
            raise ValueError("weights and stds must be at least 0, and one weight above 0.")
        if self.groups and (len(self.groups) != k or set(self.groups) != set(range(max(self.groups) + 1))):
            raise ValueError(f"groups are the classes of the {k} modes, from 0 and each with a mode.")
        check_label(self.label, self.classes)

    @cached_property
    def modes(self) -> tuple[FloatVector, FloatVector, FloatVector]:
        """Means (K, dim), weights that sum to 1, and variances."""
        w = np.asarray(self.weights)
        return read_numbers(self.means, "means").reshape(-1, self.dim), w / w.sum(), np.square(self.stds)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dim,)

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        import torch

        m, _, v = (torch.as_tensor(a, device=device) for a in self.modes)
        among = torch.as_tensor(self.members, device=device).double().log()
        log_joint = self.log_joint(device)

        def denoise(x: Tensor, sigma: float, label: Tensor | None = None) -> Tensor:
            log_r = log_joint(x, sigma) if label is None else log_joint(x, sigma) + among[label]
            means = m + (v / (v + sigma**2))[:, None] * (x.double()[:, None, :] - m)
            return (log_r.softmax(1)[:, :, None] * means).sum(1).to(x.dtype)

        return denoise

    @property
    def jumps(self) -> Jumps:
        return "flow-map"

    @property
    def denoises(self) -> bool:
        return True

    def jump(self, device: Any) -> Jump:
        """The ODE solved on fine steps: there is no formula."""
        return solved_jump(self.denoiser(device))

    def classifier(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        """(x, sigma) to log p(c | x) at that level, (batch, classes)."""
        import torch

        among, log_joint = torch.as_tensor(self.members[:-1], device=device).double().log(), self.log_joint(device)

        def classify(x: Tensor, sigma: float) -> Tensor:
            return (log_joint(x, sigma).log_softmax(1)[:, None, :] + among).logsumexp(2)

        return classify

    def log_joint(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        """(x, sigma) to log w_k N(x; m_k, s_k² + σ²) but for a constant, (batch, K)."""
        import torch

        m, w, v = (torch.as_tensor(a, device=device) for a in self.modes)

        def log_joint(x: Tensor, sigma: float) -> Tensor:
            total = v + sigma**2
            squares = (x.double()[:, None, :] - m).square().sum(-1)
            return w.log() - 0.5 * (squares / total + self.dim * total.log())

        return log_joint

    @cached_property
    def members(self) -> NDArray[np.bool_]:
        """Which modes (K columns) are of each class; the last row is for no class: all of them."""
        groups = np.asarray(self.groups or range(len(self.weights)))
        return np.vstack([groups == np.arange(groups.max() + 1)[:, None], groups >= 0])

    @property
    def classes(self) -> int:
        return max(self.groups) + 1 if self.groups else len(self.weights)

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": class_labels(index, self.classes, self.label)} if self.label else {}

    def unconditional(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index * 0 + self.classes}

    def conditioned(self) -> Model:
        return self if self.label else replace(self, label=tuple(range(self.classes)))

    def mixture_law(self) -> MixtureLaw | None:
        """Of the whole mixture, or of a single class; None for several classes."""
        means, weights, variances = self.modes
        if len(self.label) > 1:
            return None
        own = self.members[self.label[0] if self.label else -1]
        spectra = np.broadcast_to(variances[:, None], means.shape)
        return MixtureLaw(weights[own] / weights[own].sum(), means[own], spectra[own])

    def draw(self, n: int, seed: int) -> Tensor:
        import torch

        m, w, v = self.modes
        rng = np.random.default_rng(seed)
        if self.label:  # the classes in turn, as a long run has them
            own = np.where(self.members[list(self.label)], w, 0.0)
            w = (own / own.sum(1, keepdims=True)).mean(0)
        k = rng.choice(len(w), size=n, p=w)
        return torch.as_tensor(m[k] + np.sqrt(v[k])[:, None] * rng.standard_normal((n, self.dim)))
