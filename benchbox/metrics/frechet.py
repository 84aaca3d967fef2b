"""The Fréchet distance between Gaussians in float64, exact for singular covariances, too."""

from __future__ import annotations

from typing import NamedTuple

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
