"""The list of what the project's packages offer is what they offer; a message about a missing plugin names them."""

from __future__ import annotations

import importlib
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from conftest import Command, Install, forget_modules

import benchbox
from benchbox.discovery import hooks_of
from benchbox.errors import UsageError
from benchbox.project_packages import OFFERED, package_of, pip_install
from benchbox.registry import registry

PLUGINS = Path(__file__).parents[1] / "plugins"

SAMPLER = '''
from dataclasses import dataclass
from benchbox import Sampler, hookimpl

@dataclass(frozen=True)
class Scheduler(Sampler):
    """A sampler of a package of the project."""
    name = "NAME"

    def __call__(self, denoise, x, grid, noise):
        yield x

@hookimpl
def benchbox_samplers():
    return [Scheduler]
'''


def test_every_package_of_the_project_is_listed() -> None:
    assert OFFERED.keys() == {path.parent.name for path in PLUGINS.glob("*/pyproject.toml")}


@pytest.mark.parametrize("package", OFFERED)
def test_the_list_is_what_the_hooks_of_a_package_offer(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(PLUGINS / package))
    hooks = hooks_of(importlib.import_module(package.replace("-", "_")))
    offered = {kind: {n for cls in hook() for n in (cls.name, *cls.aliases)} for kind, hook in hooks}
    forget_modules(PLUGINS, before)
    assert offered.keys() == OFFERED[package].keys()
    for kind, names in offered.items():
        assert {name for name in names if package_of(kind, name) != package} == set()
        for pattern in OFFERED[package][kind].split():
            assert any(fnmatchcase(name, pattern) for name in names), f"{package} offers no {kind} {pattern}"


@pytest.mark.parametrize(
    "command",
    ["info unipc", "run --sampler unipc --nfe 5", "check dpmpp-2m", "run --sampler heun --grid beta --nfe 5"],
)
def test_the_message_about_a_plugin_that_is_not_there_names_its_package(benchbox: Command, command: str) -> None:
    assert " is in the package benchbox-solvers, which is " in benchbox(*command.split()).sentence


def test_a_name_of_another_kind_is_only_unknown() -> None:
    with pytest.raises(UsageError, match="unknown sampler 'beta': "):
        benchbox.get("sampler", "beta")


def test_a_misspelt_name_of_a_package_that_is_loaded_gets_the_similar_names(installed: Install) -> None:
    installed("benchbox-diffusers", "diffusers_stand_in", SAMPLER.replace("NAME", "diffusers:EulerDiscreteScheduler"))
    similar = "'diffusers:EulerDiscrete': did you mean diffusers:EulerDiscreteScheduler"
    for kind in ("sampler", "plugin"):
        with pytest.raises(UsageError, match=similar):
            raise registry().unknown(kind, "diffusers:EulerDiscrete")


def test_a_package_of_the_project_that_cannot_be_imported_is_named(installed: Install) -> None:
    installed("benchbox-diffusers", "diffusers_stand_in", "import nothing_of_that_name")
    with pytest.raises(UsageError, match="in the package benchbox-diffusers, which is installed and not loaded"):
        benchbox.get("sampler", "diffusers:EulerDiscreteScheduler")


def test_the_command_of_an_installation_is_of_a_folder_and_of_no_index() -> None:
    assert pip_install(extra="ray") == "pip install '.[ray]' in a checkout of benchbox"
    assert pip_install("benchbox-edm") == "pip install ./plugins/benchbox-edm in a checkout of benchbox"
    assert pip_install("benchbox-diffusers", "text").startswith("pip install './plugins/benchbox-diffusers[text]' in")
