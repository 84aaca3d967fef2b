"""Mean and covariance of features as other programs write them: an .npz, a file of torch, a pickle of EDM2."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbox.files import reading
from benchbox.inputs.pickled_arrays import arrays_in_pickle

STATISTICS = "a file of mu and sigma (an .npz, or a dictionary saved by torch or EDM2)"

MOMENTS, EDM2_ENTRY = ("mu", "sigma"), "fid"
"""Names of the arrays, and of the entry in which EDM2 stores them."""

MAX_FEATURES = 2**14
"""Largest dimension of the features of a reference."""

MAX_BYTES = 16 * MAX_FEATURES**2
"""Largest array that is read: more than a float64 covariance of `MAX_FEATURES`."""

ASYMMETRY = 1e-4
"""Tolerated asymmetry of a covariance that was rounded to float32, relative to its largest entry."""


def read_statistics(path: Path, vectors: bool = False) -> dict[str, Any]:
    """`mu` and `sigma` in float64 with the metadata in the file (n, dataset, …). UsageError where they are invalid.

    vectors: read the features, too. For a file of `pool_3` features alone, as score_sde writes it, the mean and the
    covariance are computed.
    """
    with reading(path, STATISTICS):
        values = {name: np.asarray(value) for name, value in _arrays_in(path, vectors).items()}
        if "pool_3" in values:
            values |= _statistics_of(values.pop("pool_3"), vectors)
        values |= {name: finite_numbers(values[name], name) for name in MOMENTS}
        _check_moments(values["mu"], values["sigma"])
        return values


def _arrays_in(path: Path, vectors: bool) -> Mapping[str, Any]:
    """The arrays that are needed from a file; features only on request, or where all is computed from them."""
    if not zipfile.is_zipfile(path):
        return _mean_and_covariance(_pickled(path))
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    if pickles := [name for name in sizes if name.endswith("/data.pkl")]:
        _check_sizes(sizes.values())
        return _mean_and_covariance(_saved_by_torch(path, pickles[0]))
    names = {"n", "dataset", "split", "features", "resize", "sha256"}
    names |= {"mu", "sigma"} if "mu.npy" in sizes else {"pool_3"}
    names |= {"vectors"} if vectors else set()
    names |= {"class_n", "class_mu", "class_sigma"}
    _check_sizes(sizes.get(f"{name}.npy", 0) for name in names)
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in sorted(names) if name in file}


def _check_sizes(sizes: Iterable[int]) -> None:
    """ValueError where an array would take more memory than any reference."""
    if max(sizes) > MAX_BYTES:
        raise ValueError("it states a size that is larger than any reference")


def _pickled(path: Path) -> Mapping[str, Any]:
    """The arrays in a pickle, which is read as data."""
    with path.open("rb") as file:
        if file.peek(1)[:1] != b"\x80":
            raise ValueError("it is neither a zip archive nor a pickle")
        return arrays_in_pickle(file, MOMENTS, EDM2_ENTRY)


def _saved_by_torch(path: Path, name: str) -> Any:
    """What `torch.save` wrote: tensors, or numpy arrays. name: of the pickle in the archive."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # raised for numpy arrays
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            return arrays_in_pickle(file, MOMENTS, EDM2_ENTRY)


def _mean_and_covariance(values: Any) -> Mapping[str, Any]:
    """mu and sigma of a dictionary, or of its entry `fid`: EDM2 writes one entry per extractor."""
    if not isinstance(values, Mapping):
        raise ValueError(f"it holds a {type(values).__name__}")
    entry = values if "mu" in values else values.get(EDM2_ENTRY)
    if not isinstance(entry, Mapping):
        raise ValueError(f"it has neither an array mu nor a dictionary {EDM2_ENTRY}")
    return {name: entry[name] for name in MOMENTS}


def _statistics_of(features: Any, vectors: bool) -> dict[str, Any]:
    """Mean, covariance and count of features (n, dim); with the features where `vectors` is set."""
    flat = finite_numbers(features, "pool_3").reshape(len(features), -1)
    if len(flat) < 2 or flat.shape[1] > MAX_FEATURES:
        raise ValueError(f"its pool_3 has shape {features.shape}, where features of at least two images are needed")
    statistics = {"mu": flat.mean(0), "sigma": np.atleast_2d(np.cov(flat, rowvar=False)), "n": np.array(len(flat))}
    return statistics | ({"vectors": flat.astype(np.float32)} if vectors else {})


def finite_numbers(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    """The values in float64. ValueError where they are not finite numbers."""
    if values.dtype.kind not in "iuf":
        raise ValueError(f"its {name} is of {values.dtype}, where numbers are needed")
    if not np.isfinite(values).all():
        raise ValueError(f"its {name} has values that are not finite")
    return values.astype(np.float64)


def _check_moments(mu: NDArray[np.float64], sigma: NDArray[np.float64]) -> None:
    """ValueError where these are not a mean and a covariance."""
    if mu.ndim != 1 or not mu.size or sigma.shape != 2 * mu.shape:
        raise ValueError(f"mu of shape {mu.shape} and sigma of shape {sigma.shape} are no statistics")
    if np.abs(sigma - sigma.T).max() > ASYMMETRY * np.abs(sigma).max():
        raise ValueError("its sigma is not symmetric, so it is no covariance")
    if sigma.diagonal().min() < 0:
        raise ValueError("its sigma has a variance below 0, so it is no covariance")
