"""Running mean and covariance, and the Fréchet distance between Gaussians, exact for singular covariances, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)


def frechet_distance(mean: Matrix, covariance: Matrix, mean_ref: Matrix, covariance_ref: Matrix) -> float:
    """‖μ − μ'‖² + tr Σ + tr Σ' − 2 tr (ΣΣ')^½ (Dowson & Landau 1982, eq. 4): the square of W2, and the FID.

    mean: (d,), covariance: (d, d), symmetric and positive semidefinite up to rounding.
    """
    shift = mean - mean_ref
    traces = np.trace(covariance) + np.trace(covariance_ref)
    return float(shift @ shift + traces - 2 * trace_root(covariance, covariance_ref))


def trace_root(a: Matrix, b: Matrix) -> float:
    """tr (ab)^½ of two covariances: Σ √λ(LᵀbL) with a = LLᵀ, or with b = LLᵀ where a is singular.

    Where both are singular, the sum of the singular values of the product of their factors. The number of columns of a
    factor is the rank, so that no root of a rounding error enters the sum.
    """
    f = factor(a)
    if f.full:
        spectrum = f.spectrum(b)
        if spectrum[0] > len(a) * EPS * spectrum[-1] or factor(b).full:
            return root_sum(spectrum)
    g = factor(b)
    if g.full:
        return root_sum(f.spectrum(b))
    if f.full:
        return root_sum(g.spectrum(a))
    return float(np.linalg.svd(f.columns().T @ g.columns(), compute_uv=False).sum())


class Factor(NamedTuple):
    """Pivoted Cholesky factor: a[order][:, order] = lower lowerᵀ, lower (d, rank).

    The norms of its columns decrease, which keeps small eigenvalues of `spectrum` accurate (Demmel & Veselić 1992, §3).
    """

    lower: Matrix
    order: NDArray[np.int64]

    @property
    def full(self) -> bool:
        return self.lower.shape[0] == self.lower.shape[1]

    def columns(self) -> Matrix:
        """F with FFᵀ = a."""
        f = np.empty_like(self.lower)
        f[self.order] = self.lower
        return f

    def spectrum(self, b: Matrix) -> Matrix:
        """The eigenvalues of FᵀbF in increasing order: the non-zero ones are those of ab."""
        from scipy.linalg.lapack import dsygst

        b = b[np.ix_(self.order, self.order)]
        product = dsygst(b, self.lower, itype=2, lower=1)[0] if self.full else self.lower.T @ b @ self.lower
        return np.asarray(np.linalg.eigvalsh(product, UPLO="L"), dtype=np.float64)


def factor(a: Matrix) -> Factor:
    """The factor of a covariance by LAPACK's pstrf with its default tolerance, d·ε·max diagonal."""
    from scipy.linalg.lapack import dpstrf

    lower, pivots, rank, _ = dpstrf(a, lower=1)
    return Factor(np.tril(lower[:, :rank]), pivots.astype(np.int64) - 1)


def root_sum(spectrum: Matrix) -> float:
    return float(np.sqrt(np.clip(spectrum, 0, None)).sum())


class Moments:
    """Count, sum and outer products of vectors in float64: a running mean and covariance with an exact merge.

    The first vector is subtracted from all, so that a large common offset costs no precision.
    """

    def __init__(self, dim: int) -> None:
        self.n = 0
        self.origin = np.zeros(dim)
        self.total = np.zeros(dim)
        self.outer = np.zeros((dim, dim))

    def place(self, vectors: NDArray[Any]) -> None:
        """Make the first of these vectors the origin, unless there is one already."""
        if not self.n and not self.origin.any() and len(vectors):
            self.origin = np.array(vectors[0], dtype=np.float64)

    def update(self, vectors: NDArray[Any]) -> None:
        """vectors: (n, dim)."""
        self.place(vectors)
        centred = np.asarray(vectors, dtype=np.float64) - self.origin
        self.n += len(centred)
        self.total += centred.sum(0)
        self.outer += centred.T @ centred

    def merge(self, other: Moments) -> None:
        if not self.n:
            self.origin = other.origin.copy()
        shift = other.origin - self.origin
        self.outer += other.outer
        if shift.any():
            cross = np.outer(other.total, shift)
            self.outer += cross + cross.T + other.n * np.outer(shift, shift)
        self.total += other.total + other.n * shift
        self.n += other.n

    @property
    def mean(self) -> Matrix:
        return self.origin + self.total / self.n

    @property
    def covariance(self) -> Matrix:
        """Unbiased, with divisor n − 1."""
        return (self.outer - np.outer(self.total, self.total) / self.n) / (self.n - 1)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"n": np.array(self.n), "origin": self.origin, "total": self.total, "outer": self.outer}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.n = int(state["n"])
        self.origin, self.total, self.outer = (np.array(state[k]) for k in ("origin", "total", "outer"))


def merged_moments(parts: Sequence[Moments]) -> Moments:
    """The moments of the union of disjoint parts, which are not changed."""
    union = Moments(len(parts[0].total))
    for moments in parts:
        union.merge(moments)
    return union


def gaussian_w2(mean: Matrix, covariance: Matrix, mean_ref: Matrix, root_ref: Matrix) -> float:
    """W2 between N(mean, covariance) and N(mean_ref, root_ref²), root_ref symmetric."""
    return float(np.sqrt(max(frechet_distance(mean, covariance, mean_ref, root_ref @ root_ref), 0.0)))
