"""The published table of W2 errors on the Gaussian fitted to CIFAR-10 (Pierret & Galerne, ICML 2025), run anew."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError
from benchbox.exact.law import Law, noised, propagate, w2
from benchbox.grid import Levels
from benchbox.models.gaussian import Gaussian
from benchbox.registry import get
from benchbox.sampler import Sampler

TABLE = "published_w2_gaussian_cifar10.csv"
EIGENVALUES = "cifar10_gaussian_eigenvalues.npy"

ZERO = 1e-12
"""The t_min of the rows with ε = 0; EM and Euler never evaluate there."""

SCHEMES: dict[str, tuple[str, dict[str, object]]] = {
    "EM": ("euler-maruyama", {"kappa": 1.0, "frame": "vp"}),
    "Euler": ("euler-maruyama", {"kappa": 0.0, "frame": "vp"}),
    "Heun": ("ode", {"method": "heun2", "frame": "none"}),
    "RK4": ("ode", {"method": "rk4_classic", "frame": "none"}),
    "DDPM": ("euler-maruyama", {"integrator": "ancestral"}),
    "EI": ("euler-maruyama", {"integrator": "exponential"}),
}
"""Each scheme of the paper as a built-in sampler with options; the run's schedule, vp, is the frame."""


@dataclass(frozen=True)
class PublishedRow:
    """One published value: a scheme, the time ε at which it stops, what the table calls its NFE, its start."""

    scheme: str
    epsilon: float
    label: int
    start: str
    printed: str

    @property
    def points(self) -> int:
        """The time points that its authors' code runs on: as many as the label says, and for RK4 a quarter of them."""
        return self.label // 4 if self.scheme == "RK4" else self.label

    @property
    def digits(self) -> int:
        return len(self.printed.partition(".")[2])


@dataclass(frozen=True)
class PublishedResult:
    """A published value beside ours, and the evaluations that were really spent."""

    row: PublishedRow
    w2: float
    nfe: float

    @property
    def agrees(self) -> bool:
        """At the printed digits."""
        return f"{self.w2:.{self.row.digits}f}" == f"{float(self.row.printed):.{self.row.digits}f}"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self.row), "points": self.row.points, "here": self.w2, "nfe": self.nfe, "agrees": self.agrees}


def read_published(directory: Path) -> tuple[list[PublishedRow], Gaussian]:
    """The table and the model of a directory that holds both files. UsageError where one is missing."""
    for name in (TABLE, EIGENVALUES):
        if not (directory / name).is_file():
            raise UsageError(f"{directory} holds no {name}: see docs/certificates.md for where its authors publish it.")
    with open(directory / TABLE, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    rows = [PublishedRow(x["scheme"], float(x["epsilon"]), int(x["label_nfe"]), x["start"], x["w2"]) for x in lines]
    return rows, Gaussian(mean=(0.0,), eigenvalues=directory / EIGENVALUES)


def sampler_of(scheme: str) -> Sampler:
    """The built-in sampler of a scheme. UsageError for one that the paper does not have."""
    if scheme not in SCHEMES:
        raise UsageError(f"the scheme {scheme!r} is not known: there is {', '.join(SCHEMES)}.")
    name, options = SCHEMES[scheme]
    sampler: Sampler = get("sampler", name, **options)
    return sampler


def published_levels(row: PublishedRow) -> Levels:
    """Uniform times of the VP frame; N points are N − 1 intervals."""
    schedule = get("schedule", "vp", t_min=row.epsilon or ZERO)
    return Levels.cut(schedule, get("grid", "uniform"), row.points)


def rerun_published(
    rows: Iterable[PublishedRow], model: Gaussian, progress: Callable[[int, str], None] = lambda done, step: None
) -> Iterator[PublishedResult]:
    """Each row through the exact law of a black box; the two starts, p_T and N(0, I), share one propagation."""

    @lru_cache(maxsize=1)
    def law(scheme: str, epsilon: float, label: int) -> Law:
        row, before = PublishedRow(scheme, epsilon, label, "", ""), [0]

        def tick(done: int, total: int) -> None:
            progress(done - before[0], f"{scheme}, ε = {epsilon:g}, {row.points} points")
            before[0] = done

        return propagate(sampler_of(scheme), model, published_levels(row), tick=tick)

    for row in rows:
        exact, levels = law(row.scheme, row.epsilon, row.label), published_levels(row)
        start = noised(model, levels.sigmas[0]) if row.start == "p_T" else None
        mean, variance = exact.moments(start)
        s = levels.scales[-1]
        yield PublishedResult(row, w2((s * mean, s * s * variance), noised(model, 0)), exact.nfe)


def n_draws(rows: Iterable[PublishedRow]) -> int:
    """The draws, the start included, whose rows all propagations take: the length of a progress bar."""
    runs = {(r.scheme, r.epsilon, r.points) for r in rows}
    return sum(points if scheme in ("EM", "DDPM", "EI") else 1 for scheme, _, points in runs)
