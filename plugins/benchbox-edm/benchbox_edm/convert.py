"""benchbox-edm-convert: from a pickle, which has to be trusted once, to safetensors and a card, which have not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from benchbox.card import Card, sha256, verified_file
from benchbox.cli.streams import standard_streams
from benchbox.errors import UsageError
from benchbox.store.atomic import output as written
from benchbox_edm.denoiser import with_weights
from benchbox_edm.pickles import FromPickle, Pickled, load

TOLERANCE = 1e-4
"""The largest difference of the outputs, relative to the largest output: rounding stays well below."""

UNUSED = ("map_augment.", "logvar_fourier.", "logvar_linear.")
"""Parameters that only training uses."""


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of the network inside the preconditioning."""
    found: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        inner = name.partition(".")[2] if name.startswith(("model.", "unet.")) else ""
        if inner and not inner.startswith(UNUSED):
            found[inner] = tensor.contiguous()
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it. UsageError for what it cannot hold."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "item"):
        return value.item()
    raise UsageError(f"an option of the pickled network is a {type(value).__name__}, which a card cannot hold.")


@torch.inference_mode()
def difference(ours: nn.Module, pickled: Pickled, batch: int = 2) -> float:
    """The largest difference of the outputs over levels from low to high, relative to the largest output."""
    theirs, (low, high) = FromPickle(pickled.net, pickled.classes), pickled.sigmas
    draw, worst = torch.Generator().manual_seed(0), 0.0
    for sigma in np.geomspace(low, high, 5).tolist():
        x = max(sigma, 1.0) * torch.randn(batch, *pickled.shape, generator=draw)
        level, label = torch.full((batch,), sigma), torch.arange(batch) % max(pickled.classes, 1)
        a, b = theirs(x, level, label), ours(x, level, label)
        worst = max(worst, float((a - b).abs().max() / a.abs().max()))
    return worst


def convert(file: Path, output: Path, name: str, dataset: str | None, licence: str) -> tuple[Path, float]:
    """Write NAME.safetensors and NAME.json; returns the card's path and the difference of the outputs.

    UsageError where the network is not one that is known here, or its copy does not give the same outputs.
    """
    pickled = load(file)
    architecture = {key: plain(value) for key, value in pickled.options().items()}
    tensors = weights_of(pickled.net)
    try:
        found = difference(with_weights(architecture, tensors, f"the weights in {file}"), pickled)
    except RuntimeError as error:
        said = str(error).splitlines()[-1].strip().rstrip(".")
        raise UsageError(f"the network that the file describes cannot be run: {said}.") from error
    if not found <= TOLERANCE:
        raise UsageError(
            f"the converted network differs from the pickled one by {found:.1e} of its output ({TOLERANCE:g} is "
            "allowed): its code is not that of EDM or EDM2 as published, so it cannot be converted."
        )
    output.mkdir(parents=True, exist_ok=True)
    weights, path = output / f"{name}.safetensors", output / f"{name}.json"
    with written(weights) as target:
        target.write(save(tensors))
    low, high = pickled.sigmas
    Card(
        name=name, dataset=dataset or pickled.dataset or name, licence=licence, shape=list(pickled.shape),
        data_range=[-1.0, 1.0], architecture=architecture, prediction="x0",
        schedule={"name": "edm", "sigma_min": low, "sigma_max": high},
        sigma_data=float(architecture.get("sigma_data", 0.5)), continuous=True, grid="karras", metrics=[],
        weights=weights.name, sha256=sha256(weights), plugin="nvidia-edm",
        training={
            "converted from": file.name, "SHA-256 of the pickle": sha256(file), "difference": found,
            "latent": pickled.latent,
        },
    ).write(path)  # fmt: skip
    return path, found


def main(arguments: list[str] | None = None) -> None:
    """The command line: one sentence and exit status 2 for a mistake."""
    with standard_streams():
        command(arguments)


def command(arguments: list[str] | None) -> None:
    parser = argparse.ArgumentParser(prog="benchbox-edm-convert", description=__doc__)
    parser.add_argument("file", type=Path, help="a network pickle of EDM or EDM2")
    parser.add_argument("-o", "--output", type=Path, required=True, help="directory for weights and card")
    parser.add_argument("--trust-pickle", action="store_true", help="run the code in the pickle: needed")
    parser.add_argument("--sha256", help="refuse a file with another SHA-256")
    parser.add_argument("--name", help="name of the model [default: the file's]")
    parser.add_argument("--dataset", help="name of the data set [default: what the file says]")
    parser.add_argument("--licence", default="not stated", help="licence and credit, for the card")
    given = parser.parse_args(arguments)
    try:
        if not given.file.is_file():
            raise UsageError(f"there is no file {given.file}.")
        if given.sha256:
            verified_file(given.file, given.sha256.lower(), "the pickle")
        if not given.trust_pickle:
            raise UsageError(
                "loading a pickle runs whatever code is in it: if you trust who made it, add --trust-pickle."
            )
        path, found = convert(given.file, given.output, given.name or given.file.stem, given.dataset, given.licence)
    except UsageError as error:
        print(f"benchbox-edm-convert: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"wrote {path}: its outputs differ from the pickle's by {found:.1e} of their size")
