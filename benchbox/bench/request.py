"""A sweep as the user asks for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from benchbox.bench.cell import DTYPES
from benchbox.bench.saver import Saver
from benchbox.bench.settings import Setting
from benchbox.commas import MOST_NUMBERS
from benchbox.errors import UsageError, unknown
from benchbox.guidance import Guidance
from benchbox.problem import Problem

DEFAULT_MODEL = "mnist-edm"


ALLOWED_WORDS: dict[str, Collection[str]] = {
    "dtype": DTYPES, "final": ("denoise", "none"), "nfe_policy": ("floor", "exact", "skip"),
    "nfe_of": ("network", "denoiser"),
}  # fmt: skip
"""The valid words of a request."""


@dataclass(frozen=True)
class Request:
    """A sweep as the user asks for it: names, budgets and settings. The sweep is the product of all lists."""

    samplers: Sequence[str]
    nfe: Sequence[int] = ()
    models: Sequence[str] = (DEFAULT_MODEL,)
    schedules: Sequence[str] = ()
    grids: Sequence[str] = ()
    metrics: Sequence[str] | None = None
    n_samples: int = 1000
    batch_size: int = 64
    seeds: Sequence[int] = (0,)
    device: str = "cpu"
    dtype: str = "float32"
    settings: Sequence[Setting] = ()
    nfe_policy: str = "floor"
    final: str = "denoise"
    noise_block: int = 16  # `benchbox.noise.BLOCK`, whose module imports torch
    noise_device: str | None = None
    save: Saver | None = None
    guidances: Sequence[str | Guidance] = ()
    nfe_of: str = "network"
    problems: Sequence[str | Problem] = ()
    measurements: int = 1
    compile: bool = False
    channels_last: bool = False

    def check(self) -> None:
        """UsageError for a number or a word that is not valid."""
        for field in ("n_samples", "batch_size", "noise_block", "measurements"):
            if getattr(self, field) < 1:
                raise UsageError(f"{field} is {getattr(self, field)}: it must be at least 1.")
        if self.measurements > 1 and not self.problems:
            raise UsageError(f"measurements is {self.measurements}, and there is no inverse problem: give --problem.")
        if self.n_samples < self.measurements:
            raise UsageError(
                f"{self.n_samples} samples are too few for {self.measurements} measurements: give at least one each."
            )
        for nfe in self.nfe:
            if nfe != int(nfe) or nfe > MOST_NUMBERS:
                raise UsageError(f"an NFE of {nfe} is not valid: give an integer of at most {MOST_NUMBERS}.")
        for seed in self.seeds:
            if not 0 <= seed < 2**63:
                raise UsageError(f"seed {seed} is not valid: give an integer from 0 to 2**63 − 1.")
        for field, valid in ALLOWED_WORDS.items():
            if (word := getattr(self, field)) not in valid:
                raise unknown(field, str(word), valid)
