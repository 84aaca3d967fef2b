"""One-token mutants of samplers: the rules reject those that change a sample; a seeded sample of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchbox import get
from benchbox.exact.equivalence import changes_samples
from benchbox.exact.mutants import Mutant, mutants_of, source_of
from benchbox.exact.mutation import mutated_sources
from benchbox.exact.mutation_score import first_fault, mutation_score

ALLOWED = 0.06
"""The share of mutants that may survive; benchmarks/mutants.py runs them all, and docs/certificates.md lists them."""

BUILT_IN = ("ancestral", "annealed-langevin", "ddim", "euler-maruyama", "heun", "ode", "pc")
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mutants.py"


def test_there_are_enough_of_every_kind() -> None:
    everyone = [m for name in BUILT_IN for m in mutants_of(get("sampler", name))]
    assert len(everyone) >= 100
    for kind in ("sigma  →  sigma_next", "randn_like", "setdefault", "add_", ")[1]", "manual_seed", "1  →  2", " - "):
        assert any(kind in m.change for m in everyone), kind
    assert len({m.source for m in everyone if m.original.name == "ddim"}) == len(mutants_of(get("sampler", "ddim")))


@pytest.mark.parametrize("name", ["ddim", "heun", "annealed-langevin"])
def test_a_seeded_sample_is_rejected(name: str) -> None:
    score = mutation_score(get("sampler", name), sample=8, seed=3, generic=False)
    assert score.counted >= 5
    assert not score.survivors, [str(m) for m in score.survivors]


def pick(sampler: str, change: str) -> Mutant:
    """The last of these mutants: earlier lines may belong to an option that exact models cannot have."""
    return [m for m in mutants_of(get("sampler", sampler)) if change in m.change][-1]


@pytest.mark.parametrize(
    ("sampler", "change", "rule"),
    [
        ("ddim", "(denoise(x, sigma), denoise(x, sigma))[1]", "evaluations"),
        ("ddim", "setdefault", "state"),
        ("ancestral", "manual_seed", "noise source"),
        ("annealed-langevin", "randn_like", "global generators"),
        ("ddim", "randn_like", "global generators"),
        ("heun", "manual_seed", "noise source"),
        ("annealed-langevin", "alpha / 2  →  alpha * 2", "local law (edm)"),
        ("pc", "sigma_next  →  sigma", "levels of evaluations (edm)"),
        ("pc", "ratio ** 2  →  ratio", "names of options"),
        ("dps", "self.zeta * frame  →  frame", "names of options"),
        ("ddrm", "self.eta * sigma_next  →  self.eta", "law of a point"),
        ("ddrm", "@ u / s  →  y.y.to(x).flatten(1) @ u", "law of a point"),
        ("ddrm", "→  d_bar - sigma_down", "law of a point"),
        ("ddrm", "y_std <= sigma  →", "law of a point"),
        ("dps", "(noise(sigma, sigma_next), noise(sigma, sigma_next))[1]", "draws"),
        ("repaint", "(noise(bottom, top), noise(bottom, top))[1]", "draws"),
        ("flow-map", "self.gamma ** 2  →  self.gamma", "names of options"),
    ],
)  # fmt: skip
def test_faults_are_seen_without_knowing_the_method(sampler: str, change: str, rule: str) -> None:
    """With the published formulas left out, the first rule that is broken is the right one."""
    found = first_fault(pick(sampler, change))
    assert found is not None
    assert found.name == rule, found


def test_functions_that_a_sampler_calls_are_its_source() -> None:
    lines = {m.line for m in mutants_of(get("sampler", "euler-maruyama"))}
    source = source_of("benchbox.samplers.euler_maruyama").splitlines()
    assert any("leggauss" in source[line - 1] for line in lines)  # in a function of the module
    assert not {m.module for m in mutants_of(get("sampler", "euler-maruyama"))} - {"benchbox.samplers.euler_maruyama"}


def test_a_docstring_is_no_mutant() -> None:
    source = 'def f(x):\n    """σ 1 + 2."""\n    return x + 1\n'
    assert sorted(change for _, change, _ in mutated_sources(source)) == ["1  →  2", "x + 1  →  x - 1"]


def test_only_the_functions_that_are_named_change() -> None:
    source = "def f(x):\n    return x + 1\n\nclass A:\n    def g(self, x):\n        return x * 3\n"
    assert {line for line, _, _ in mutated_sources(source, {"A.g"})} == {6}


def test_the_original_changes_nothing() -> None:
    for name in ("ddim", "dps"):
        sampler = get("sampler", name)
        original = Mutant(sampler, type(sampler).__module__, 0, "nothing", source_of(type(sampler).__module__))
        assert not changes_samples(original)
        assert first_fault(original, generic=False) is None


@pytest.mark.parametrize(("weight", "changes"), [("-sigma_up", False), ("2 * sigma_up", True)])
def test_noise_of_the_other_sign_is_no_fault(weight: str, changes: bool) -> None:
    sampler = get("sampler", "ddim")
    module = type(sampler).__module__
    source = source_of(module)
    assert "alpha=sigma_up" in source
    mutant = Mutant(sampler, module, 0, weight, source.replace("alpha=sigma_up", f"alpha={weight}"))
    assert changes_samples(mutant) == changes


def test_the_script_explains_itself_and_runs_nothing() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert "usage:" in done.stdout
    assert "--generic" in done.stdout
