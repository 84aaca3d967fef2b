"""benchbox list and benchbox info: what there is."""

from __future__ import annotations

import json
from dataclasses import MISSING
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from benchbox.cli.common import console
from benchbox.errors import unknown
from benchbox.report.table import written

if TYPE_CHECKING:
    from benchbox.registry import Offer

LISTED_KINDS = ("samplers", "schedules", "grids", "models", "metrics", "guidances", "executors")


def list_plugins(
    kind: Annotated[str | None, typer.Argument(help=f"{', '.join(LISTED_KINDS)} or plugins [default: all].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what can be used: samplers, schedules, grids, models, metrics, guidances …; or who offers it: plugins."""
    from benchbox.registry import registry

    if kind not in (None, "plugins", *LISTED_KINDS):
        raise unknown("kind", kind, [*LISTED_KINDS, "plugins"])
    if kind == "plugins":
        return list_sources(as_json)
    kinds = [k.removesuffix("s") for k in ([kind] if kind else LISTED_KINDS)]
    found = [offer for k in kinds for name in registry().names(k) for offer in registry().offers(k, name)[:1]]
    if as_json:
        console.print_json(json.dumps([offer_values(offer) for offer in found]))
        return None
    console.print(plugin_table(found))
    return None


def plugin_table(found: list[Offer]) -> Table:
    """A line for each plugin; the package is a column only where there is more than one."""
    packages = {f"{offer.package} {offer.version}" for offer in found}
    extra = [Column("package", overflow="fold")] if len(packages) > 1 else []
    table = Table("kind", Column("name", overflow="fold"), "what", *extra)
    kinds = [offer.listing.kind for offer in found]
    for i, offer in enumerate(found):
        item = offer.listing
        name = item.name + "".join(f"\n= {alias}" for alias in item.aliases)
        package = [Text(f"{offer.package} {offer.version}")] if extra else []
        last = kinds[i + 1 : i + 2] != [item.kind]
        table.add_row(item.kind, Text(name), Text(item.what), *package, end_section=last)
    return table


def list_sources(as_json: bool) -> None:
    """Every module of plugins, what it offers, and what is wrong with it."""
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


def info(name: Annotated[str, typer.Argument(help="The name or alias of any plugin.")]) -> None:
    """Say what a plugin is: source, options with types and defaults, package and version."""
    from benchbox.registry import BASES, registry

    found = [offer for kind in BASES for offer in registry().matches(kind, name)]
    if not found:
        raise unknown("plugin", name, [n for kind in BASES for n in registry().names(kind)])
    for offer in found:
        show_plugin(offer)


def show_plugin(offer: Offer) -> None:
    from benchbox.errors import sentence
    from benchbox.plugin import paragraphs

    item, cls = offer.listing, offer.cls
    console.print(Text(f"{item.kind} {item.name}", style="bold"), Text(f"({offer.package} {offer.version})"))
    if item.aliases:
        console.print(f"also called {', '.join(item.aliases)}")
    console.print(Text("\n".join(paragraphs(cls))))
    options = offer_values(offer)["options"]
    if options:
        table = Table("option", "takes", "default")
        for option in options:
            table.add_row(Text(option["name"]), Text(option["takes"]), Text(written(option["default"])))
        console.print(table)
    try:
        facts = details(item.kind, cls)
    except Exception as error:  # the plugin's own fault; what is known of it without an instance still counts
        facts = {"an instance cannot be described": sentence(error)}
    for key, value in facts.items():
        console.print(Text(f"{key}: {'–' if value is None else value}"))
    console.print()


def offer_values(offer: Offer) -> dict[str, Any]:
    """An offer in plain values."""
    item = offer.listing
    return {
        "kind": item.kind, "name": item.name, "aliases": item.aliases, "package": offer.package,
        "version": offer.version, "what": item.what,
        "options": [{"default": "required", **option} for option in item.options],
    }  # fmt: skip


def evaluation_words(sampler: Any) -> str:
    """What one more interval costs, as the budget counts it, and what a run costs besides; without the last denoise."""
    if sampler.evals_per_step is None:
        return "adaptive"
    many = sampler.evals(65)
    each = many - sampler.evals(64)
    besides = many - 64 * each
    return f"{each}, and {besides} more in a run" if besides else str(each)


def details(kind: str, cls: Any) -> dict[str, Any]:
    """What more there is to say of a plugin with its default options."""
    from benchbox.options import defaults

    if any(default is MISSING for default in defaults(cls).values()):
        return {}
    plugin = cls()
    if kind == "sampler":
        return {
            "order": plugin.order,
            "evaluations per interval": evaluation_words(plugin),
            "recommended grid": plugin.grid or "the model's",
        }
    if kind == "model":
        facts = {
            "dataset": plugin.dataset,
            "shape": plugin.shape,
            "schedule": plugin.schedule.name,
            "grid": plugin.grid,
        } | ({"decoded shape": plugin.data_shape} if plugin.latent else {})
        card = getattr(plugin, "card", None)
        made = {"licence of the data": card.licence, "training": card.training, "SHA-256": card.sha256} if card else {}
        return facts | {"prediction": plugin.prediction, "metrics": ", ".join(plugin.metrics)} | made
    return {}
