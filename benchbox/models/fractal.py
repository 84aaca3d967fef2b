"""A fractal Gaussian mixture of two classes in the plane, with an exact score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbox.classes import LATER_OPTION, check_label, class_labels
from benchbox.models.analytic import Analytic, FloatVector
from benchbox.models.fractal_law import fractal

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.model import Model


@dataclass(frozen=True)
class Fractal(Analytic):
    """Two trees of Gaussians in the plane, 127 branches of 8 components each (Karras et al. 2024, arXiv:2406.02507,
    app. C, with the constants of the authors' toy_example.py).

    Each tree is a class. blur: the standard deviation of noise that is added to the law that D and the classifier are
    of, but not to the data: the model is then an imperfect network, which spreads the branches. label: the classes of
    the samples, in turn; without it they are of both, and under a guidance of each in turn.
    """

    name = "fractal"
    blur: float = 0.0
    label: tuple[int, ...] = field(default=(), kw_only=True, metadata=LATER_OPTION)

    def __post_init__(self) -> None:
        if self.blur < 0:
            raise ValueError("blur must not be negative.")
        check_label(self.label, self.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    @property
    def classes(self) -> int:
        return 2

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": class_labels(index, self.classes, self.label)} if self.label else {}

    def unconditional(self, index: Tensor) -> dict[str, Tensor]:
        return {"label": index * 0 + self.classes}

    def conditioned(self) -> Model:
        return self if self.label else replace(self, label=(0, 1))

    @cached_property
    def components(self) -> tuple[FloatVector, FloatVector, FloatVector]:
        """Means (K, 2), weights and covariances (K, 2, 2) of the data of the asked classes."""
        law = fractal()
        shares = np.isin(law.labels, self.label or (0, 1)) * law.weights
        kept = shares > 0
        return law.means[kept], shares[kept] / shares.sum(), law.covariances[kept]

    def denoiser(self, device: Any) -> Callable[..., Tensor]:
        terms = self.terms(device)

        def denoise(x: Tensor, sigma: float, label: Tensor | None = None) -> Tensor:
            log_joint, pull = terms(x, sigma)
            if label is not None:
                log_joint = log_joint + among[label]
            return x + (sigma**2 * (log_joint.softmax(1)[:, :, None] * pull).sum(1)).to(x.dtype)

        among = self.members(device)
        return denoise

    def classifier(self, device: Any) -> Callable[[Tensor, float], Tensor]:
        terms, among = self.terms(device), self.members(device)[:-1]

        def classify(x: Tensor, sigma: float) -> Tensor:
            return (terms(x, sigma)[0].log_softmax(1)[:, None, :] + among).logsumexp(2)

        return classify

    def terms(self, device: Any) -> Callable[[Tensor, float], tuple[Tensor, Tensor]]:
        """(x, sigma) to log w_k N(x; m_k, C_k + σ² I) but for a constant, (batch, K), and its gradient in x."""
        import torch

        law = fractal()
        w, m, q = (torch.as_tensor(a, device=device) for a in (law.weights, law.means, law.axes))
        variances = torch.as_tensor(law.variances + self.blur**2, device=device)

        def terms(x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
            total = variances + sigma**2
            along = torch.einsum("nki,kij->nkj", m - x.double()[:, None, :], q)
            log_joint = w.log() - 0.5 * ((along.square() / total).sum(-1) + total.log().sum(-1))
            return log_joint, torch.einsum("nkj,kij->nki", along / total, q)

        return terms

    def members(self, device: Any) -> Tensor:
        """0 for the components (K columns) of each class, −∞ for others; the last row is for no class: all of them."""
        import torch

        of = torch.as_tensor(fractal().labels, device=device)
        return torch.stack([of == 0, of == 1, of >= 0]).double().log()

    def draw(self, n: int, seed: int) -> Tensor:
        import torch

        rng, (means, weights, covariances) = np.random.default_rng(seed), self.components
        k = rng.choice(len(weights), size=n, p=weights)
        roots = np.linalg.cholesky(covariances)
        return torch.as_tensor(means[k] + np.einsum("nij,nj->ni", roots[k], rng.standard_normal((n, 2))))
