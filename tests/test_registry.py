"""The registry: who offers what, with every problem kept visible and none of them stopping the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import Install, Watcher
from sweeping import run_cells

import benchbox
from benchbox import builtins
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.errors import UsageError
from benchbox.executors.local import Local
from benchbox.hookspecs import hookimpl
from benchbox.registry import BASES, DISTRIBUTION, Registry, Source, registry
from benchbox.samplers.ddim import DDIM
from benchbox.store.store import Store

HEAD = """
from dataclasses import dataclass
from benchbox import Sampler, hookimpl
"""

GOOD = (
    HEAD
    + '''
@dataclass(frozen=True)
class Good(Sampler):
    """A sampler that works."""
    name = "good"
    aliases = ("fine",)
    gain: float = 1.0

    def __call__(self, denoise, x, grid, noise):
        for sigma, sigma_next in zip(grid.sigmas[:-1], grid.sigmas[1:]):
            x = denoise(x, sigma).lerp(x, sigma_next / sigma)
            yield x

@hookimpl
def benchbox_samplers():
    return [Good]
'''
)

EXAMPLE = '''from dataclasses import dataclass
from itertools import pairwise
from benchbox import Sampler, hookimpl

@dataclass(frozen=True)
class Euler(Sampler):
    """Euler's method on dx/dσ (DDIM with η = 0; Song et al. 2021, eq. 13)."""

    name = "my-euler"        # the id on the command line
    order = 1                # claimed order of convergence (None: claims none); checked
    evals_per_step = 1       # evaluations per interval; counted
    gain: float = 1.0        # an annotated field is an option: --set gain=0.5

    def __call__(self, denoise, x, grid, noise):
        for sigma, sigma_next in pairwise(grid.sigmas):
            d = (x - denoise(x, sigma)) / sigma
            x = x + self.gain * (sigma_next - sigma) * d
            yield x

@hookimpl
def benchbox_samplers():
    return [Euler]
