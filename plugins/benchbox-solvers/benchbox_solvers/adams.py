"""Shared by multistep methods: the number of points of a step, and the weights of polynomials through them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox_solvers.types import Denoise

Array = NDArray[np.float64]
Variable = Callable[[Array], Any]
"""σ to the variable of a polynomial."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def orders(most: int, n_levels: int, lower_order_final: bool = False) -> list[int]:
    """The order of each interval: at most the number of evaluations so far, including that at its start.

    With lower_order_final also at most the number of remaining steps, including the driver's final denoise.
    """
    remaining = [n_levels - i if lower_order_final else most for i in range(n_levels - 1)]
    return [min(most, i + 1, end) for i, end in enumerate(remaining)]


def lagrange(points: Array, at: Array) -> Array:
    """The Lagrange polynomials of n points, evaluated at m places, (n, m)."""
    rows = []
    for j, point in enumerate(points):
        others = np.delete(points, j)
        rows.append(np.prod((at - others[:, None]) / (point - others[:, None]), axis=0))
    return np.array(rows)


def gauss(start: float, end: float) -> tuple[Array, Array]:
    """Nodes and weights of the Gauss–Legendre rule on an interval."""
    half = (end - start) / 2
    return start + half * (NODES + 1), half * WEIGHTS


def adams_bashforth(past: Sequence[float], sigma_next: float, variable: Variable) -> list[float]:
    """∫ l_j(v(σ)) dσ from past[0] to sigma_next, for the Lagrange polynomials l_j in v through the past levels.

    The integration variable is ln σ, in which all variables in use are smooth over many decades.
    """
    nodes, weights = gauss(np.log(past[0]), np.log(sigma_next))
    sigma = np.exp(nodes)
    basis = lagrange(np.asarray(variable(np.array(past))), np.asarray(variable(sigma)))
    return [float(w) for w in basis @ (weights * sigma)]


def multistep(
    denoise: Denoise,
    x: Tensor,
    sigmas: Sequence[float],
    order: Sequence[int],
    weights: Callable[[Sequence[float], float], Sequence[float]],
) -> Iterator[Tensor]:
    """x ← x + Σ w_j ε̂_j along the levels; weights(past levels, newest first; next level) is for one interval."""
    past: deque[Tensor] = deque(maxlen=max(order, default=1))
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        past.appendleft((x - denoise(x, sigma)) / sigma)
        for w, e in zip(weights(sigmas[i::-1][: order[i]], sigma_next), past, strict=False):
            x = x.add(e, alpha=w)
        yield x
