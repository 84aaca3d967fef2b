"""Levels by dynamic programming over a cost matrix (GITS: Chen et al. 2024, arXiv:2405.11326, algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchbox.sampler import euler

CostMatrix = NDArray[np.float64]

GAMMAS = (1.0, 1.05, 1.1, 1.15, 1.2, 1.3)
"""Weights of later steps that are tried. GITS has 1.15 by default, and tries 0.8 to 1.2 for Stable Diffusion."""


def cost_matrix(sigmas: Sequence[float], x: Tensor, denoised: Tensor) -> CostMatrix:
    """The mean over samples of ‖x̂_j − x_j‖, x̂_j an Euler step from node i to node j, (nodes + 1, nodes + 1).

    x and denoised: (nodes, n, *shape), a fine solution and D of it. The last row and column stand for σ = 0, whose
    state is the last D. Only i < j is finite.
    """
    n = len(sigmas)
    cost = np.full((n + 1, n + 1), np.inf)
    states = torch.cat([x, denoised[-1:]])
    for i, sigma in enumerate(sigmas):
        for j, sigma_next in enumerate([*sigmas[i + 1 :], 0.0], i + 1):
            error = euler(denoised[i], x[i], sigma, sigma_next) - states[j]
            cost[i, j] = float(error.flatten(1).double().norm(dim=1).mean())
    return cost


def cheapest_paths(cost: CostMatrix, n_steps: int, gamma: float = 1.0) -> list[list[int]]:
    """The paths from the first to the last node of least cost with 1, 2 … n_steps steps.

    The cost of a path is V = c[i, j] + γ V(j …): V_k(i) = min_j c[i, j] + γ V_(k−1)(j), by one pass for all k. A path
    lists its nodes, both ends included.
    """
    values = np.full(len(cost), np.inf)
    values[-1] = 0.0
    following: list[NDArray[np.int64]] = []
    paths = []
    for _ in range(n_steps):
        totals = cost + gamma * values
        following.append(totals.argmin(1))
        values = totals.min(1)
        path = [0]
        for choice in reversed(following):
            path.append(int(choice[path[-1]]))
        paths.append(path)
    return paths
