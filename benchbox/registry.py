"""The plugins of this process by kind and name: built in or of installed packages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from benchbox.discovery import Source, built_in, installed_packages, missing
from benchbox.errors import UsageError, similar_names, unknown
from benchbox.options import build, default_values
from benchbox.plugin import BASES, OWN_VERSION, Offer
from benchbox.project_packages import DISTRIBUTION, package_of, why_missing

__all__ = ["BASES", "DISTRIBUTION", "OWN_VERSION", "Offer", "Registry", "Source", "get", "registry"]


class Registry:
    """The plugins of this process by kind and name."""

    def __init__(self, only: str | None = None) -> None:
        """only: None loads every installed package, "off" none, "a,b" those (package or entry-point names)."""
        self._sources = list(built_in())
        pinned, installed = {_canonical(n) for n in (only or "off").split(",")} - {"off", ""}, set[str]()
        for entry, source in installed_packages():
            names = {_canonical(entry.name), _canonical(source.package)}
            if only is None or names & pinned:
                self._sources.append(source)
                installed |= names
        self._sources += [missing(name) for name in sorted(pinned - installed)]
        self._by_name = cache(self._read)

    @property
    def sources(self) -> list[Source]:
        """Every module of plugins, imported, with its problems."""
        by_kind = {kind: self._by_name(kind) for kind in BASES}
        for source in self._sources:
            clashing = [(o.kind, o.cls.name) for o in source.plugins if len(by_kind[o.kind][o.cls.name]) > 1]
            source.clashes = [
                f"{kind} {name} is offered by {_packages(by_kind[kind][name])}"
                for kind, name in dict.fromkeys(clashing)
            ]
        return self._sources

    def add(self, source: Source) -> None:
        """One more module of plugins."""
        self._sources.append(source)
        self._by_name.cache_clear()

    def _read(self, kind: str) -> dict[str, list[Offer]]:
        """Who offers each name of the kind; built-in plugins of other kinds are not imported."""
        by_name: dict[str, list[Offer]] = {}
        for source in self._sources:
            if source.kind in (None, kind):
                source.read()
                for offer in source.plugins:
                    if offer.kind == kind:
                        by_name.setdefault(offer.cls.name, []).append(offer)
        return by_name

    def names(self, kind: str) -> list[str]:
        return sorted(self._by_name(kind))

    def offers(self, kind: str, name: str) -> list[Offer]:
        """Who offers the name, aliases not counted."""
        return self._by_name(kind).get(name, [])

    def matches(self, kind: str, name: str) -> list[Offer]:
        """Who offers the name or alias; none where it is an alias of two plugins."""
        names = [name] if name in self._by_name(kind) else self._aliased(kind, name)
        return self.offers(kind, names[0]) if len(names) == 1 else []

    def _aliased(self, kind: str, alias: str) -> list[str]:
        """The names of the plugins that have the alias."""
        by_name = self._by_name(kind)
        return sorted(name for name, offers in by_name.items() if any(alias in offer.cls.aliases for offer in offers))

    def find(self, kind: str, name: str) -> Offer:
        """The plugin of that name or alias. UsageError for an unknown name or one that two packages offer."""
        offers = self.matches(kind, name)
        if not offers and len(names := self._aliased(kind, name)) > 1:
            raise UsageError(f"{kind} {name!r} is an alias of {' and of '.join(names)}: give the name of one.")
        if not offers:
            raise self.unknown(kind, name)
        if len(offers) > 1:
            choice = "uninstall one, or name the packages to load in BENCHBOX_PLUGINS."
            raise UsageError(f"{kind} {name!r} is offered by {_packages(offers)}: {choice}")
        return offers[0]

    def unknown(self, kind: str, name: str) -> UsageError:
        """The error for an unknown name of a kind (`plugin`: of any).

        It names the package of this project that offers the name and is not loaded, or similar names; where no name is
        similar, the packages that cannot be used.
        """
        by_name = [self._by_name(k) for k in (BASES if kind == "plugin" else [kind])]
        offers = [offer for names in by_name for same_name in names.values() for offer in same_name]
        package = package_of(kind, name)
        if package and package not in {source.package for source in self._sources if source.plugins}:
            return UsageError(f"{kind} {name!r} is in the package {package}, {why_missing(package)}.")
        valid = sorted({n for offer in offers for n in (offer.cls.name, *offer.cls.aliases)})
        error = unknown(kind, name, valid)
        broken = ", ".join(dict.fromkeys(source.package for source in self._sources if source.faults))
        if not broken or similar_names(name, valid):
            return error
        return UsageError(f"{broken} cannot be used (benchbox list plugins says why), and {error}")

    def defaults(self, kind: str, name: str) -> dict[str, Any]:
        """The default options of a plugin, by its name or a model's title, as plain values; {} where it is unknown."""
        names = (name, name.partition(":")[0]) if kind == "model" else (name,)
        offers = next((offers for n in names if (offers := self.matches(kind, n))), []) if kind in BASES else []
        return default_values(offers[0].cls) if len(offers) == 1 else {}

    def biased_by(self, name: str) -> tuple[str, ...]:
        """The options of a sampler that are declared to change the law of its samples; none where it is unknown."""
        offers = self.matches("sampler", name)
        return tuple(o["name"] for o in offers[0].listing.options if o.get("changes_law")) if len(offers) == 1 else ()

    def get(self, kind: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """An instance of a plugin with options given as values or as text."""
        return build(self.find(kind, name).cls, options or {}, self.get)


def _packages(offers: list[Offer]) -> str:
    return " and by ".join(offer.package for offer in offers)


def _canonical(name: str) -> str:
    """A distribution's name as package registries compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


@cache
def registry() -> Registry:
    """The registry of this process; BENCHBOX_PLUGINS=off, or a comma list, restricts which packages it loads."""
    return Registry(os.environ.get("BENCHBOX_PLUGINS") or None)


def get(kind: str, name: str, **options: Any) -> Any:
    """An instance of any plugin: get("sampler", "heun", s_churn=40). UsageError for an unknown name or option."""
    if kind not in BASES:
        raise unknown("kind of plugin", kind, BASES)
    return registry().get(kind, name, options)
