"""Packages are imported only when something of theirs is needed, and what is remembered of them is never stale."""

from __future__ import annotations

import builtins
import importlib
import json
import os
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


@pytest.fixture
def fifty(installed: Install) -> None:
    for i in range(50):
        installed(f"made-{i}", f"made_{i}", sampler(f"one-{i}"))


@pytest.mark.usefixtures("fifty")
def test_of_fifty_packages_only_what_is_needed_is_imported(
    benchbox: Command, imported: list[str], afresh: Callable[[], Registry]
) -> None:
    assert benchbox("--help").status == benchbox("run", "--help").status == 0
    assert imported == []
    assert set(afresh().names("sampler")) > {f"one-{i}" for i in range(50)}
    assert len(imported) == 50, "never seen before"

    afresh()
    assert "one-49" in benchbox("list", "samplers").out
    assert len(json.loads(benchbox("list", "samplers", "--json").out)) > 50
    assert benchbox("info", "heun").status == 0
    arguments = ("--nfe", "5", "--model", "gaussian", "--samples", "4")
    assert benchbox("run", "--sampler", "heun", *arguments).status == 0
    assert benchbox("leaderboard").status == 0
    assert "unknown sampler 'one-50'" in benchbox("run", "--sampler", "one-50", *arguments).sentence
    assert imported == []

    assert benchbox("run", "--sampler", "one-7,heun", *arguments, "--no-isolate", "--set", "gain=0.9").status == 0
    assert "gain=0.9" in benchbox("leaderboard").out
    assert imported == ["made_7"]

    benchbox("list", "plugins")
    assert len(imported) == 50, "this command tells the truth of now"


def test_what_is_remembered_is_what_was_found(installed: Install, afresh: Callable[[], Registry]) -> None:
    installed("made-one", "made_one", sampler("one"))
    first = registry().offers("sampler", "one")[0]
    again = afresh().offers("sampler", "one")[0]
    assert again.listing == first.listing
    assert again.listing.usual == {"gain": 1.0, "scale": "inf"}
    assert again.cls.__name__ == "Plugin"


def test_an_edit_a_new_version_and_another_version_of_what_is_required_are_noticed(
    installed: Install, afresh: Callable[[], Registry], imported: list[str]
) -> None:
    installed("made-needed", "made_needed", sampler("needed"), "1.0")
    installed("made-one", "made_one", sampler("one"))
    info = Path(sys.path[0], "made_one-1.0.dist-info", "METADATA")
    info.write_text(info.read_text() + "Requires-Dist: made-needed>=1 ; extra == 'x'\n")
    afresh()
    afresh()
    assert "made_one" not in imported

    path = Path(sys.path[0], "made_one.py")
    path.write_text(sampler("two"))
    assert "two" in afresh().names("sampler")
    assert "one" not in registry().names("sampler")

    needed = Path(sys.path[0], "made_needed-1.0.dist-info", "METADATA")
    needed.write_text(needed.read_text().replace("1.0", "2.0"))
    afresh()
    assert "made_one" in imported

    info.write_text(info.read_text().replace("Version: 1.0", "Version: 1.1"))
    afresh()
    assert "made_one" in imported
    afresh()
    assert imported == []


@pytest.mark.parametrize("folder", ["", "deep"])
def test_a_file_of_a_package_is_noticed(installed: Install, afresh: Callable[[], Registry], folder: str) -> None:
    package = Path(sys.path[0], "made_pack")
    (package / folder).mkdir(parents=True)
    (package / "__init__.py").write_text("from made_pack.table import *")
    (package / "table.py").write_text(sampler("one"))
    (package / folder / "names.txt").write_text("")
    installed("made-pack", "made_pack", None)
    slots = [registry(), afresh()][1].sources[-1].slot
    (package / folder / "names.txt").write_text("more")
    afresh()
    assert source("made_pack").slot != slots


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", "{}", '{"state": 1, "plugins": []}', '{"state": "STATE"}',
        '{"state": "STATE", "plugins": 3}',
        '{"state": "STATE", "plugins": [{}]}', '{"state": "STATE", "plugins": [{"kind": "sampler"}]}',
        '{"state": "STATE", "plugins": [{"kind": "x", "name": "y", "aliases": [], "what": "", "options": []}]}',
        '{"state": "STATE", "plugins": [{"kind": "sampler", "name": 3, "aliases": [], "what": "", "options": []}]}',
        '{"state": "STATE", "plugins": [{"kind": "sampler", "name": "y", "aliases": 3, "what": "", "options": [{}]}]}',
        "\udcff",
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_cache_is_ignored(installed: Install, afresh: Callable[[], Registry], text: str) -> None:
    installed("made-one", "made_one", sampler("one"))
    slot = (registry() and source("made_one")).slot
    assert slot is not None
    slot.path.write_text(text.replace("STATE", slot.state), errors="surrogateescape")
    assert afresh().find("sampler", "one").cls.__name__ == "Plugin"
    assert slot.read() == source("made_one").plugins, "written anew"


def test_a_cache_that_cannot_be_written_is_none(
    installed: Install, afresh: Callable[[], Registry], imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("made-one", "made_one", sampler("one"))
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    assert "one" in afresh().names("sampler")
    assert "one" in afresh().names("sampler")
    assert imported == ["made_one"]


def test_what_has_a_problem_is_looked_at_every_time(installed: Install, afresh: Callable[[], Registry]) -> None:
    installed("made-one", "made_one", sampler("one").replace("import builtins", "import made_other, builtins", 1))
    assert "made_other" in source("made_one").problems[0]
    Path(sys.path[0], "made_other.py").touch()
    assert "one" in afresh().names("sampler")
    assert not source("made_one").problems


def test_a_listed_plugin_that_cannot_be_loaded_is_one_sentence(
    installed: Install, afresh: Callable[[], Registry]
) -> None:
    """Such as one whose optional package has gone, which no file of its own shows."""
    installed("made-one", "made_one", sampler("one").replace("import builtins", "import made_other, builtins", 1))
    other = Path(sys.path[0], "made_other.py")
    other.touch()
    afresh()
    other.unlink()
    del sys.modules["made_other"]
    assert "one" in afresh().names("sampler")
    with pytest.raises(UsageError, match=r"sampler one of made-one 1.0 cannot be loaded: cannot be imported: Module"):
        registry().get("sampler", "one")
    assert "one" not in afresh().names("sampler")


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


def test_metadata_that_cannot_be_read_stop_nothing(installed: Install, imported: list[str]) -> None:
    site = Path(sys.path[0])
    for name, entries in (
        ("bad_entries", "[benchbox]\nnonsense"),
        ("made_bare", "[benchbox]\nmade_bare = made_bare\n"),
    ):
        (site / f"{name}-1.0.dist-info").mkdir()
        (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(entries)
    (site / "made_bare.py").write_text(sampler("bare"))
    installed("made-one", "made_one", sampler("one"))
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
