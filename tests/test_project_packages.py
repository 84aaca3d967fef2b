"""The list of what the project's packages offer is what they offer; a message about a missing plugin names them."""

from __future__ import annotations

import importlib
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from conftest import Command, forget_modules

import benchbox
from benchbox.discovery import hooks_of
from benchbox.errors import UsageError
from benchbox.project_packages import OFFERED, package_of

PLUGINS = Path(__file__).parents[1] / "plugins"


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
