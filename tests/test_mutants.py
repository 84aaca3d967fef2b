"""Two dozen one-token mutants of the built-in samplers, by seed: the suite rejects those that change a sample."""

from __future__ import annotations

import pytest

from benchbox import get
from benchbox.exact.mutants import Mutant, changed, mutants, of_source, seeded, verdict

ALLOWED = 0.03
"""The share of mutants that may survive; benchbox.exact.mutants runs them all, and docs/certificates.md lists them."""


def test_there_are_enough_of_every_kind() -> None:
    everyone = list(mutants())
    assert len(everyone) >= 100
    assert {m.sampler for m in everyone} == {
        "ancestral",
        "annealed-langevin",
        "ddim",
        "euler-maruyama",
        "heun",
        "ode",
        "pc",
    }
    for kind in ("sigma  →  sigma_next", "randn_like", "setdefault", "add_", ")[1]", "manual_seed", "1  →  2", " - "):
        assert any(kind in m.change for m in everyone), kind
    assert len({m.source for m in everyone if m.sampler == "ddim"}) == sum(m.sampler == "ddim" for m in everyone)


def test_two_dozen_are_rejected() -> None:
    chosen = [m for m in seeded(24, seed=3) if changed(m)]
    assert len(chosen) >= 18
    survivors = [m for m in chosen if verdict(m) is None]
    assert len(survivors) <= ALLOWED * len(chosen), [str(m) for m in survivors]


def pick(sampler: str, change: str) -> Mutant:
    return next(m for m in mutants() if m.sampler == sampler and change in m.change)


@pytest.mark.parametrize(
    ("sampler", "change", "rule"),
    [
        ("ddim", "(denoise(x, sigma), denoise(x, sigma))[1]", "evaluations"),
        ("ddim", "setdefault", "state"),
        ("ancestral", "manual_seed", "noise source"),
        ("annealed-langevin", "randn_like", "global generators"),
        ("heun", "2 * sigma_next - sigma_hat  →  2 * sigma_next + sigma_hat", "levels"),
    ],
)  # fmt: skip
def test_faults_are_seen_without_knowing_the_method(sampler: str, change: str, rule: str) -> None:
    """With the published formulas left out, the first rule that is broken is the right one."""
    found = verdict(pick(sampler, change), generic=True)
    assert found is not None
    assert found.name == rule, found


def test_a_comment_is_no_mutant() -> None:
    source = 'def f(x):\n    """σ 1 + 2."""\n    return x + 1\n'
    assert sorted(m.change for m in of_source("ddim", source)) == ["1  →  2", "x + 1  →  x - 1"]


def test_the_original_changes_nothing() -> None:
    import inspect

    cls = type(get("sampler", "heun"))
    source = inspect.getsource(__import__(cls.__module__, fromlist=["x"]))
    original = Mutant("heun", 0, "nothing", source)
    assert not changed(original)
    assert verdict(original) is None
