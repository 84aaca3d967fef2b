"""The exact posteriors of mixtures of Gaussians under linear measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from benchbox.errors import UsageError
from benchbox.mixture_law import FloatArray, MixtureLaw
from benchbox.problem import Problem
from benchbox.svd import svd_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from benchbox.model import Model


class Posterior:
    """The law of x_0 given y = A x_0 + σ_y n, and given x = x_0 + σ n as well, of a `MixtureLaw`.

    It is a mixture whose k-th Gaussian is that of the linear model with the prior N(m_k, C_k), and whose weights are
    w_k times the evidence N(y; A m_k, A C_k Aᵀ + σ_y² I). Everything is in Q's coordinates, in float64. u, s, v: the
    singular value decomposition of A; y enters as uᵀ y, whose noise is still σ_y² I.
    """

    def __init__(self, law: MixtureLaw, u: Tensor, s: Tensor, v: Tensor, sigma_y: float) -> None:
        import torch

        def numbers(array: FloatArray) -> Tensor:
            return torch.as_tensor(array, device=v.device)

        self.q = None if law.basis is None else numbers(law.basis)
        self.u, self.sigma_y = u, sigma_y
        self.log_w = numbers(law.weights).log()
        self.m = self.turned(numbers(law.means))
        self.lam = numbers(law.spectra)
        self.a = s[:, None] * self.turned(v.mT)
        self.gains: dict[float, tuple[Tensor, Tensor, Tensor]] = {}

    def turned(self, x: Tensor) -> Tensor:
        """x (…, d) in Q's coordinates."""
        return x if self.q is None else x @ self.q

    def turned_back(self, x: Tensor) -> Tensor:
        return x if self.q is None else x @ self.q.mT

    def components(self, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
        """Variances given x, v_k (K, d); gains v_k Aᵀ S_k⁻¹ (K, d, m); Cholesky factors of S_k = A v_k Aᵀ + σ_y² I."""
        import torch

        if sigma not in self.gains:
            shrunk = 1 if math.isinf(sigma) else sigma**2 / (self.lam + sigma**2)
            variance = self.lam * shrunk
            va = variance[:, :, None] * self.a.mT
            identity = torch.eye(len(self.a), dtype=va.dtype, device=va.device)
            factor = torch.linalg.cholesky(self.a @ va + self.sigma_y**2 * identity)
            self.gains[sigma] = variance, torch.cholesky_solve(va.mT, factor).mT, factor
        return self.gains[sigma]

    def given(self, y: Tensor, x: Tensor | None = None, sigma: float = math.inf) -> tuple[Tensor, Tensor]:
        """Weights (batch, K) and means (batch, K, d), in Q's coordinates, given y and, unless it is None, x at σ."""
        import torch

        weights, means, residual = self.evidence(y, x, sigma)
        return weights, means + torch.einsum("kdm,bkm->bkd", self.components(sigma)[1], residual)

    def evidence(self, y: Tensor, x: Tensor | None, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
        """Weights given x and y (batch, K), means given x alone (·, K, d), and what they leave of y (batch, K, m)."""
        import torch

        factor = self.components(sigma)[2]
        means, log_r = self.m[None], self.log_w
        if x is not None:
            total = self.lam + sigma**2
            off = self.turned(x.double().flatten(1))[:, None] - self.m
            log_r = log_r - 0.5 * (torch.einsum("bkd,bkd,kd->bk", off, off, 1 / total) + total.log().sum(1))
            means = self.m + self.lam / total * off
        residual = (y.double().flatten(1) @ self.u)[:, None] - means @ self.a.mT
        white = torch.linalg.solve_triangular(factor, residual.movedim(0, 2), upper=False)
        log_r = log_r - 0.5 * white.square().sum(1).mT - factor.diagonal(dim1=1, dim2=2).log().sum(1)
        return log_r.softmax(1), means, residual

    def mean(self, y: Tensor, x: Tensor, sigma: float) -> Tensor:
        """E[x_0 | x, y], (batch, d)."""
        weights, means, residual = self.evidence(y, x, sigma)
        gain = self.components(sigma)[1].mT.flatten(0, 1)
        shift = (weights[:, :, None] * residual).flatten(1) @ gain
        return self.turned_back((weights[:, None] @ means)[:, 0] + shift)

    def covariances(self) -> Tensor:
        """The covariances of the components given y alone, (K, d, d), in Q's coordinates."""
        import torch

        variance, gain, _ = self.components(math.inf)
        return torch.diag_embed(variance) - gain @ (self.a * variance[:, None, :])

    def moments(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (batch, d) and covariance (batch, d, d) of x_0 given y."""
        import torch

        weights, means = self.given(y)
        mean = (weights[:, :, None] * means).sum(1)
        off = means - mean[:, None]
        spread = torch.einsum("bk,bkd,bke->bde", weights, off, off)
        covariance = spread + torch.einsum("bk,kde->bde", weights, self.covariances())
        if self.q is not None:
            covariance = self.q @ covariance @ self.q.mT
        return self.turned_back(mean), covariance

    def draw(self, y: Tensor, n: int, seed: int | Sequence[int]) -> Tensor:
        """n draws of x_0 for one measurement y (1, …), (n, d)."""
        import torch

        rng = np.random.default_rng(seed)
        weights, means = (moment[0].cpu().numpy() for moment in self.given(y))
        component = rng.choice(len(weights), size=n, p=weights / weights.sum())
        roots = {k: root_of(self.covariances()[k].cpu().numpy()) for k in np.unique(component)}
        z = rng.standard_normal((n, means.shape[1]))
        x = means[component]
        for k, root in roots.items():
            x[component == k] += z[component == k] @ root
        return self.turned_back(torch.as_tensor(x, device=self.m.device))


def root_of(covariance: FloatArray) -> FloatArray:
    """The symmetric root of a covariance matrix; eigenvalues below 0 by rounding are 0."""
    values, vectors = np.linalg.eigh(covariance)
    root: FloatArray = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root


@lru_cache(maxsize=16)
def posterior_of(model: Model, problem: Problem, device: torch.device) -> Posterior:
    """The exact posterior of a model's data under a problem. UsageError where it is not known."""
    import torch

    law = model.mixture_law()
    if law is None or not problem.linear:
        raise UsageError(f"the posterior of model {model.title} under problem {problem.name} is not known.")
    with torch.inference_mode(False):
        return Posterior(law, *svd_of(problem, model.shape, device, torch.float64), problem.sigma_y)
