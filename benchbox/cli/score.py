"""benchbox score: the metrics of samples that exist already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbox.cli.common import console, devices, progress_bar, typed
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from benchbox.images import Images
    from benchbox.model import Model


def score(
    samples: Annotated[Path, typer.Argument(help="A folder of pictures or of .npz shards, an .npz, .npy or IDX file.")],
    metric: Annotated[str | None, typer.Option(help="Metrics [default: the model's].")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model that made them: its data set, range, extractor and exact draws.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What rows call them: score:NAME [default: the file's name].")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Without a model: the data set that they are to be like.")] = None,
    key: Annotated[str | None, typer.Option(help="Name of the array in an .npz.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[PLUGIN.]OPTION=V, repeatable, such as reference=FILE.npz.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which of several sets of one name: they count as seeds.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    results: Annotated[Path, typer.Option(help="Directory of the row.")] = Path("results"),
    force: Annotated[bool, typer.Option("--force", help="Measure again what is already done.")] = False,
) -> None:
    """Measure samples that exist already, as one row: its sampler is score:NAME, and it has no NFE."""
    from benchbox.bench.samples import open_samples
    from benchbox.bench.score import Score, measure_samples
    from benchbox.bench.settings import Settings, parse_settings
    from benchbox.cli.run import name_list
    from benchbox.cli.watch import result_table
    from benchbox.store.store import Store

    found, settings = open_samples(samples, key), Settings(parse_settings(set_ or []))
    made_by = named_model(settings, model) if model else unknown_model(found, dataset)
    if model and dataset:
        raise UsageError("--dataset is for samples of no known model: leave it out, or --model.")
    if metric is None and not (model and made_by.metrics):
        raise UsageError("say what to measure, such as --metric fid.")
    chosen = name_list(metric, "--metric") if metric else list(made_by.metrics)
    metrics = tuple(m for n in chosen for m in settings.variants("metric", n))
    settings.finish()
    asked = Score(
        found, name or samples.resolve().stem, made_by, model is not None, metrics, seed, batch_size, devices(device),
        typed(),
    )  # fmt: skip
    with progress_bar() as bar:
        task = bar.add_task(asked.name, total=len(found))
        row = measure_samples(asked, Store(results), force, lambda done: bar.update(task, completed=done))
    console.print(result_table([row]))


def named_model(settings: object, name: str) -> Model:
    """The one model of that name, with the options of the settings."""
    from benchbox.bench.settings import Settings
    from benchbox.bench.sweep import model_variants

    assert isinstance(settings, Settings)
    models = model_variants(settings, name)
    if len(models) != 1:
        raise UsageError(f"{len(models)} settings of model {name} were given where one is meant.")
    return models[0]


def unknown_model(samples: Images, dataset: str | None) -> Model:
    """What stands for the model of images of which none is told. UsageError for samples that are no images."""
    from benchbox.bench.score import Unknown

    first = samples[:1]
    if first.ndim != 4 or first.dtype != "uint8":
        raise UsageError("the samples are no images of 0 to 255: say with --model what they are of.")
    return Unknown(tuple(first.shape[1:]), dataset or Unknown.dataset)
