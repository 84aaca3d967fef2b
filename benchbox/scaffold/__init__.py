"""`benchbox new`: writes a package with one plugin, ready to install and test."""

from __future__ import annotations

import keyword
import re
from importlib.metadata import packages_distributions
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

import benchbox
from benchbox.errors import UsageError, unknown
from benchbox.registry import registry

USE = {
    "sampler": "--sampler {name},heun --nfe 20",
    "model": "--sampler heun --nfe 20 --model {name}",
    "schedule": "--sampler heun --nfe 20 --model gaussian --schedule {name}",
    "guidance": "--sampler heun --nfe 20 --model mixture --guidance {name}",
    "problem": "--sampler heun --nfe 20 --model gaussian --guidance mmps --problem {name}",
    "metric": "--sampler heun --nfe 20 --model gaussian --metric {name}",
}
"""Kind of plugin to the options of `benchbox run` that use it."""

LONGEST_NAME = 60
"""Most characters of a name."""

LAYOUT = {
    "pyproject": "pyproject.toml",
    "README": "README.md",
    "LICENSE": "LICENSE",
    "gitignore": ".gitignore",
    "workflow": ".github/workflows/test.yml",
    "{kind}": "{module}.py",
    "test_{kind}": "tests/test_{module}.py",
}
"""Template to path in the package."""


def write_package(kind: str, name: str, parent: Path) -> list[Path]:
    """Write the package `name` with one plugin of that kind and name into parent/name; returns its files.

    UsageError for an unknown kind, an invalid or taken name, and a folder that cannot be written.
    """
    words, folder = template_words(kind, name), parent / name
    if folder.exists():
        raise UsageError(f"{folder} exists already: choose another name, or work in another folder.")
    require_free(kind, name, words)
    try:
        with TemporaryDirectory(dir=parent, prefix=f".{name}-") as temporary:
            for template, path in LAYOUT.items():
                fill_template(template, Path(temporary, name, path.format(**words)), words)
            Path(temporary, name).rename(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    return [folder / path.format(**words) for path in LAYOUT.values()]


def fill_template(template: str, path: Path, words: dict[str, str]) -> None:
    """Write a template to a path with its placeholders replaced."""
    source = files("benchbox.scaffold") / "templates" / f"{template.format(**words)}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(source.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")


def template_words(kind: str, name: str) -> dict[str, str]:
    """Values of the placeholders of the templates. UsageError for an unknown kind or an invalid name."""
    if kind not in USE:
        raise unknown("kind", kind, USE)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST_NAME:
        rule = f"use a-z, 0-9 and single hyphens, at most {LONGEST_NAME} characters, as in my-{kind}"
        raise UsageError(f"{name!r} is not a valid package name: {rule}.")
    cls = "".join(word.capitalize() for word in name.split("-"))
    use = USE[kind].format(name=name)
    return {"kind": kind, "name": name, "module": name.replace("-", "_"), "Class": cls, "use": use}


def require_free(kind: str, name: str, words: dict[str, str]) -> None:
    """UsageError where a plugin, an installed package, a Python module or a class of benchbox has the name."""
    if taken := registry().matches(kind, name):
        raise UsageError(f"{kind} {name} exists already in {taken[0].package}: choose another name.")
    module, cls = words["module"], words["Class"]
    if packages := packages_distributions().get(module):
        raise UsageError(f"{packages[0]} is installed and has a module {module}: uninstall it, or choose another name.")
    if keyword.iskeyword(module) or keyword.iskeyword(cls) or cls in benchbox.__all__ or find_spec(module):
        raise UsageError(f"{name!r} would shadow {module} or {cls} in Python: choose another name, as {name}-{kind}.")
