"""Mean and covariance of features, as several programs write them: an .npz, a file of torch, a pickle of EDM2."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchbox.files import reading
from benchbox.metrics.frechet import Matrix
from benchbox.metrics.inert import arrays_in_pickle

WHAT = "a file of mu and sigma (an .npz, or a dictionary that torch or EDM2 saved)"

MOST_DIM = 2**14
"""Features of a reference."""

ASYMMETRY = 1e-4
"""Of a covariance that was rounded to float32, relative to its largest entry."""


def statistics_in(path: Path, vectors: bool = False) -> dict[str, Any]:
    """`mu` and `sigma` in float64, and what else the file says of them: n, dataset, …; vectors: the features, too.

    A file of `pool_3` features alone, as score_sde writes it, has their mean and covariance computed. UsageError where
    there are none, or where they are no mean and covariance.
    """
    with reading(path, WHAT):
        found = {name: np.asarray(value) for name, value in arrays_in(path, vectors).items()}
        if "pool_3" in found:
            found |= of_features(found.pop("pool_3"), vectors)
        found |= {name: numbers(found[name], name) for name in ("mu", "sigma")}
        check_moments(found["mu"], found["sigma"])
        return found


def arrays_in(path: Path, vectors: bool) -> Mapping[str, Any]:
    """What is read of a file: the features only where they are wanted, or where all must be computed from them."""
    if not zipfile.is_zipfile(path):
        return of_edm2(pickled(path))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if saved := [name for name in names if name.endswith("/data.pkl")]:
            return of_edm2(torch_saved(path, saved[0]))
        known = {"n", "dataset", "split", "features", "resize", "sha256"}
        known |= {"mu", "sigma"} if "mu.npy" in names else {"pool_3"}
        known |= {"vectors"} if vectors else set()
        if any(archive.getinfo(f"{name}.npy").file_size > 16 * MOST_DIM**2 for name in known if f"{name}.npy" in names):
            raise ValueError("it says that it holds more than a reference can")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in sorted(known) if name in file}


def pickled(path: Path) -> Any:
    """What a pickle holds, of numbers and arrays alone."""
    with path.open("rb") as file:
        if file.peek(1)[:1] != b"\x80":
            raise ValueError("it is neither a zip archive nor a pickle")
        return arrays_in_pickle(file)


def torch_saved(path: Path, name: str) -> Any:
    """What `torch.save` wrote, of tensors or arrays and plain values alone; name: of the pickle in its archive."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # torch takes no arrays of numpy
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            return arrays_in_pickle(file)


def of_edm2(found: Any) -> Mapping[str, Any]:
    """The mean and covariance in a dictionary, or in its part `fid`: EDM2 keeps one part for each extractor."""
    if not isinstance(found, Mapping):
        raise ValueError(f"it holds a {type(found).__name__}")
    if "mu" not in found and not isinstance(found.get("fid"), Mapping):
        raise ValueError(f"it has neither mu nor fid; it has {', '.join(map(str, found))[:100]}")
    part = found if "mu" in found else found["fid"]
    return {name: part[name] for name in ("mu", "sigma")}


def of_features(features: Any, vectors: bool) -> dict[str, Any]:
    """Mean, covariance and number of features (n, dim); vectors: with themselves."""
    flat = numbers(features, "pool_3").reshape(len(features), -1)
    if len(flat) < 2 or flat.shape[1] > MOST_DIM:
        raise ValueError(f"its pool_3 is of shape {features.shape}, where two images at the least are needed")
    found = {"mu": flat.mean(0), "sigma": np.atleast_2d(np.cov(flat, rowvar=False)), "n": np.array(len(flat))}
    return found | ({"vectors": flat.astype(np.float32)} if vectors else {})


def numbers(values: Any, name: str) -> Matrix:
    """In float64. ValueError where they are of another type, or not finite."""
    if values.dtype.kind not in "iuf":
        raise ValueError(f"its {name} is of {values.dtype}, where numbers are needed")
    found: Matrix = values.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"its {name} has values that are not finite")
    return found


def check_moments(mu: Matrix, sigma: Matrix) -> None:
    """ValueError where they are no mean and covariance."""
    if mu.ndim != 1 or not mu.size or sigma.shape != 2 * mu.shape:
        raise ValueError(f"mu of shape {mu.shape} and sigma of {sigma.shape} are no statistics")
    if np.abs(sigma - sigma.T).max() > ASYMMETRY * np.abs(sigma).max():
        raise ValueError("its sigma is not symmetric, so it is no covariance")
    if sigma.diagonal().min() < 0:
        raise ValueError("its sigma has a variance below 0, so it is no covariance")
