"""Packages: when they are imported, what they may do meanwhile, and how they may name their plugins."""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Command, Install

from benchbox import discovery
from benchbox.errors import UsageError
from benchbox.registry import Registry, Source, registry

SAMPLER = '''
import builtins
builtins.imported.append(__name__)
from dataclasses import dataclass
from benchbox import Sampler, hookimpl

@dataclass(frozen=True)
class Plugin(Sampler):
    """A sampler that works."""
    name = "NAME"
    gain: float = 1.0
    scale: float = float("inf")

    def __call__(self, denoise, x, grid, noise):
        for sigma, sigma_next in zip(grid.sigmas[:-1], grid.sigmas[1:]):
            x = denoise(x, sigma).lerp(x, self.gain * sigma_next / sigma)
            yield x

@hookimpl
def benchbox_samplers():
    return [Plugin]
'''


def sampler(name: str) -> str:
    return SAMPLER.replace("NAME", name)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The modules that were imported, in this order."""
    names: list[str] = []
    monkeypatch.setattr(builtins, "imported", names, raising=False)
    yield names
    forget()


def forget() -> None:
    """Let the modules of these tests be imported again."""
    for name in [n for n in sys.modules if n.startswith("made_")]:
        del sys.modules[name]


@pytest.fixture
def afresh(imported: list[str]) -> Callable[[], Registry]:
    """A function that gives the registry as a new process would make it."""

    def make() -> Registry:
        forget()
        imported.clear()
        importlib.invalidate_caches()
        registry.cache_clear()
        return registry()

    return make


def source(module: str) -> Source:
    (found,) = [s for s in registry().sources if s.module == module]
    return found


def test_help_imports_no_package_and_a_list_imports_each_once(
    benchbox: Command, installed: Install, imported: list[str]
) -> None:
    for i in range(50):
        installed(f"made-{i}", f"made_{i}", sampler(f"one-{i}"))
    assert benchbox("--help").status == benchbox("run", "--help").status == 0
    assert imported == []
    assert {f"one-{i}" for i in range(50)} < {s["name"] for s in json.loads(benchbox("list", "samplers", "--json").out)}
    benchbox("info", "one-7")
    benchbox("list", "plugins")
    assert sorted(imported) == sorted(f"made_{i}" for i in range(50))


def test_of_the_built_ins_only_the_kind_that_is_asked_for_is_imported() -> None:
    plugins = Registry(only="off")
    assert "heun" in plugins.names("sampler")
    assert [source.kind for source in plugins._sources if source.import_s is not None] == ["sampler"]


def test_a_default_that_json_cannot_hold_is_given_as_text(installed: Install, imported: list[str]) -> None:
    installed("made-one", "made_one", sampler("one"))
    assert registry().defaults("sampler", "one") == {"gain": 1.0, "scale": "inf"}


def test_a_plugin_whose_package_lacks_something_is_there_once_it_is_installed(
    installed: Install, afresh: Callable[[], Registry]
) -> None:
    installed("made-one", "made_one", sampler("one").replace("import builtins", "import made_other, builtins", 1))
    assert "made_other" in source("made_one").problems[0]
    Path(sys.path[0], "made_other.py").touch()
    assert "one" in afresh().names("sampler")
    assert not source("made_one").problems


def test_a_module_without_a_hook_is_a_problem(installed: Install, imported: list[str]) -> None:
    installed("made-one", "made_one", sampler("one").replace("@hookimpl", ""))
    assert source("made_one").problems == ["offers nothing: no function in it is marked with @hookimpl"]


# versions of the contract


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ('benchbox_contract = ">=1,<2"', None),
        ('benchbox_contract: str = ">=1"', None),
        ('benchbox_contract = ">=2"', "is made for contract >=2 and this benchbox has contract 1: upgrade one of them"),
        ('benchbox_contract = "<1"', "is made for contract <1 and this benchbox has contract 1: upgrade one of them"),
        ('benchbox_contract = "two"', "benchbox_contract = 'two' is not a range of versions"),
        ('R = ">=1"\nbenchbox_contract = R', "benchbox_contract = 'R' is not a range of versions"),
        ("benchbox_contract = 2", "benchbox_contract = 2 is not a range of versions"),
    ],
)
@pytest.mark.parametrize("module", ["made_one", "made_one.inner", "made_one.inner.deep"])
def test_a_package_may_state_the_contract_that_it_supports(
    installed: Install, imported: list[str], stated: str, problem: str | None, module: str
) -> None:
    path = Path(sys.path[0], *module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{stated}\n{sampler('one')}")
    installed("made-one", module, None)
    assert ("one" in registry().names("sampler")) == (problem is None)
    if problem:
        assert [p[: len(problem)] for p in source(module).problems] == [problem]
        assert imported == [], "another contract's module is not even imported"


# what a package may do while it is imported


def test_a_long_import_is_remarked_on_and_is_no_problem(
    benchbox: Command, installed: Install, monkeypatch: pytest.MonkeyPatch, imported: list[str]
) -> None:
    installed("made-one", "made_one", sampler("one"))
    monkeypatch.setattr(discovery, "SLOW", -1.0)
    (said,) = (s for s in json.loads(benchbox("list", "plugins", "--json").out) if s["package"] == "made-one")
    assert said["problems"] == []
    assert said["notes"] == [f"takes {said['import_s']:.1f} s to import"]
    assert "s to import" in benchbox("list", "plugins").out


def test_what_a_package_prints_while_it_is_imported_is_not_in_the_output(
    benchbox: Command, installed: Install, imported: list[str]
) -> None:
    installed("made-one", "made_one", "print('welcome')" + sampler("one"))
    done = benchbox("list", "samplers", "--json")
    assert "one" in {s["name"] for s in json.loads(done.out)}
    assert "welcome" in done.err


def test_metadata_that_cannot_be_read_stop_nothing(
    installed: Install, imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Path(sys.path[0])
    for name, entries in (
        ("bad_entries", "[benchbox]\nnonsense"),
        ("made_bare", "[benchbox]\nmade_bare = made_bare\n"),
    ):
        (site / f"{name}-1.0.dist-info").mkdir()
        (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(entries)
    (site / "made_bare.py").write_text(sampler("bare"))
    installed("made-one", "made_one", sampler("one"))
    monkeypatch.delenv("BENCHBOX_PLUGINS")
    assert {"bare", "one"} <= set(registry().names("sampler"))


# names


@pytest.mark.parametrize("name", ["dpm-solver++2m", "other:Thing", "other:Thing.v2", "o:T+x"])
def test_a_name_may_have_a_prefix_and_a_plus(
    benchbox: Command, installed: Install, imported: list[str], name: str
) -> None:
    installed("made-one", "made_one", sampler(name))
    arguments = ("--nfe", "5", "--model", "gaussian", "--samples", "4", "--set", f"{name}.gain=0.5")
    done = benchbox("run", "--sampler", f"heun,{name}", *arguments, "--no-isolate")
    assert done.status == 0
    assert f"{name} gain=0.5" in done.out
    assert f"sampler {name} (made-one 1.0)" in benchbox("info", name).out


@pytest.mark.parametrize("name", ["a:b:c", "a:", ":b", "a.b", "a b", "a,b", "a=b", ""])
def test_a_name_that_a_command_line_cannot_give_is_a_problem(
    installed: Install, imported: list[str], name: str
) -> None:
    installed("made-one", "made_one", sampler(name))
    assert f"is named {name!r}" in source("made_one").problems[0]


@pytest.mark.parametrize("aliases", ['"other"', "None", "3"])
def test_aliases_that_are_no_tuple_are_a_problem(installed: Install, imported: list[str], aliases: str) -> None:
    installed("made-one", "made_one", sampler("one").replace('name = "one"', f'name = "one"; aliases = {aliases}'))
    assert "sampler one has the aliases" in source("made_one").problems[0]


def test_a_default_that_no_row_can_hold_is_a_problem(installed: Install, imported: list[str]) -> None:
    installed("made-one", "made_one", sampler("one").replace("gain: float = 1.0", "gain: object = object"))
    assert "one: the default of an option is not a plain value (TypeError" in source("made_one").problems[0]


def test_a_name_offered_twice_by_one_package_is_an_error(installed: Install, imported: list[str]) -> None:
    installed("made-one", "made_one", sampler("one").replace("[Plugin]", "[Plugin, Plugin]"))
    with pytest.raises(UsageError, match="offered by made-one and by made-one"):
        registry().get("sampler", "one")


def test_an_unknown_name_says_which_packages_cannot_be_used(installed: Install, imported: list[str]) -> None:
    installed("made-one", "made_one", "import nothing_of_that_name")
    with pytest.raises(UsageError, match=r"^made-one cannot be used \(benchbox list plugins says why\), and unknown"):
        registry().find("sampler", "zzz")
    with pytest.raises(UsageError, match=r"^unknown sampler 'huen': did you mean heun"):
        registry().find("sampler", "huen")
