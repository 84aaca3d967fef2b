"""Who offers what: built-in plugins and installed packages, found once, with every problem kept visible."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

import pluggy

from benchbox import hookspecs
from benchbox.errors import UsageError, unknown
from benchbox.executor import Executor
from benchbox.grid import Grid
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import build, hints, usual
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

BASES: dict[str, type] = {
    "sampler": Sampler,
    "schedule": Schedule,
    "grid": Grid,
    "model": Model,
    "metric": Metric,
    "executor": Executor,
}
"""Each kind of plugin and the class that its plugins extend."""

DISTRIBUTION = "benchbox-diffusion"
BUILT_IN = tuple(f"benchbox.{kind}s" for kind in BASES)
GROUP = "benchbox"


@dataclass(frozen=True)
class Offer:
    """One plugin class and the package that offers it."""

    cls: type
    package: str
    version: str


@dataclass
class Source:
    """One module of plugins: what it offers, or why it could not."""

    module: str
    package: str
    version: str
    offers: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Registry:
    """The plugins of this process by kind and name; `sources` lists every package with what went wrong in it."""

    def __init__(self, only: str | None = None) -> None:
        """only: None loads every installed package, "off" none, "a,b" those (package or entry-point names)."""
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.sources: list[Source] = []
        self._offers: dict[str, dict[str, list[Offer]]] = {kind: {} for kind in BASES}
        self._aliases: dict[str, dict[str, list[str]]] = {kind: {} for kind in BASES}
        for module in BUILT_IN:
            self._add(Source(module, DISTRIBUTION, own_version()), lambda module=module: import_module(module))
        for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.dist.name if e.dist else "", e.name)):
            if only is None or _wanted(entry) & _names(only):
                self._add(_source(entry), entry.load)
        self._report_missing(only)
        self._report_clashes()

    def _add(self, source: Source, load: Any) -> None:
        """Import a module and collect its offers; whatever it does wrong becomes a problem of its source."""
        self.sources.append(source)
        try:
            module = load()
            self.manager.register(module, name=source.module)
        except (Exception, SystemExit) as error:
            source.problems.append(f"cannot be imported: {_sentence(error)}")
            return
        try:
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            source.problems.append(_sentence(error))
            self.manager.unregister(name=source.module)
            return
        for kind in BASES:
            self._collect(source, kind)

    def _collect(self, source: Source, kind: str) -> None:
        caller = getattr(self.manager.hook, f"benchbox_{kind}s")
        for impl in caller.get_hookimpls():
            if impl.plugin_name != source.module:
                continue
            try:
                offered = list(impl.function())
            except (Exception, SystemExit) as error:
                source.problems.append(f"benchbox_{kind}s failed: {_sentence(error)}")
                continue
            for cls in offered:
                self._offer(source, kind, cls)

    def _offer(self, source: Source, kind: str, cls: Any) -> None:
        if problem := _invalid(cls, kind):
            source.problems.append(problem)
            return
        source.offers.append(f"{kind} {cls.name}")
        self._offers[kind].setdefault(cls.name, []).append(Offer(cls, source.package, source.version))
        for alias in cls.aliases:
            self._aliases[kind].setdefault(alias, []).append(cls.name)

    def _report_missing(self, only: str | None) -> None:
        found = set().union(*(_wanted(entry) for entry in entry_points(group=GROUP)))
        for name in sorted(_names(only or "") - found):
            problem = "BENCHBOX_PLUGINS names it, and it is not installed"
            self.sources.append(Source(name, name, "?", problems=[problem]))

    def _report_clashes(self) -> None:
        for kind, names in self._offers.items():
            for name, offers in names.items():
                if len(offers) > 1:
                    packages = [o.package for o in offers]
                    for source in self.sources:
                        if source.package in packages and f"{kind} {name}" in source.offers:
                            source.problems.append(f"{kind} {name} is offered by {' and by '.join(packages)}")

    def names(self, kind: str) -> list[str]:
        return sorted(self._offers[kind])

    def offers(self, kind: str, name: str) -> list[Offer]:
        """Who offers that name, not counting aliases."""
        return list(self._offers[kind].get(name, []))

    def matches(self, kind: str, name: str) -> list[Offer]:
        """Who offers that name or alias; an alias of two plugins means neither."""
        names = {name} if name in self._offers[kind] else set(self._aliases[kind].get(name, []))
        return self.offers(kind, names.pop()) if len(names) == 1 else []

    def find(self, kind: str, name: str) -> Offer:
        """The plugin of that name or alias. UsageError: no such name (with the near ones), or offered twice."""
        offers = self.matches(kind, name)
        if len(meant := set(self._aliases[kind].get(name, []))) > 1 and not offers:
            raise UsageError(f"{kind} {name!r} is another name of {' and of '.join(sorted(meant))}: say which.")
        if not offers:
            raise unknown(kind, name, [*self._offers[kind], *self._aliases[kind]])
        if len(offers) > 1:
            packages = " and by ".join(o.package for o in offers)
            raise UsageError(
                f"{kind} {name!r} is offered by {packages}: uninstall one, "
                "or name the packages to load in BENCHBOX_PLUGINS."
            )
        return offers[0]

    def usual(self, kind: str, name: str) -> dict[str, Any]:
        """The default options of a plugin in plain values; none where it is not known here."""
        offers = self.matches(kind, name) if kind in BASES else []
        return usual(offers[0].cls) if len(offers) == 1 else {}

    def get(self, kind: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """An instance of a plugin with options given as values or as text."""
        return build(self.find(kind, name).cls, options or {}, self.get)


def _names(only: str) -> set[str]:
    return {_canonical(n) for n in only.split(",")} - {"off", ""}


def _wanted(entry: EntryPoint) -> set[str]:
    """The names by which an entry point can be asked for: its own and its distribution's."""
    return {_canonical(entry.name)} | ({_canonical(entry.dist.name)} if entry.dist else set())


