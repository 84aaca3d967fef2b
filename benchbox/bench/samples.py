"""Samples in files: a folder of pictures or of shards, an .npz, an .npy or an IDX file; and as a model's data."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchbox.errors import UsageError
from benchbox.inputs.images import Images, open_images
from benchbox.model import Model

SAMPLES_KEY, INDEX_KEY = "samples", "index"
"""Arrays of an .npz: samples that are not images, float (n, …), and the numbers of the samples, (n,)."""


def open_samples(path: Path, key: str | None = None) -> Images:
    """The samples at a path: images, uint8 (n, channels, h, w), or float (n, …). UsageError for anything else.

    A folder of .npz files holds shards, as `benchbox run --save-samples` writes them.
    """
    shards = sorted(path.glob("*.npz")) if path.is_dir() else []
    if shards:
        return joined_shards(shards, key)
    if path.is_dir() and (folders := sorted({shard.parent for shard in path.glob("*/*.npz")})):
        raise UsageError(f"{path} has no samples of its own: give one of its folders, such as {folders[0]}.")
    return read_samples(path, key) if path.suffix == ".npz" else open_images(path, key)


def read_samples(path: Path, key: str | None) -> Any:
    array = array_of(path, key or SAMPLES_KEY)
    return array if array is not None and array.dtype.kind == "f" and array.ndim > 1 else open_images(path, key)


def array_of(path: Path, key: str) -> NDArray[Any] | None:
    """An array of an .npz; None where it is missing or cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[key]) if key in file else None
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile):
        return None


def joined_shards(shards: list[Path], key: str | None) -> NDArray[Any]:
    """The samples of all shards in the order of their numbers, each once. UsageError where their shapes differ."""
    arrays = [read_samples(path, key) for path in shards]
    if len({(array.shape[1:], array.dtype) for array in arrays}) > 1:
        raise UsageError(f"the files in {shards[0].parent} hold samples of different shapes or types.")
    numbers = [array_of(path, INDEX_KEY) for path in shards]
    samples = np.concatenate(arrays)
    if any(n is None or n.shape != (len(array),) for n, array in zip(numbers, arrays, strict=True)):
        return samples
    index, first = np.unique(np.concatenate([n for n in numbers if n is not None]), return_index=True)
    if len(index) and index[-1] != len(index) - 1:
        raise UsageError(
            f"the files in {shards[0].parent} hold {len(index):,} samples, numbered up to {index[-1]:,}: "
            "some are missing."
        )
    return samples[first]


def as_data(batch: np.ndarray[Any, Any], model: Model) -> Tensor:
    """Samples (n, …), images of 0 to 255 or numbers, as the model's data. UsageError where their shape differs.

    Images of three equal channels become grey images of one for a model of those, and the other way round.
    """
    model_shape, shape = model.data_shape, batch.shape[1:]
    if len(model_shape) == 3 and model_shape[1:] == shape[1:] and {model_shape[0], *shape[:1]} == {1, 3}:
        if shape[0] == 3 and not (batch == batch[:, :1]).all():
            raise UsageError(f"the pictures are in colour, and model {model.name} makes grey images.")
        batch = batch[:, :1] if shape[0] == 3 else batch.repeat(3, 1)
    if batch.shape[1:] != model_shape:
        raise UsageError(f"the samples have shape {shape}, and those of model {model.name} have {model_shape}.")
    x = torch.as_tensor(batch)
    if batch.dtype != np.uint8 or model.data_range is None:
        return x.float()
    low, high = model.data_range
    return low + x.float() * ((high - low) / 255)
