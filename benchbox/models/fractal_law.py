"""The law of the fractal mixture: two trees of Gaussians, grown by the generator and the constants of the authors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchbox.models.analytic import FloatVector

if TYPE_CHECKING:
    pass


DEPTH, PER_BRANCH = 7, 8


ORIGIN, FRACTAL_SCALE = np.array([0.0030, 0.0325]), np.array([1.3136, 1.3844])


ANGLES = (np.pi / 4, 5 * np.pi / 4)
"""The direction of the trunk of each class."""


class Component(NamedTuple):
    """A Gaussian component."""

    label: int
    weight: float
    mean: FloatVector
    covariance: FloatVector


class ClassMixture(NamedTuple):
    """The components of both classes: labels and weights (K,), means (K, 2), covariances and their eigenvectors
    (K, 2, 2) and eigenvalues (K, 2)."""

    labels: NDArray[np.int64]
    weights: FloatVector
    means: FloatVector
    covariances: FloatVector
    axes: FloatVector
    variances: FloatVector


@lru_cache
def fractal() -> ClassMixture:
    """The law, the same at every call."""
    rng = np.random.RandomState(2)  # the authors' generator and seed, which fix the shape
    components = [
        component for label, angle in enumerate(ANGLES) for component in branches(rng, label, 0, ORIGIN, angle)
    ]
    classes, weights, means, covariances = (np.array(column) for column in zip(*components, strict=True))
    variances, axes = np.linalg.eigh(covariances)
    return ClassMixture(classes, weights / weights.sum(), means, covariances, axes, variances)


def branches(
    rng: np.random.RandomState, label: int, depth: int, start: FloatVector, angle: float
) -> Iterator[Component]:
    """The components of a branch and of all that grow from its end, two from each."""
    if depth == DEPTH:
        return
    along = np.array([np.cos(angle), np.sin(angle)])
    length = 0.292 * 0.8**depth * (1 + 0.2 * rng.randn())
    thickness, size = 0.2 * 0.8**depth / length, 0.06 * length * FRACTAL_SCALE
    line = np.outer(along, along)
    covariance = (line + thickness**2 * (np.eye(2) - line)) * np.outer(size, size)
    for t in np.linspace(0.07, 0.93, PER_BRANCH):
        yield Component(label, length * 0.5**depth, (start + t * length * along) * FRACTAL_SCALE, covariance)
    for sign in (1, -1):
        turn = sign * 0.7**depth * (1 + 0.2 * rng.randn())
        yield from branches(rng, label, depth + 1, start + length * along, angle + turn)
