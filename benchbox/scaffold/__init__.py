"""A package of one plugin, written ready to be installed and tested."""

from __future__ import annotations

import keyword
import re
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
    "metric": "--sampler heun --nfe 20 --model gaussian --metric {name}",
}
"""What can be written, and how `benchbox run` uses it."""

LONGEST_NAME = 60
"""Characters of a name."""

LAYOUT = {
    "pyproject": "pyproject.toml",
    "README": "README.md",
    "LICENSE": "LICENSE",
    "gitignore": ".gitignore",
    "workflow": ".github/workflows/test.yml",
    "{kind}": "{module}.py",
    "test_{kind}": "tests/test_{module}.py",
}
"""Templates, and where they go in the package."""


def write_package(kind: str, name: str, parent: Path) -> list[Path]:
    """Write the package `name` with one plugin of that kind and name into parent/name; its files.

    UsageError for a kind that is none, a name that cannot be used or is taken, and a folder that cannot be written.
    """
    words, folder = template_words(kind, name), parent / name
    if folder.exists():
        raise UsageError(f"{name} is there already: choose another name, or another folder to work in.")
    require_free(kind, name, words)
    try:
        with TemporaryDirectory(dir=parent, prefix=f".{name}-") as beside:
            for template, path in LAYOUT.items():
                fill_template(template, Path(beside, name, path.format(**words)), words)
            Path(beside, name).rename(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.") from None
    return [folder / path.format(**words) for path in LAYOUT.values()]


def fill_template(template: str, path: Path, words: dict[str, str]) -> None:
    """The template with the words in it, at the path."""
    source = files("benchbox.scaffold") / "templates" / f"{template.format(**words)}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(source.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")


def template_words(kind: str, name: str) -> dict[str, str]:
    """The words of the templates. UsageError where the kind or the name will not do."""
    if kind not in USE:
        raise unknown("kind", kind, USE)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST_NAME:
        rule = f"it is made of a-z, 0-9 and single -, {LONGEST_NAME} at most, as my-{kind}"
        raise UsageError(f"{name!r} cannot be the name of a package: {rule}.")
    cls = "".join(part.capitalize() for part in name.split("-"))
    use = USE[kind].format(name=name)
    return {"kind": kind, "name": name, "module": name.replace("-", "_"), "Class": cls, "use": use}


def require_free(kind: str, name: str, words: dict[str, str]) -> None:
    """UsageError where a plugin has the name, or where Python means something else by it."""
    if taken := registry().matches(kind, name):
        raise UsageError(f"there is a {kind} {name} already, in {taken[0].package}: choose another name.")
    module, cls = words["module"], words["Class"]
    if keyword.iskeyword(module) or keyword.iskeyword(cls) or cls in benchbox.__all__ or find_spec(module):
        better = f"choose another, as {name}-{kind}"
        raise UsageError(f"{name!r} would hide what Python knows as {module} or {cls}: {better}.")
