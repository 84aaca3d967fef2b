"""The packages that offer plugins: found, imported when something of theirs is needed, every problem kept visible."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from typing import Any

import pluggy

from benchbox import hookspecs
from benchbox.contract import refused
from benchbox.errors import sentence
from benchbox.plugin import BASES, DISTRIBUTION, Listing, listing, own_version, plugin_fault

ENTRY_POINT_GROUP = "benchbox"
SLOW = 1.0
"""Seconds of import from which `benchbox list plugins` remarks on them."""


@dataclass(eq=False)
class Source:
    """One module of plugins: what it offers, or why it cannot, once it has been read.

    kind: the one kind that it offers; None where it may offer any.
    """

    module: str
    package: str
    version: str
    load: Callable[[], Any]
    kind: str | None = None
    plugins: list[Listing] = field(default_factory=list)
    classes: dict[tuple[str, str], type] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    import_s: float | None = None

    @property
    def offers(self) -> list[str]:
        """Kind and name of each plugin."""
        return [f"{p.kind} {p.name}" for p in self.plugins]

    @property
    def problems(self) -> list[str]:
        """What the module does wrong, and the names that others offer too."""
        return self.faults + self.clashes

    def as_dict(self) -> dict[str, Any]:
        keys = ("module", "package", "version", "offers", "problems", "notes", "import_s")
        return {key: getattr(self, key) for key in keys}

    def read(self) -> None:
        """Import the module, if it was not before, and collect what it offers."""
        if self.import_s is not None:
            return
        start, had_torch = time.perf_counter(), "torch" in sys.modules
        try:
            with redirect_stdout(sys.stderr):
                self._collect()
        except (Exception, SystemExit) as error:
            self.faults.append(f"cannot be imported: {sentence(error, whole=True)}")
        self.import_s = time.perf_counter() - start
        if self.import_s > SLOW:
            torch = "; torch, which it imports, could wait until a plugin runs"
            late = "torch" in sys.modules and not had_torch
            self.notes.append(f"takes {self.import_s:.1f} s to import{torch if late else ''}")

    def _collect(self) -> None:
        if refusal := refused(self.module):
            self.faults.append(refusal)
            return
        module = self.load()
        manager = pluggy.PluginManager(ENTRY_POINT_GROUP)
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(module)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            self.faults.append(sentence(error, whole=True))
            return
        hooks = [(k, h) for k in BASES for h in getattr(manager.hook, f"benchbox_{k}s").get_hookimpls()]
        if not hooks:
            self.faults.append("offers nothing: no function in it is marked with @hookimpl")
        for kind, hook in hooks:
            self._ask(kind, hook.function)

    def _ask(self, kind: str, hook: Callable[[], Any]) -> None:
        try:
            offered = list(hook())
        except (Exception, SystemExit) as error:
            self.faults.append(f"benchbox_{kind}s failed: {sentence(error, whole=True)}")
            return
        for cls in offered:
            if problem := plugin_fault(cls, kind):
                self.faults.append(problem)
                continue
            self.plugins.append(listing(kind, cls))
            self.classes[kind, cls.name] = cls


def built_in() -> Iterator[Source]:
    for kind in BASES:
        module = f"benchbox.{kind}s"
        yield Source(module, DISTRIBUTION, own_version(), partial(import_module, module), kind)


def installed_packages() -> list[tuple[EntryPoint, Source]]:
    """The entry points of the installed packages in a fixed order; of a package that is there twice, the first."""
    found: dict[tuple[str, str], tuple[EntryPoint, Source]] = {}
    for dist in distributions():
        try:
            entries = [e for e in dist.entry_points if e.group == ENTRY_POINT_GROUP]
        except Exception:
            continue  # metadata that nobody can read, of a package that need not be one of ours
        for entry in entries:
            package, version = _identity(entry)
            found.setdefault((package, entry.name), (entry, Source(entry.value, package, version, entry.load)))
    return [found[key] for key in sorted(found)]


def _identity(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of an entry point's package, as far as its metadata tell."""
    try:
        assert entry.dist is not None
        return str(entry.dist.name), str(entry.dist.version)
    except Exception:
        return entry.value, "?"