'''
"""The example of a plugin in the architecture's contract, to the letter."""

BROKEN = {
    "import error": ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
    "exit at import": ("raise SystemExit(3)", "cannot be imported: SystemExit"),
    "syntax error": ("def", "cannot be imported: SyntaxError"),
    "hook raises": (HEAD + "@hookimpl\ndef benchbox_samplers(): raise RuntimeError('no')", "failed: RuntimeError: no"),
    "hook exits": (HEAD + "@hookimpl\ndef benchbox_samplers(): raise SystemExit", "benchbox_samplers failed"),
    "hook returns no list": (HEAD + "@hookimpl\ndef benchbox_samplers(): return 3", "failed: TypeError"),
    "hook misspelt": (HEAD + "@hookimpl\ndef benchbox_sampler(): return []", "unknown hook 'benchbox_sampler'"),
    "hook of other arguments": (HEAD + "@hookimpl\ndef benchbox_samplers(extra): return []", "extra"),
    "another type": (HEAD + "@hookimpl\ndef benchbox_samplers(): return [int]", "not a subclass of Sampler"),
    "an instance": (GOOD.replace("[Good]", "[Good()]"), "not a subclass of Sampler"),
    "not frozen": (GOOD.replace("frozen=True", ""), "not a frozen dataclass"),
    "no dataclass": (GOOD.replace("@dataclass(frozen=True)\n", ""), "not a frozen dataclass"),
    "no name": (GOOD.replace('name = "good"', ""), "has no name"),
    "a name for no shell": (GOOD.replace('"good"', '"go,od"'), "only letters"),
    "no __call__": (GOOD.replace("def __call__", "def call"), "lacks __call__"),
    "an unknown type": (GOOD.replace("gain: float", "gain: 'Nothing'"), "cannot be read (NameError"),
    "an annotated name": (GOOD.replace('name = "good"', 'name: str = "good"'), "annotates name"),
    "annotated evaluations": (GOOD.replace("gain: float = 1.0", "evals_per_step: int = 2"), "annotates evals_per_step"),
}


def source(module: str) -> Source:
    (found,) = [s for s in registry().sources if s.module == module]
    return found


def test_the_built_ins_enter_through_the_public_hooks() -> None:
    loaded = Registry(only="off")
    assert [s.module for s in loaded.sources] == [f"benchbox.{kind}s" for kind in BASES]
    assert not [p for s in loaded.sources for p in s.problems]
    checked = Source("benchbox.builtins", DISTRIBUTION, "1", lambda: builtins)  # as the module of any package is
    checked.read()
    assert not checked.problems
    assert checked.offers == [offer for source in loaded.sources for offer in source.offers]
    assert loaded.find("sampler", "ddim").cls is DDIM
    assert loaded.find("sampler", "ddim").package == DISTRIBUTION


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("sampler", "ancestral ddim euler-maruyama pc heun annealed-langevin ode"),
        ("schedule", "ddpm cosine vp subvp ve brownian edm flow"),
        ("grid", "uniform quadratic logsnr karras leading trailing"),
        ("model", "gaussian mixture empirical"),
    ],
)
def test_the_names_of_the_contract_are_there(kind: str, names: str) -> None:
    assert set(names.split()) <= set(Registry(only="off").names(kind))


@pytest.mark.parametrize(
    ("alias", "name"),
    [("ddpm", "ancestral"), ("em", "euler-maruyama"), ("pc-langevin", "pc"), ("ald", "annealed-langevin")],
)
def test_the_aliases_of_the_contract_mean_their_samplers(alias: str, name: str) -> None:
    assert benchbox.get("sampler", alias) == benchbox.get("sampler", name)


def test_a_package_is_loaded_and_named_with_its_version(installed: Install) -> None:
    installed("good-samplers", "good_samplers", GOOD, version="2.5")
    assert source("good_samplers").offers == ["sampler good"]
    offer = registry().find("sampler", "fine")
    assert (offer.package, offer.version) == ("good-samplers", "2.5")


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_package_is_a_visible_problem_that_stops_nothing_else(installed: Install, what: str) -> None:
    code, problem = BROKEN[what]
    installed("a-bad-one", "a_bad_one", code)
    installed("good-samplers", "good_samplers", GOOD)
    (said,) = source("a_bad_one").problems
    assert problem in said
    assert "\n" not in said
    assert source("a_bad_one").offers == []
    assert not source("good_samplers").problems
    assert benchbox.sample("good", "gaussian", 3, 2).shape == (2, 4)
    assert benchbox.sample("heun", "gaussian", 3, 2).shape == (2, 4)


def test_one_bad_class_does_not_take_its_package_down(installed: Install) -> None:
    installed("half", "half", GOOD.replace("[Good]", "[int, Good]"))
    assert len(source("half").problems) == 1
    assert registry().find("sampler", "good").package == "half"


def test_a_name_offered_twice_is_an_error_that_names_both_packages(installed: Install) -> None:
    installed("one-package", "one_package", GOOD)
    installed("other-package", "other_package", GOOD)
    with pytest.raises(UsageError) as error:
        benchbox.get("sampler", "good")
    assert "one-package" in str(error.value)
    assert "other-package" in str(error.value)
    for module in ("one_package", "other_package"):
        (problem,) = source(module).problems
        assert "one-package and by other-package" in problem
    assert benchbox.get("sampler", "heun").name == "heun"


def test_a_built_in_name_cannot_be_taken(installed: Install) -> None:
    installed("taker", "taker", GOOD.replace('"good"', '"heun"'))
    with pytest.raises(UsageError, match=f"{DISTRIBUTION} and by taker"):
        benchbox.get("sampler", "heun")


def test_an_alias_of_two_plugins_names_both(installed: Install) -> None:
    installed("one-package", "one_package", GOOD)
    installed("other-package", "other_package", GOOD.replace('"good"', '"better"'))
    with pytest.raises(UsageError, match=r"'fine' is an alias of better and of good"):
        benchbox.get("sampler", "fine")
    assert benchbox.get("sampler", "better").name == "better"


def test_a_name_clash_can_be_settled_by_pinning(installed: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    installed("one-package", "one_package", GOOD)
    installed("other-package", "other_package", GOOD)
    monkeypatch.setenv("BENCHBOX_PLUGINS", "Other_Package")
    registry.cache_clear()
    assert registry().find("sampler", "good").package == "other-package"


@pytest.mark.parametrize(
    ("value", "loaded"),
    [("off", set()), ("", {"a_mod", "b_mod"}), ("a-dist", {"a_mod"}), ("b_mod, a-dist", {"a_mod", "b_mod"})],
)
def test_the_environment_pins_what_is_loaded(
    installed: Install, monkeypatch: pytest.MonkeyPatch, value: str, loaded: set[str]
) -> None:
    installed("a-dist", "a_mod", GOOD)
    installed("b-dist", "b_mod", GOOD.replace('"good"', '"better"').replace('("fine",)', "()"))
    monkeypatch.setenv("BENCHBOX_PLUGINS", value)
    registry.cache_clear()
    assert {s.module for s in registry().sources} & {"a_mod", "b_mod"} == loaded


def test_a_pinned_package_that_is_not_installed_is_visible(installed: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    installed("a-dist", "a_mod", GOOD)
    monkeypatch.setenv("BENCHBOX_PLUGINS", "a-dist,nowhere")
    registry.cache_clear()
    assert source("nowhere").problems == ["BENCHBOX_PLUGINS names it, and it is not installed"]


def test_an_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(UsageError, match="unknown sampler 'huen': did you mean heun"):
        benchbox.get("sampler", "huen")
    with pytest.raises(
        UsageError, match="unknown grid 'xyzw': there is exponential, file, karras, karras-open, leading"
    ):
        benchbox.get("grid", "xyzw")


def test_a_registry_can_be_given_plugins_in_a_test() -> None:
    """The hooks are the only way in: a module with a hook implementation is all that a plugin is."""

    class Module:
        @staticmethod
        @hookimpl
        def benchbox_samplers() -> list[type]:
            return [DDIM]

    loaded = Registry(only="off")
    loaded.add(Source("mine", "mine", "1", lambda: Module))
    assert [o.package for o in loaded.offers("sampler", "ddim")] == [DISTRIBUTION, "mine"]


# the contract's example


def test_the_example_of_the_contract_runs_as_it_is(installed: Install, tmp_path: Path) -> None:
    installed("benchbox-my-euler", "my_euler", EXAMPLE)
    made = benchbox.sample("my-euler", "gaussian", 9, 8, dtype="float64")
    assert torch.allclose(made, benchbox.sample("ddim", "gaussian", 9, 8, dtype="float64"), rtol=1e-10)
    settings = [Setting(None, "gain", ["0.5", "1"])]
    cells = expand(Request(["my-euler"], [4], ["gaussian"], n_samples=8, settings=settings))
    rows = list(run_cells(cells, Store(tmp_path), Local(), Watcher()))
    assert [(r["status"], r["nfe"], r["steps"], r["sampler_package"]) for r in rows] == [
        ("done", 4.0, 3, "benchbox-my-euler"),
        ("done", 4.0, 3, "benchbox-my-euler"),
    ]
    assert [r["sampler_options"] for r in rows] == ['{"gain": 0.5}', '{"gain": 1.0}']
    assert benchbox.load_results(str(tmp_path))["w2"].notna().all()
