"""benchbox reference: the statistics that samples are compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchbox.cli.common import console, devices, progress_bar

reference_app = typer.Typer(help="Make, show, import and export the statistics that fid, kid and prc need.")

WRITERS = {"edm": "bilinear-tf1", "edm2": "bilinear-tf1", "adm": "bilinear-tf1", "pytorch-fid": "bilinear"}
"""Who writes files of mu and sigma of Inception features, and how they resize images."""


@reference_app.command("make")
def make_file(
    images: Annotated[Path, typer.Argument(help="A folder or zip of pictures, an .npz, .npy or IDX file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
    features: Annotated[str, typer.Option(help="The feature extractor (benchbox doctor lists them).")] = "mnist-cnn",
    dataset: Annotated[str | None, typer.Option(help="Name of the data set [default: the images' file name].")] = None,
    split: Annotated[str, typer.Option(help="Which part of it.")] = "train",
    key: Annotated[str | None, typer.Option(help="Name of the array in an .npz.")] = None,
    keep: Annotated[int, typer.Option(min=0, help="Features to keep, which kid and prc need.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="The extractor's weights [default: torch's cache].")] = None,
    weights_sha256: Annotated[str | None, typer.Option(help="SHA-256 of the weights [default: the published].")] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Make a reference of images: mean and covariance of their features, in float64."""
    from benchbox.errors import UsageError
    from benchbox.inputs.images import open_images
    from benchbox.metrics.features import accepts, extractor
    from benchbox.metrics.reference import write_reference
    from benchbox.metrics.reference_images import make_reference

    found = open_images(images, key)
    if problem := accepts(features, found[:1].shape[1:]):
        raise UsageError(f"{images} cannot be measured: {problem}")
    extract = extractor(features, devices(device), weights, weights_sha256)
    with progress_bar() as bar:
        task = bar.add_task(features, total=len(found))
        made = make_reference(
            found, extract, keep, batch_size, lambda done: bar.update(task, completed=done),
            dataset=dataset or images.absolute().stem, split=split,
        )  # fmt: skip
    write_reference(output, made)
    console.print(f"wrote {output}: {made.label}, {len(made.mu)} features of {features}", soft_wrap=True)


@reference_app.command("show")
def show_file(file: Annotated[Path, typer.Argument(help="An .npz of mu and sigma.")]) -> None:
    """Say what a reference holds."""
    from benchbox.metrics.reference import read_reference

    found = read_reference(file, vectors=True)
    for name, value in vars(found).items():
        text = getattr(value, "shape", value)
        console.print(f"{name}: {text if text not in ('', 0, None) else 'not stated'}", markup=False, soft_wrap=True)


@reference_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="mu and sigma of Inception features: .npz, .pt, .pkl.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
    dataset: Annotated[str, typer.Option(help="Name of the data set, as the model's card has it.")],
    count: Annotated[
        int | None, typer.Option(min=1, help="How many images it is of [default: as many as it has pool_3 features].")
    ] = None,
    written_by: Annotated[
        Literal["edm", "edm2", "adm", "pytorch-fid"], typer.Option(help="Whose code wrote it.")
    ] = "edm",
    split: Annotated[str, typer.Option(help="Which part of the data set.")] = "train",
    resize: Annotated[
        str | None, typer.Option(help="How images were resized [default: as the writer does; fid wants bilinear-tf1].")
    ] = None,
) -> None:
    """Take over statistics that EDM, EDM2, ADM, pytorch-fid or torch wrote, saying what they do not say themselves."""
    from benchbox.errors import UsageError
    from benchbox.metrics.reference import read_reference, write_reference

    theirs = read_reference(file, vectors=True)
    if not (count or theirs.n):
        raise UsageError(f"{file} does not say how many images it is of: give --count.")
    found = replace(
        theirs, n=count or theirs.n, dataset=dataset, split=split, features="inception-v3-compat",
        resize=resize or WRITERS[written_by],
    )  # fmt: skip
    write_reference(output, found)
    console.print(f"wrote {output}: {found.label}", soft_wrap=True)


@reference_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A reference.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
) -> None:
    """Write mu and sigma alone, as EDM's fid.py and pytorch-fid read them."""
    from benchbox.metrics.reference import read_reference, write_arrays

    found = read_reference(file)
    write_arrays(output, {"mu": found.mu, "sigma": found.sigma})
    console.print(f"wrote {output}", soft_wrap=True)
