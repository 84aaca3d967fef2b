"""benchbox score: the metrics of existing samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbox.cli.common import command_line, console, progress_bar
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.bench.settings import Settings
    from benchbox.inputs.images import Images
    from benchbox.model import Model


def score(
    samples: Annotated[Path, typer.Argument(help="A folder of pictures or of .npz shards, an .npz, .npy or IDX file.")],
    metric: Annotated[str | None, typer.Option(help="Metrics [default: the model's].")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model that made them; sets data set, range and feature extractor.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name in the rows: score:NAME [default: the file name].")] = None,
    dataset: Annotated[str | None, typer.Option(help="The data set that they imitate, if no --model is given.")] = None,
    key: Annotated[str | None, typer.Option(help="Name of the array in an .npz.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[PLUGIN.]OPTION=V, repeatable, such as reference=FILE.npz.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Number of this set, if there are several of one name; they count as seeds.")
    ] = 0,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    results: Annotated[Path, typer.Option(help="Results directory.")] = Path("results"),
    force: Annotated[bool, typer.Option("--force", help="Repeat metrics that are already done.")] = False,
) -> None:
    """Measure existing samples. The result is one row, with sampler score:NAME and without an NFE."""
    from benchbox.bench.hardware import usable
    from benchbox.bench.samples import open_samples
    from benchbox.bench.score import Score, measure_samples
    from benchbox.bench.settings import Settings, parse_settings
    from benchbox.cli.tables import result_table
    from benchbox.commas import name_list
    from benchbox.store.store import Store

    images, settings = open_samples(samples, key), Settings(parse_settings(set_ or []))
    source = named_model(settings, model) if model else unknown_model(images, dataset)
    if model and dataset:
        raise UsageError("give --model or --dataset, not both: the model determines the data set.")
    if metric is None and not (model and source.metrics):
        raise UsageError("give the metrics to measure, such as --metric fid.")
    names = name_list(metric, "--metric") if metric else list(source.metrics)
    metrics = tuple(settings.chosen("metric", names))
    settings.finish()
    request = Score(
        images, name or samples.resolve().stem, source, model is not None, metrics, seed, batch_size,
        usable(device), command_line(),
    )  # fmt: skip
    with progress_bar() as bar:
        task = bar.add_task(request.name, total=len(images))
        row = measure_samples(request, Store(results), force, lambda done: bar.update(task, completed=done))
    console.print(result_table([row]))


def named_model(settings: Settings, name: str) -> Model:
    """The model of this name, with its options from the settings. UsageError for several."""
    models = settings.variants("model", name)
    if len(models) != 1:
        raise UsageError(f"{len(models)} settings of model {name} were given: give one.")
    return models[0]


def unknown_model(samples: Images, dataset: str | None) -> Model:
    """A placeholder for the model of images whose model is not known. UsageError for samples that are not images."""
    from benchbox.bench.no_run import Unknown

    first = samples[:1]
    if first.ndim != 4 or first.dtype != "uint8":
        raise UsageError("the samples are not images with values from 0 to 255: give the --model that made them.")
    return Unknown(tuple(first.shape[1:]), dataset or Unknown.dataset)
