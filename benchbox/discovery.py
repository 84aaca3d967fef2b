"""The modules that offer plugins: built in or of an installed package, imported when they are needed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, distributions
from typing import Any

import pluggy

import benchbox.hookspecs as hookspecs
from benchbox.contract import refused
from benchbox.errors import sentence
from benchbox.plugin import BASES, OWN_VERSION, Offer, plugin_fault
from benchbox.project_packages import DISTRIBUTION

ENTRY_POINT_GROUP = "benchbox"
SLOW = 1.0
"""Seconds of import above which `benchbox list plugins` adds a note."""


@dataclass(eq=False)
class Source:
    """A module of plugins: what it offers and what is wrong with it, once it has been read.

    load: imports the module; for a built-in source, gives its plugins. kind: the kind of a built-in source's plugins;
    None for an installed package, which may offer any.
    """

    module: str
    package: str
    version: str
    load: Callable[[], Any]
    kind: str | None = None
    plugins: list[Offer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    import_s: float | None = None

    @property
    def offers(self) -> list[str]:
        """Kind and name of each plugin."""
        return [f"{offer.kind} {offer.cls.name}" for offer in self.plugins]

    @property
    def problems(self) -> list[str]:
        """The module's faults, and the names that other packages offer too."""
        return self.faults + self.clashes

    def as_dict(self) -> dict[str, Any]:
        keys = ("module", "package", "version", "offers", "problems", "notes", "import_s")
        return {key: getattr(self, key) for key in keys}

    def read(self) -> None:
        """Import the module on the first call, and collect its plugins."""
        if self.import_s is not None:
            return
        start, had_torch = time.perf_counter(), "torch" in sys.modules
        if self.kind:  # built in: the tests check these plugins
            self.plugins = [Offer(self.kind, cls, self.package, self.version) for cls in self.load()]
        else:
            self._collect()
        self.import_s = time.perf_counter() - start
        if self.import_s > SLOW:
            torch = "; torch, which it imports, could be imported when a plugin runs"
            late = "torch" in sys.modules and not had_torch
            self.notes.append(f"takes {self.import_s:.1f} s to import{torch if late else ''}")

    def _collect(self) -> None:
        """Check everything that the hooks of a package's module return; nothing that is wrong with it raises."""
        if refusal := refused(self.module):
            self.faults.append(refusal)
            return
        try:
            with redirect_stdout(sys.stderr):
                hooks = hooks_of(self.load())
                for kind, hook in hooks:
                    self._call(kind, hook)
        except pluggy.PluginValidationError as error:
            self.faults.append(sentence(error, whole=True))
        except (Exception, SystemExit) as error:
            self.faults.append(f"cannot be imported: {sentence(error, whole=True)}")
        else:
            if not hooks:
                self.faults.append("offers nothing: no function in it is marked with @hookimpl")

    def _call(self, kind: str, hook: Callable[[], Any]) -> None:
        try:
            classes = list(hook())
        except (Exception, SystemExit) as error:
            self.faults.append(f"benchbox_{kind}s failed: {sentence(error, whole=True)}")
            return
        for cls in classes:
            if fault := plugin_fault(cls, kind):
                self.faults.append(fault)
            else:
                self.plugins.append(Offer(kind, cls, self.package, self.version))


def hooks_of(module: Any) -> list[tuple[str, Callable[[], Any]]]:
    """The hooks that a module implements, by kind. PluginValidationError for a hook that does not exist."""
    manager = pluggy.PluginManager(ENTRY_POINT_GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    return [(k, hook.function) for k in BASES for hook in getattr(manager.hook, f"benchbox_{k}s").get_hookimpls()]


def built_in() -> Iterator[Source]:
    """The built-in plugins, a source for each kind; their module is an entry point, as that of any package is."""
    builtins = EntryPoint("benchbox", "benchbox.builtins", ENTRY_POINT_GROUP).load()
    for kind in BASES:
        yield Source(f"benchbox.{kind}s", DISTRIBUTION, OWN_VERSION, getattr(builtins, f"benchbox_{kind}s"), kind)


def installed_packages() -> list[tuple[EntryPoint, Source]]:
    """The entry points of the installed packages in a fixed order; of a package installed twice, the first."""
    sources: dict[tuple[str, str], tuple[EntryPoint, Source]] = {}
    for dist in distributions():
        try:
            entries = [entry for entry in dist.entry_points if entry.group == ENTRY_POINT_GROUP]
        except Exception:
            continue  # a package with damaged metadata
        for entry in entries:
            package, version = _name_and_version(entry)
            sources.setdefault((package, entry.name), (entry, Source(entry.value, package, version, entry.load)))
    return [sources[key] for key in sorted(sources)]


def _name_and_version(entry: EntryPoint) -> tuple[str, str]:
    """The name and the version of an entry point's package; placeholders where its metadata is damaged."""
    try:
        assert entry.dist is not None
        return str(entry.dist.name), str(entry.dist.version)
    except Exception:
        return entry.value, "?"


def missing(name: str) -> Source:
    """A source that stands for a package that BENCHBOX_PLUGINS names and that is not installed."""
    source = Source(name, name, "?", lambda: None, kind="")  # of no kind, so that it is never read
    source.faults.append("BENCHBOX_PLUGINS names it, and it is not installed")
    return source
