"""benchbox train-classifier: train a classifier of noisy images, for classifier guidance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchbox.cli.common import command_line, console, progress_bar


def train_classifier(
    data: Annotated[Path, typer.Argument(help="An .npz of images and labels.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for the weights, the card and the checkpoint.")
    ],
    labels: Annotated[str, typer.Option(help="Name of the array of class labels 0, 1, … in the .npz.")],
    name: Annotated[str, typer.Option(help="Name of the classifier.")] = "my-classifier",
    key: Annotated[str | None, typer.Option(help="Name of the array of images in the .npz.")] = None,
    held_out: Annotated[
        int, typer.Option(help="Number of images to hold out, chosen at random, on which the accuracy is measured.")
    ] = 1000,
    widths: Annotated[str, typer.Option(help="Channels of each level of the network, a:b:c.")] = "32:64",
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks per level.")] = 1,
    patch: Annotated[int, typer.Option(min=1, help="Side of the patches that the stem folds into channels.")] = 2,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 2000,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    lr: Annotated[float, typer.Option(help="Peak learning rate of Adam (warm-up, then cosine to 0).")] = 2e-3,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    bfloat16: Annotated[bool, typer.Option("--bfloat16", help="Compute in bfloat16 autocast.")] = False,
    dataset: Annotated[
        str | None, typer.Option(help="Name of the data set on the card [default: the file name].")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence and attribution of the data set, for the card.")] = "not stated",
    resume: Annotated[bool, typer.Option(help="Resume from the checkpoint of the same training run.")] = True,
) -> None:
    """Train a classifier of images at all noise levels, for --guidance classifier --set classifier.card=DIR/NAME.json.

    Writes safetensors weights and a JSON card, and prints the accuracy on held-out images by noise level.
    """
    from benchbox.bench.hardware import usable
    from benchbox.training.noisy_classifier import ClassifierConfig, train_noisy_classifier

    config = ClassifierConfig(
        data=data, output=output, name=name, labels=labels, key=key, held_out=held_out, widths=widths, blocks=blocks,
        patch=patch, steps=steps, batch_size=batch_size, lr=lr, seed=seed, device=usable(device),
        bfloat16=bfloat16, dataset=dataset or data.absolute().stem, licence=licence, resume=resume,
        command=command_line(),
    )  # fmt: skip
    with progress_bar("loss {task.fields[loss]:.4f}") as bar:
        task = bar.add_task(name, total=steps, loss=float("nan"))
        path, card = train_noisy_classifier(config, lambda step, loss: bar.update(task, completed=step, loss=loss))
    table = Table("σ", "accuracy", title=f"{held_out:,} held-out images")
    for sigma, share in card.accuracy.items():
        table.add_row(sigma, f"{share:.1%}")
    console.print(table)
    console.print(f"wrote {path}")
