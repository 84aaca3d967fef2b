"""benchbox info: what a plugin is."""

from __future__ import annotations

from dataclasses import MISSING
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from benchbox.cli.common import console
from benchbox.cli.list import plugin_values
from benchbox.errors import sentence
from benchbox.report.table import written

if TYPE_CHECKING:
    from benchbox.registry import Offer


def info(
    name: Annotated[str, typer.Argument(help="The name or alias of any plugin, or a file of tuned levels.")],
) -> None:
    """Describe a plugin: source, options with types and defaults, package and version. Or show tuned levels."""
    from benchbox.registry import BASES, registry

    plugins = [plugin for kind in BASES for plugin in registry().matches(kind, name)]
    if not plugins and Path(name).is_file():
        show_tuned(Path(name))
        return
    if not plugins:
        raise registry().unknown("plugin", name)
    for plugin in plugins:
        show_plugin(plugin)


def show_tuned(path: Path) -> None:
    """Print the levels of a file that `benchbox tune` wrote, and what they are worth."""
    from benchbox.cli.tune_tables import tuned_table, tuned_title
    from benchbox.tuned import read_tuned

    file = read_tuned(path)
    console.print(tuned_title(file), soft_wrap=True)
    console.print(tuned_table(file))


def show_plugin(plugin: Offer) -> None:
    """Print what is known of a plugin."""
    from benchbox.plugin import paragraphs

    listing, cls = plugin.listing, plugin.cls
    console.print(Text(f"{listing.kind} {listing.name}", style="bold"), Text(f"({plugin.package} {plugin.version})"))
    if listing.aliases:
        console.print(f"also called {', '.join(listing.aliases)}")
    console.print(Text("\n".join(paragraphs(cls))))
    options = plugin_values(plugin)["options"]
    if options:
        table = Table("option", "takes", "default")
        for option in options:
            table.add_row(Text(option["name"]), Text(option["takes"]), Text(written(option["default"])))
        console.print(table)
    for key, value in plugin_facts(listing.kind, cls).items():
        console.print(Text(f"{key}: {'–' if value is None else value}"))
    console.print()


def plugin_facts(kind: str, cls: Any) -> dict[str, Any]:
    """Facts that need an instance with default options; none where an option has no default."""
    from benchbox.options import defaults

    facts = {"sampler": sampler_facts, "model": model_facts}.get(kind)
    if facts is None or any(default is MISSING for default in defaults(cls).values()):
        return {}
    try:
        return facts(cls())
    except Exception as error:  # a fault of the plugin, which must not hide the rest
        return {"an instance cannot be described": sentence(error)}


def sampler_facts(sampler: Any) -> dict[str, Any]:
    """Order, cost and grid of a sampler."""
    return {
        **({"jumps": f"{sampler.uses_jumps}, so it needs a model that jumps"} if sampler.uses_jumps else {}),
        "order": sampler.order, "evaluations per interval": evaluation_words(sampler),
        "recommended grid": sampler.grid or "the model's",
    }  # fmt: skip


def evaluation_words(sampler: Any) -> str:
    """The evaluations that one more interval costs, and those that a run costs besides, without the final denoise."""
    if sampler.evals_per_step is None:
        return "adaptive"
    n_evals = sampler.evals(65)
    per_interval = n_evals - sampler.evals(64)
    extra = n_evals - 64 * per_interval
    return f"{per_interval}, and {extra} more in a run" if extra else str(per_interval)


def jump_words(model: Any) -> str:
    """Where a model jumps, and whether it denoises as well."""
    to = {"consistency": "to the data", "flow-map": "to any lower level"}[model.jumps]
    return to if model.denoises else f"{to}; it is no denoiser, so solvers refuse it"


def model_facts(model: Any) -> dict[str, Any]:
    """Data, schedule and training of a model."""
    facts = {
        "dataset": model.dataset, "shape": model.shape, "schedule": model.schedule.name, "grid": model.grid,
        **({"decoded shape": model.data_shape} if model.latent else {}),
        "prediction": model.prediction, "metrics": ", ".join(model.metrics),
        **({"classes": model.classes} if model.classes else {}),
        **({"jumps": jump_words(model)} if model.jumps else {}),
        **({"variance of the reverse steps": "learned"} if model.learned_variance else {}),
    }  # fmt: skip
    card = getattr(model, "card", None)
    if not card:
        return facts
    return facts | {"licence of the data": card.licence, "training": card.training, "SHA-256": card.sha256}
