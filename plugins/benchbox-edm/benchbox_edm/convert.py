"""benchbox-edm-convert: converts a pickle, which must be trusted once, to safetensors and a card, which are safe."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from benchbox.atomic import output as written
from benchbox.card import Card, sha256, verified_file
from benchbox.cli.streams import standard_streams
from benchbox.errors import UsageError
from benchbox_edm.denoiser import with_weights
from benchbox_edm.pickles import FromPickle, Pickled, load

TOLERANCE = 1e-4
"""Largest difference of the outputs, relative to the largest output. Rounding errors are far smaller."""

UNUSED = ("map_augment.", "logvar_fourier.", "logvar_linear.")
"""Parameters that are used in training only."""


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of the network inside the preconditioning."""
    weights: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        inner = name.partition(".")[2] if name.startswith(("model.", "unet.")) else ""
        if inner and not inner.startswith(UNUSED):
            weights[inner] = tensor.contiguous()
    return weights


def plain(value: Any) -> Any:
    """A value as JSON. UsageError for other types."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "item"):
        return value.item()
    raise UsageError(f"an option of the pickled network is a {type(value).__name__}, which a card cannot store.")


@torch.inference_mode()
def difference(converted: nn.Module, pickled: Pickled, batch: int = 2) -> float:
    """Largest difference of the outputs at five levels, relative to the largest output."""
    original, (low, high) = FromPickle(pickled.net, pickled.classes), pickled.sigmas
    generator, largest = torch.Generator().manual_seed(0), 0.0
    for sigma in np.geomspace(low, high, 5).tolist():
        x = max(sigma, 1.0) * torch.randn(batch, *pickled.shape, generator=generator)
        level, label = torch.full((batch,), sigma), torch.arange(batch) % max(pickled.classes, 1)
        expected, actual = original(x, level, label), converted(x, level, label)
        largest = max(largest, float((expected - actual).abs().max() / expected.abs().max()))
    return largest


def convert(file: Path, output: Path, name: str, dataset: str | None, licence: str) -> tuple[Path, float]:
    """Write NAME.safetensors and NAME.json; returns the path of the card and the `difference` of the outputs.

    UsageError where the network is unknown, or the outputs differ.
    """
    pickled = load(file)
    architecture = {key: plain(value) for key, value in pickled.options().items()}
    tensors = weights_of(pickled.net)
    try:
        error = difference(with_weights(architecture, tensors, f"the weights in {file}"), pickled)
    except RuntimeError as failure:
        message = str(failure).splitlines()[-1].strip().rstrip(".")
        raise UsageError(f"the network in the file cannot be run: {message}.") from failure
    if not error <= TOLERANCE:
        raise UsageError(
            f"the converted network differs from the pickled one by {error:.1e} of its output (at most {TOLERANCE:g} "
            "is allowed): its code is not the published code of EDM or EDM2, so it cannot be converted."
        )
    output.mkdir(parents=True, exist_ok=True)
    weights, path = output / f"{name}.safetensors", output / f"{name}.json"
    with written(weights) as stream:
        stream.write(save(tensors))
    low, high = pickled.sigmas
    Card(
        name=name, dataset=dataset or pickled.dataset or name, licence=licence, shape=list(pickled.shape),
        data_range=[-1.0, 1.0], architecture=architecture, prediction="x0",
        schedule={"name": "edm", "sigma_min": low, "sigma_max": high},
        sigma_data=float(architecture.get("sigma_data", 0.5)), continuous=True, grid="karras", metrics=[],
        weights=weights.name, sha256=sha256(weights), plugin="nvidia-edm",
        training={
            "converted from": file.name, "SHA-256 of the pickle": sha256(file), "difference": error,
            "latent": pickled.latent,
        },
    ).write(path)  # fmt: skip
    return path, error


def main(arguments: list[str] | None = None) -> None:
    """The command line. A user's mistake is one sentence and exit status 2."""
    with standard_streams():
        command(arguments)


def command(arguments: list[str] | None) -> None:
    parser = argparse.ArgumentParser(prog="benchbox-edm-convert", description=__doc__)
    parser.add_argument("file", type=Path, help="a network pickle of EDM or EDM2")
    parser.add_argument("-o", "--output", type=Path, required=True, help="directory for weights and card")
    parser.add_argument("--trust-pickle", action="store_true", help="run the code in the pickle (required)")
    parser.add_argument("--sha256", help="refuse a file with another SHA-256")
    parser.add_argument("--name", help="name of the model [default: the name of the file]")
    parser.add_argument("--dataset", help="name of the data set [default: as stated in the file]")
    parser.add_argument("--licence", default="not stated", help="licence and credit, for the card")
    options = parser.parse_args(arguments)
    try:
        if not options.file.is_file():
            raise UsageError(f"there is no file {options.file}.")
        if options.sha256:
            verified_file(options.file, options.sha256.lower(), "the pickle")
        if not options.trust_pickle:
            raise UsageError("loading a pickle runs the code in it: add --trust-pickle if you trust its source.")
        path, error = convert(
            options.file, options.output, options.name or options.file.stem, options.dataset, options.licence
        )
    except UsageError as mistake:
        print(f"benchbox-edm-convert: {' '.join(str(mistake).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"wrote {path}: relative difference of the outputs {error:.1e}")
