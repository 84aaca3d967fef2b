"""Who offers what: built-in plugins and installed packages, by kind and name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchbox.discovery import Source, built_in, installed_packages
from benchbox.errors import UsageError, unknown
from benchbox.options import build
from benchbox.plugin import BASES, DISTRIBUTION, Listing, own_version

__all__ = ["BASES", "DISTRIBUTION", "Offer", "Registry", "Source", "own_version", "registry"]


@dataclass(frozen=True)
class Offer:
    """One plugin and the package that offers it."""

    listing: Listing
    source: Source

    @property
    def package(self) -> str:
        return self.source.package

    @property
    def version(self) -> str:
        return self.source.version

    @property
    def cls(self) -> type:
        """The plugin's class."""
        return self.source.classes[self.listing.kind, self.listing.name]


@dataclass(frozen=True)
class Index:
    """Who offers plugins of one kind, by name and by alias."""

    names: dict[str, list[Offer]] = field(default_factory=dict)
    aliases: dict[str, list[Offer]] = field(default_factory=dict)

    def add(self, source: Source, kind: str) -> None:
        for offer in [Offer(item, source) for item in source.plugins if item.kind == kind]:
            self.names.setdefault(offer.listing.name, []).append(offer)
            for alias in offer.listing.aliases:
                self.aliases.setdefault(alias, []).append(offer)


class Registry:
    """The plugins of this process by kind and name."""

    def __init__(self, only: str | None = None) -> None:
        """only: None lists every installed package, "off" none, "a,b" those (package or entry-point names)."""
        self._sources = list(built_in())
        asked, found = _names(only or ""), set[str]()
        for entry, source in installed_packages():
            names = {_canonical(entry.name), _canonical(source.package)}
            if only is None or names & asked:
                self._sources.append(source)
                found |= names
        self._sources += [_missing(name) for name in sorted(asked - found)]
        self._index = cache(self._read)

    @property
    def sources(self) -> list[Source]:
        """Every module of plugins, imported, with what is wrong with it."""
        indices = {kind: self._index(kind) for kind in BASES}
        for source in self._sources:
            source.clashes.clear()
        for kind, index in indices.items():
            for name, offers in index.names.items():
                for source in dict.fromkeys(offer.source for offer in offers) if len(offers) > 1 else ():
                    source.clashes.append(f"{kind} {name} is offered by {_packages(offers)}")
        return self._sources

    def add(self, source: Source) -> None:
        """One more module of plugins."""
        self._sources.append(source)
        self._index.cache_clear()

    def _read(self, kind: str) -> Index:
        """Who offers plugins of that kind; benchbox's own of other kinds are not imported."""
        index = Index()
        for source in self._sources:
            if source.kind in (None, kind):
                source.read()
                index.add(source, kind)
        return index

    def names(self, kind: str) -> list[str]:
        return sorted(self._index(kind).names)

    def offers(self, kind: str, name: str) -> list[Offer]:
        """Who offers that name, not counting aliases."""
        return list(self._index(kind).names.get(name, []))

    def matches(self, kind: str, name: str) -> list[Offer]:
        """Who offers that name or alias; an alias of two plugins means neither."""
        names = {name} if name in self._index(kind).names else self._meant(kind, name)
        return self.offers(kind, names.pop()) if len(names) == 1 else []

    def _meant(self, kind: str, alias: str) -> set[str]:
        return {offer.listing.name for offer in self._index(kind).aliases.get(alias, [])}

    def find(self, kind: str, name: str) -> Offer:
        """The plugin of that name or alias. UsageError: no such name (with the near ones), or offered twice."""
        offers = self.matches(kind, name)
        if not offers and len(meant := self._meant(kind, name)) > 1:
            raise UsageError(f"{kind} {name!r} is another name of {' and of '.join(sorted(meant))}: say which.")
        if not offers:
            raise self._unknown(kind, name)
        if len(offers) > 1:
            raise UsageError(
                f"{kind} {name!r} is offered by {_packages(offers)}: uninstall one, "
                "or name the packages to load in BENCHBOX_PLUGINS."
            )
        return offers[0]

    def _unknown(self, kind: str, name: str) -> UsageError:
        """The error for a name that nobody offers; packages that cannot offer theirs are named where none is near."""
        error = unknown(kind, name, [*self._index(kind).names, *self._index(kind).aliases])
        broken = ", ".join(dict.fromkeys(s.package for s in self._sources if s.faults))
        if not broken or str(error).endswith("?"):
            return error
        return UsageError(f"{broken} cannot be used (benchbox list plugins says why), and {error}")

    def usual(self, kind: str, name: str) -> dict[str, Any]:
        """The default options of a plugin in plain values, by its name or a model's title; none where it is unknown."""
        names = (name, name.partition(":")[0]) if kind == "model" else (name,)
        offers = next((found for n in names if (found := self.matches(kind, n))), []) if kind in BASES else []
        return offers[0].listing.usual if len(offers) == 1 else {}

    def biased_by(self, name: str) -> tuple[str, ...]:
        """The options of a sampler that are declared to change the law of its samples; none where it is unknown."""
        offers = self.matches("sampler", name)
        return tuple(o["name"] for o in offers[0].listing.options if o.get("changes_law")) if len(offers) == 1 else ()

    def get(self, kind: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """An instance of a plugin with options given as values or as text."""
        return build(self.find(kind, name).cls, options or {}, self.get)


def _packages(offers: list[Offer]) -> str:
    return " and by ".join(offer.package for offer in offers)


def _missing(name: str) -> Source:
    """What stands for a package that BENCHBOX_PLUGINS names in vain."""
    source = Source(name, name, "?", lambda: None, kind="")  # of no kind, so that nothing is imported
    source.faults.append("BENCHBOX_PLUGINS names it, and it is not installed")
    return source


def _names(only: str) -> set[str]:
    return {_canonical(n) for n in only.split(",")} - {"off", ""}


def _canonical(name: str) -> str:
    """A distribution's name as package registries compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


@cache
def registry() -> Registry:
    """The registry of this process; BENCHBOX_PLUGINS=off, or a comma list, pins what is loaded."""
    return Registry(os.environ.get("BENCHBOX_PLUGINS") or None)
