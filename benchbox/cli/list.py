"""benchbox list: the plugins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from benchbox.cli.common import console
from benchbox.errors import unknown

if TYPE_CHECKING:
    from benchbox.registry import Offer

LISTED_KINDS = ("samplers", "schedules", "grids", "models", "metrics", "guidances", "problems", "executors")


def list_plugins(
    kind: Annotated[str | None, typer.Argument(help=f"{', '.join(LISTED_KINDS)} or plugins [default: all].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List samplers, schedules, grids, models, metrics, guidances, problems, executors; or the modules: plugins."""
    from benchbox.registry import registry

    if kind not in (None, "plugins", *LISTED_KINDS):
        raise unknown("kind", kind, [*LISTED_KINDS, "plugins"])
    if kind == "plugins":
        return list_sources(as_json)
    kinds = [k.removesuffix("s") for k in ([kind] if kind else LISTED_KINDS)]
    plugins = [plugin for k in kinds for name in registry().names(k) for plugin in registry().offers(k, name)[:1]]
    if as_json:
        console.print_json(json.dumps([plugin_values(plugin) for plugin in plugins]))
        return None
    console.print(plugin_table(plugins))
    return None


def plugin_table(plugins: list[Offer]) -> Table:
    """One line per plugin; with a package column where there are several packages."""
    packages = {f"{plugin.package} {plugin.version}" for plugin in plugins}
    package_column = [Column("package", overflow="fold")] if len(packages) > 1 else []
    table = Table("kind", Column("name", overflow="fold"), "what", *package_column)
    kinds = [plugin.listing.kind for plugin in plugins]
    for i, plugin in enumerate(plugins):
        listing = plugin.listing
        name = listing.name + "".join(f"\n= {alias}" for alias in listing.aliases)
        package = [Text(f"{plugin.package} {plugin.version}")] if package_column else []
        last = kinds[i + 1 : i + 2] != [listing.kind]
        table.add_row(listing.kind, Text(name), Text(listing.summary), *package, end_section=last)
    return table


def list_sources(as_json: bool) -> None:
    """Print every plugin module, what it offers, and its problems."""
    from benchbox.registry import registry

    sources = registry().sources
    if as_json:
        console.print_json(json.dumps([source.as_dict() for source in sources]))
        return
    columns = ("module", "package", "offers", "import", "problems and remarks")
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for s in sources:
        seconds = "" if s.import_s is None else f"{s.import_s:.2f} s"
        row = (s.module, f"{s.package} {s.version}", ", ".join(s.offers), seconds, "; ".join(s.problems + s.notes))
        table.add_row(*map(Text, row))
    console.print(table)


def plugin_values(plugin: Offer) -> dict[str, Any]:
    listing = plugin.listing
    return {
        "kind": listing.kind, "name": listing.name, "aliases": listing.aliases, "package": plugin.package,
        "version": plugin.version, "what": listing.summary,
        "options": [{"default": "required", **option} for option in listing.options],
    }  # fmt: skip