def _canonical(name: str) -> str:
    """A distribution's name as package registries compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _source(entry: EntryPoint) -> Source:
    dist: Distribution | None = entry.dist
    return Source(entry.value, dist.name if dist else entry.value, dist.version if dist else "?")


def _invalid(cls: Any, kind: str) -> str | None:
    base = BASES[kind]
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        return f"benchbox_{kind}s offers {cls!r}, which is not a subclass of {base.__name__}"
    if not is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return f"{kind} {cls.__name__} is not a frozen dataclass"
    if not isinstance(name := getattr(cls, "name", None), str):
        return f"{kind} {cls.__name__} has no name"
    if not re.fullmatch(r"[\w+-]+", name):
        return f"{kind} {cls.__name__} is named {name!r}: only letters, digits, - and _ can be given on a command line"
    if inspect.isabstract(cls):
        return f"{kind} {cls.__name__} lacks {', '.join(sorted(cls.__abstractmethods__))}"
    return _invalid_options(cls, kind)


NEVER_FIELDS = {"sampler": {"name", "aliases", "evals_per_step", "grid", "needs_grad"}}
"""What a plugin states without an annotation: as a field it would be an option."""


def _invalid_options(cls: Any, kind: str) -> str | None:
    try:
        options = hints(cls)
    except Exception as error:
        return f"{kind} {cls.name}: the type of an option cannot be read ({_sentence(error)})"
    for option in sorted(NEVER_FIELDS.get(kind, {"name", "aliases"}) & options.keys()):
        return f"{kind} {cls.name} annotates {option}, which would make it an option: write it without a type"
    return None


def _sentence(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def own_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0+unknown"


@cache
def registry() -> Registry:
    """The registry of this process; BENCHBOX_PLUGINS=off, or a comma list, pins what is loaded."""
    return Registry(os.environ.get("BENCHBOX_PLUGINS") or None)
