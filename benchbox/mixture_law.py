"""Mixtures of Gaussians in a common eigenbasis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MixtureLaw:
    """Σ w_k N(m_k, Q diag(λ_k) Qᵀ): weights (K,), means (K, d), spectra λ (K, d), basis Q (d, d); None is the identity.

    One Gaussian is a mixture of one.
    """

    weights: FloatArray
    means: FloatArray
    spectra: FloatArray
    basis: FloatArray | None = None
