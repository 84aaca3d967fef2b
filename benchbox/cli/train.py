"""benchbox train: train a score model on images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchbox.cli.common import command_line, console, progress_bar
from benchbox.cli.distill import distill_command
from benchbox.errors import UsageError


def train(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Argument(help="A folder or zip of pictures, an .npz, .npy or IDX file.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for the weights, the card and the checkpoint.")
    ] = Path("models"),
    distill: Annotated[
        str | None,
        typer.Option(help="Distill this model, or that of a card, into one that jumps to the data; takes no images."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "my-model",
    key: Annotated[str | None, typer.Option(help="Name of the array of images in the .npz.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Name of the array of class labels: the model becomes class-conditional.")
    ] = None,
    prediction: Annotated[
        Literal["eps", "x0", "v", "score", "edm", "flow"],
        typer.Option(help="What the network predicts; determines the loss."),
    ] = "edm",
    schedule: Annotated[
        str | None, typer.Option(help="Noise schedule [default: the usual one for this prediction].")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="OPTION=VALUE of the schedule or of the loss (sigma_data, ladder, p_mean, p_std)."),
    ] = None,
    widths: Annotated[
        str | None, typer.Option(help="Channels of each U-Net level, a:b:c [default: 32:80, with --latent 96].")
    ] = None,
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks per level.")] = 1,
    patch: Annotated[
        int | None,
        typer.Option(
            min=1, help="Side of the patches that the stem folds into channels [default: 2, with --latent 1]."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 10_000,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    lr: Annotated[float, typer.Option(help="Peak learning rate of Adam (warm-up, then cosine to 0).")] = 1e-3,
    clip: Annotated[float, typer.Option(help="Clip the gradient to this norm.")] = 1.0,
    ema: Annotated[float, typer.Option(help="Decay of the exponential moving average of the weights.")] = 0.999,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: bfloat16 on CUDA, float32 on the CPU.")
    ] = "auto",
    dataset: Annotated[
        str | None, typer.Option(help="Name of the data set on the card [default: the file name].")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence and attribution of the data set, for the card.")] = "not stated",
    grid: Annotated[
        str | None, typer.Option(help="Default grid of the model [default: the usual one for the schedule].")
    ] = None,
    features: Annotated[str | None, typer.Option(help="Feature extractor for the FID of this model.")] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Also make the reference statistics that its FID needs.")
    ] = False,
    learn_variance: Annotated[
        bool,
        typer.Option(
            "--learn-variance",
            help="Also learn the variance of the reverse steps (Nichol & Dhariwal 2021), for ancestral.",
        ),
    ] = False,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="Start from the weights of this model, or that of a card: a network of the same widths, blocks and "
            "patch, also of another prediction, schedule or number of classes.",
            metavar="MODEL",
        ),
    ] = None,
    problem: Annotated[
        str | None,
        typer.Option(
            help="Train a network that takes the measurement of an inverse problem, NAME[:VALUE][:OPTION=VALUE…], such "
            "as super-resolution:4 (Saharia et al. 2023).",
            metavar="PROBLEM",
        ),
    ] = None,
    latent: Annotated[
        bool,
        typer.Option(
            "--latent", help="Train an autoencoder first, and the model on its latents (Rombach et al. 2022)."
        ),
    ] = False,
    latent_channels: Annotated[int, typer.Option(min=1, help="Channels of the latents.")] = 4,
    autoencoder_widths: Annotated[
        str, typer.Option(help="Channels of the levels of the autoencoder, a:b:c; each halves the sides.")
    ] = "32:64",
    autoencoder_steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of the autoencoder.")] = 2000,
    resume: Annotated[bool, typer.Option(help="Resume from the checkpoint of the same training run.")] = True,
) -> None:
    """Train a score model on images. Writes safetensors weights and a JSON card, for --model DIR/NAME.json."""
    from benchbox.bench.hardware import usable
    from benchbox.training.job import TrainingConfig
    from benchbox.training.problem_option import parsed_problem
    from benchbox.training.run import train_model

    if distill is not None:
        distill_command(distill, given_options(ctx))
        return
    if data is None:
        raise UsageError("train needs images: a folder, zip or file of them; or --distill MODEL, which takes none.")
    config = TrainingConfig(
        data=data, output=output, name=name, key=key, prediction=prediction, schedule=schedule, settings=set_ or [],
        widths=widths, blocks=blocks, patch=patch, steps=steps, batch_size=batch_size, lr=lr, clip=clip, ema=ema,
        seed=seed, labels=labels, device=usable(device), bfloat16=precision,
        dataset=dataset or data.absolute().stem, licence=licence,
        grid=grid, features=features, reference=reference, resume=resume, learn_variance=learn_variance,
        init_from=init_from,
        problem=None if problem is None else parsed_problem(problem),
        command=command_line(), latent=latent, latent_channels=latent_channels,
        autoencoder_widths=autoencoder_widths, autoencoder_steps=autoencoder_steps,
    )  # fmt: skip
    with progress_bar("loss {task.fields[loss]:.4f}") as bar:
        task = bar.add_task(name, total=steps + (autoencoder_steps if latent else 0), loss=float("nan"))
        card = train_model(config, lambda step, loss: bar.update(task, completed=step, loss=loss))
    console.print(f"wrote {card}")


def given_options(ctx: typer.Context) -> dict[str, Any]:
    """The arguments and options that were given on the command line."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name: ctx.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}
