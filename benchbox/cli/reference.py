"""benchbox reference: the reference statistics of metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchbox.cli.common import console, progress_bar

reference_app = typer.Typer(help="Make, show, import and export the reference statistics that fid, kid and prc need.")

WRITERS = {"edm": "bilinear-tf1", "edm2": "bilinear-tf1", "adm": "bilinear-tf1", "pytorch-fid": "bilinear"}
"""Codebases that write mu and sigma of Inception features, and how they resize images."""


@reference_app.command("make")
def make_file(
    images: Annotated[Path, typer.Argument(help="A folder or zip of pictures, an .npz, .npy or IDX file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
    features: Annotated[str, typer.Option(help="The feature extractor (benchbox doctor lists them).")] = "mnist-cnn",
    dataset: Annotated[
        str | None, typer.Option(help="Name of the data set [default: the file name of the images].")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the data set.")] = "train",
    key: Annotated[str | None, typer.Option(help="Name of the array in an .npz.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Name of the array of labels in the .npz, for the moments of each class.")
    ] = None,
    keep: Annotated[int, typer.Option(min=0, help="Number of feature vectors to keep, for kid and prc.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="The extractor's weights [default: torch's cache].")] = None,
    weights_sha256: Annotated[
        str | None, typer.Option(help="SHA-256 of the weights [default: the published one].")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Make a reference from images: mean and covariance of their features, in float64."""
    from benchbox.bench.hardware import usable
    from benchbox.errors import UsageError
    from benchbox.inputs.images import open_images, read_labels
    from benchbox.metrics.extractors import accepts
    from benchbox.metrics.features import extractor
    from benchbox.metrics.reference import write_reference
    from benchbox.metrics.reference_images import make_reference

    opened = open_images(images, key)
    if problem := accepts(features, opened[:1].shape[1:]):
        raise UsageError(f"{images} cannot be measured: {problem}")
    classes = read_labels(images, labels, len(opened)) if labels else None
    extract = extractor(features, usable(device), weights, weights_sha256)
    with progress_bar() as bar:
        task = bar.add_task(features, total=len(opened))
        reference = make_reference(
            opened, extract, keep, batch_size, lambda done: bar.update(task, completed=done),
            classes, dataset=dataset or images.absolute().stem, split=split,
        )  # fmt: skip
    write_reference(output, reference)
    console.print(f"wrote {output}: {reference.label}, {len(reference.mu)} features of {features}", soft_wrap=True)


@reference_app.command("show")
def show_file(file: Annotated[Path, typer.Argument(help="An .npz of mu and sigma.")]) -> None:
    """Show the contents of a reference."""
    from benchbox.metrics.reference import read_reference

    reference = read_reference(file, vectors=True)
    for name, value in vars(reference).items():
        text = getattr(value, "shape", value)
        console.print(f"{name}: {text if text not in ('', 0, None) else 'not stated'}", markup=False, soft_wrap=True)


@reference_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="mu and sigma of Inception features: .npz, .pt, .pkl.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
    dataset: Annotated[str, typer.Option(help="Name of the data set, as on the model's card.")],
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of images [default: the number of pool_3 features in the file].")
    ] = None,
    written_by: Annotated[
        Literal["edm", "edm2", "adm", "pytorch-fid"], typer.Option(help="The codebase that wrote the file.")
    ] = "edm",
    split: Annotated[str, typer.Option(help="Split of the data set.")] = "train",
    resize: Annotated[
        str | None,
        typer.Option(help="How images were resized [default: as that codebase does; fid expects bilinear-tf1]."),
    ] = None,
) -> None:
    """Import statistics written by EDM, EDM2, ADM, pytorch-fid or torch, with the metadata that their files lack."""
    from benchbox.errors import UsageError
    from benchbox.metrics.reference import read_reference, write_reference

    imported = read_reference(file, vectors=True)
    if not (count or imported.n):
        raise UsageError(f"{file} does not state the number of images: give --count.")
    reference = replace(
        imported, n=count or imported.n, dataset=dataset, split=split, features="inception-v3-compat",
        resize=resize or WRITERS[written_by],
    )  # fmt: skip
    write_reference(output, reference)
    console.print(f"wrote {output}: {reference.label}", soft_wrap=True)


@reference_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A reference.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
) -> None:
    """Write only mu and sigma, in the format of EDM's fid.py and pytorch-fid."""
    from benchbox.metrics.reference import read_reference, write_arrays

    reference = read_reference(file)
    write_arrays(output, {"mu": reference.mu, "sigma": reference.sigma})
    console.print(f"wrote {output}", soft_wrap=True)
