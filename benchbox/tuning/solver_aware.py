"""Levels by dynamic programming along the sampler's own states (OSS: Pei et al. 2025, arXiv:2503.21774, alg. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from torch import Tensor

from benchbox.denoiser import Denoiser
from benchbox.driver import mode
from benchbox.tuning.same_noise import SameNoise, Starts, levels_of

AWARE_SAMPLES = 16
"""Samples whose states are followed."""

EVERY = 2
"""Every second node of the fine solution may be a level."""


@dataclass(frozen=True)
class Prefix:
    """The best way found to a node: its nodes, D at all of them but the last, and the sampler's state at the last."""

    nodes: tuple[int, ...]
    denoised: tuple[Tensor, ...]
    state: Tensor


class Recorded:
    """A denoiser that repeats what was said before, in order."""

    def __init__(self, denoised: Sequence[Tensor]) -> None:
        self.denoised = iter(denoised)

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return next(self.denoised)


def solver_aware_levels(problem: SameNoise, n_levels: int) -> list[list[float]]:
    """Levels for 1, 2 … n_levels evaluations of a sampler with one evaluation at each of its levels.

    For each number of steps and each node, the prefix whose state is nearest to the fine solution there is kept, and
    each kept state costs one evaluation. Sampler and history are replayed for each next node, so a multistep sampler is
    followed exactly.
    """
    sampler, solution = problem.cell.sampler, problem.solution
    x, denoised = (tensor[::EVERY, :AWARE_SAMPLES] for tensor in solution.trajectories)
    sigmas, finished = solution.nodes[::EVERY], []
    denoise, z = next(solution.batches(solution.levels, min(AWARE_SAMPLES, problem.cell.batch_size)))
    x, denoised = x[:, : len(z)], denoised[:, : len(z)]
    prefixes = {0: Prefix((0,), (), x[0])}
    for k in range(1, n_levels + 1):
        best: dict[int, tuple[float, Prefix]] = {}
        ends = []
        for i, prefix in prefixes.items():
            with mode(sampler):
                known = (*prefix.denoised, denoise(prefix.state, sigmas[i]))
            ends.append((sample_distance(known[-1], denoised[-1]), prefix.nodes))
            for j in range(i + 1, len(sigmas)) if k < n_levels else ():
                nodes = (*prefix.nodes, j)
                state = replay(problem, known, z, [sigmas[node] for node in nodes], sigmas[j + 1 : j + 3])
                error = sample_distance(state, x[j])
                if j not in best or error < best[j][0]:
                    best[j] = error, Prefix(nodes, known, state)
        finished.append([sigmas[node] for node in min(ends)[1]])
        prefixes = {j: prefix for j, (_, prefix) in best.items()}
    return finished


def replay(
    problem: SameNoise, known: Sequence[Tensor], z: Tensor, sigmas: Sequence[float], following: Sequence[float]
) -> Tensor:
    """The sampler's state at the last of the levels, where D is known at all others.

    following: further levels, so that a sampler that lowers its order at the end does not do it here.
    """
    sampler = problem.cell.sampler
    levels = levels_of(problem.cell.schedule, [*sigmas, *following])
    with mode(sampler):
        start = z * levels.start_std
        steps = sampler(cast(Denoiser, Recorded(known)), start, levels, Starts(z, sampler.name))
        *_, state = islice(steps, len(known))
    return state


def sample_distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).double().square().mean())
