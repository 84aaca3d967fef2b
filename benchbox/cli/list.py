"""benchbox list and benchbox info: what there is."""

from __future__ import annotations

import inspect
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

KINDS = ("samplers", "schedules", "grids", "models", "metrics", "executors")


def list_plugins(
    kind: Annotated[str | None, typer.Argument(help=f"{', '.join(KINDS)} or plugins [default: all].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what can be used: samplers, schedules, grids, models, metrics, executors; or who offers it: plugins."""
    from benchbox.registry import registry

    if kind not in (None, "plugins", *KINDS):
        raise unknown("kind", kind, [*KINDS, "plugins"])
    if kind == "plugins":
        return list_sources(as_json)
    kinds = [k.removesuffix("s") for k in ([kind] if kind else KINDS)]
    found = [(k, n, offer) for k in kinds for n in registry().names(k) for offer in [registry().offers(k, n)[0]]]
    if as_json:
        console.print_json(json.dumps([summary(k, offer) for k, _, offer in found]))
        return None
    console.print(plugin_table(found))
    return None


def plugin_table(found: list[tuple[str, str, Offer]]) -> Table:
    """A line for each plugin; the package is a column only where there is more than one."""
    packages = {f"{offer.package} {offer.version}" for _, _, offer in found}
    extra = [Column("package", overflow="fold")] if len(packages) > 1 else []
    table = Table("kind", Column("name", overflow="fold"), "what", *extra)
    kinds = [kind for kind, _, _ in found]
    for i, (kind, n, offer) in enumerate(found):
        name = n + "".join(f"\n= {alias}" for alias in offer.cls.aliases)  # type: ignore[attr-defined]
        package = [Text(f"{offer.package} {offer.version}")] if extra else []
        table.add_row(
            kind, Text(name), Text(summary_of(offer.cls)), *package, end_section=kinds[i + 1 : i + 2] != [kind]
        )
    return table


def list_sources(as_json: bool) -> None:
    """Every module of plugins, what it offers, and what is wrong with it."""
    from benchbox.registry import registry

    sources = registry().sources
    if as_json:
        console.print_json(json.dumps([vars(s) for s in sources]))
        return
    table = Table(*(Column(name, overflow="fold") for name in ("module", "package", "offers", "problems")))
    for s in sources:
        row = (s.module, f"{s.package} {s.version}", ", ".join(s.offers), "; ".join(s.problems))
        table.add_row(*map(Text, row))
    console.print(table)


def info(name: Annotated[str, typer.Argument(help="The name or alias of any plugin.")]) -> None:
    """Say what a plugin is: source, options with types and defaults, package and version."""
    from benchbox.registry import BASES, registry

    found = [(kind, offer) for kind in BASES for offer in registry().matches(kind, name)]
    if not found:
        raise unknown("plugin", name, [n for kind in BASES for n in registry().names(kind)])
    for kind, offer in found:
        show_plugin(kind, offer)


def show_plugin(kind: str, offer: Offer) -> None:
    cls: Any = offer.cls
    console.print(Text(f"{kind} {cls.name}", style="bold"), Text(f"({offer.package} {offer.version})"))
    if cls.aliases:
        console.print(f"also called {', '.join(cls.aliases)}")
    console.print(Text("\n".join(paragraphs(cls))))
    options = summary(kind, offer)["options"]
    if options:
        table = Table("option", "takes", "default")
        for option in options:
            table.add_row(Text(option["name"]), Text(option["takes"]), Text(written(option["default"])))
        console.print(table)
    for key, value in details(kind, cls).items():
        console.print(Text(f"{key}: {'–' if value is None else value}"))
    console.print()


def details(kind: str, cls: Any) -> dict[str, Any]:
    """What more there is to say of a plugin with its default options."""
    from benchbox.options import defaults

    if any(default is MISSING for default in defaults(cls).values()):
        return {}
    plugin = cls()
    if kind == "sampler":
        per = "adaptive" if plugin.evals_per_step is None else plugin.evals_per_step
        return {
            "order": plugin.order,
            "evaluations per interval": per,
            "recommended grid": plugin.grid or "the model's",
        }
    if kind == "model":
        facts = {
            "dataset": plugin.dataset,
            "shape": plugin.shape,
            "schedule": plugin.schedule.name,
            "grid": plugin.grid,
        }
        card = getattr(plugin, "card", None)
        made = {"licence of the data": card.licence, "training": card.training, "SHA-256": card.sha256} if card else {}
        return facts | {"prediction": plugin.prediction, "metrics": ", ".join(plugin.metrics)} | made
    return {}


def summary(kind: str, offer: Offer) -> dict[str, Any]:
    """A plugin in plain values."""
    from benchbox.options import defaults, hints, plain, show

    cls: Any = offer.cls
    options = [
        {"name": n, "takes": show(hints(cls)[n]), "default": "required" if d is MISSING else plain(d)}
        for n, d in defaults(cls).items()
    ]
    return {
        "kind": kind, "name": cls.name, "aliases": list(cls.aliases), "package": offer.package,
        "version": offer.version, "what": summary_of(cls), "options": options,
    }  # fmt: skip


def paragraphs(cls: type) -> list[str]:
    """The paragraphs of a class's docstring, each on one line."""
    return [" ".join(part.split()) for part in (inspect.getdoc(cls) or "").split("\n\n")]


def summary_of(cls: type) -> str:
    """What a plugin is, in its own words: the first paragraph of its docstring."""
    return paragraphs(cls)[0]
