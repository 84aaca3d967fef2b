"""The conformance suite on every sampler: law, order, conduct. All but a few are left out unless asked for: -m ''."""

from __future__ import annotations

import pytest
from benchbox_solvers import benchbox_samplers

import benchbox
from benchbox import Sampler
from benchbox.testing import check_sampler

QUICK = {"dpm-solver++2m", "unipc", "dpm-solver++sde"}
SAMPLERS = benchbox_samplers()


@pytest.mark.parametrize(
    "cls",
    [pytest.param(cls, id=cls.name, marks=[] if cls.name in QUICK else pytest.mark.slow) for cls in SAMPLERS],
)
def test_conformance(cls: type[Sampler]) -> None:
    check_sampler(cls)


@pytest.mark.parametrize("cls", SAMPLERS, ids=lambda cls: cls.name)
def test_every_budget(cls: type[Sampler]) -> None:
    """Installed under its names; the evaluations planned for a budget are the most that fit."""
    sampler = cls()
    for name in (cls.name, *cls.aliases):
        assert type(benchbox.get("sampler", name)) is cls
    for nfe in range(61):
        n = sampler.levels(nfe)
        assert sampler.evals(n) <= nfe < sampler.evals(n + 1)
