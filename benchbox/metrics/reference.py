"""References: the features of a data set that samples are compared with; their files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbox.atomic import output
from benchbox.card import sha256
from benchbox.errors import UsageError
from benchbox.files import reading
from benchbox.inputs.statistics import STATISTICS, finite_numbers, read_statistics
from benchbox.metrics.class_moments import NAMES as CLASS_ARRAYS
from benchbox.metrics.class_moments import ClassMoments
from benchbox.metrics.frechet import Matrix
from benchbox.model import Model

REFERENCE_FOLDER = Path(__file__).parent / "references"
"""The bundled references."""

REFERENCE_SUFFIXES = {".npz", ".pt", ".pth", ".pkl"}
"""Suffixes of files of statistics."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """Mean and covariance of the features of n images, and their origin; unknown fields are empty, or 0.

    resize: how the extractor resizes images. sha256: of the images, uint8 (n, c, h, w), in order; of the file where
    the reference is imported. vectors: the features of some or all images, (·, dim). classes: the moments of each
    class.
    """

    mu: Matrix
    sigma: Matrix
    n: int = 0
    dataset: str = ""
    split: str = ""
    features: str = ""
    resize: str = ""
    sha256: str = ""
    vectors: Vectors | None = None
    classes: ClassMoments | None = None

    @property
    def label(self) -> str:
        """The value of the column `_reference`, such as `mnist train 60000 1a2b3c4d`."""
        return " ".join(str(field) for field in (self.dataset, self.split, self.n, self.sha256[:8]) if field)

    def of_classes(self, labels: NDArray[np.int64]) -> Reference:
        """The reference of images with these labels, in these proportions: the moments of a mixture of classes."""
        assert self.classes is not None
        asked, counts = np.unique(labels, return_counts=True)
        shares = np.zeros(len(self.classes.n))
        shares[asked] = counts / counts.sum()
        mu, sigma = self.classes.mixture(shares)
        split = f"{self.split} classes {':'.join(map(str, asked))}".strip()
        return replace(self, mu=mu, sigma=sigma, n=int(self.classes.n[asked].sum()), split=split)

    def mismatch(self, model: Model, features: str, resize: str) -> str | None:
        """Why this reference cannot be used for a model and an extractor with a resize mode; None where it can."""
        if self.features not in ("", features):
            return f"holds {self.features} features, and {features} features are needed"
        if self.resize not in ("", resize):
            return f"was made with resize mode {self.resize}, and {features} uses {resize}"
        # an analytic model, whose data set is its own name, may be compared with any reference
        if self.dataset and model.dataset not in (model.name, self.dataset):
            return f"is of data set {self.dataset}, and model {model.name} was trained on {model.dataset}"
        return None


def locate(name: str, features: str, classes: bool = False) -> Path:
    """The file of a reference, given as a path with a known suffix or as the name of a bundled data set.

    classes: the bundled file with the moments of each class.
    """
    path = (
        Path(name).expanduser()
        if Path(name).suffix in REFERENCE_SUFFIXES
        else REFERENCE_FOLDER / f"{features}-{name}-train{'-classes' * classes}.npz"
    )
    if not path.is_file():
        raise UsageError(
            f"there is no {features} reference of data set {name!r}: create one with benchbox reference make "
            "and pass it with --set reference=FILE.npz."
        )
    return path


def read_reference(path: Path, vectors: bool = False) -> Reference:
    """The reference in a file of `mu` and `sigma`, see `read_statistics`. UsageError where the file is invalid.

    vectors: read the features, too, where the file has them.
    """
    with reading(path, STATISTICS):
        stat = path.stat()
    return _read(path, vectors, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, vectors: bool, modified: int, size: int) -> Reference:
    types: dict[str, type] = {"n": int, "dataset": str, "split": str, "features": str, "resize": str, "sha256": str}
    arrays = read_statistics(path, vectors)
    with reading(path, STATISTICS):
        metadata = {name: type_(arrays[name].item()) for name, type_ in types.items() if name in arrays}
        if metadata.get("n", 0) < 0:
            raise ValueError(f"it is of {metadata['n']} images")
        features = features_of(arrays["vectors"], len(arrays["mu"])) if vectors and "vectors" in arrays else None
        classes = ClassMoments.read(arrays) if all(name in arrays for name in CLASS_ARRAYS) else None
    reference = Reference(arrays["mu"], arrays["sigma"], **metadata, vectors=features, classes=classes)
    return reference if reference.sha256 else replace(reference, sha256=sha256(path))


def features_of(vectors: NDArray[Any], dim: int) -> Vectors:
    """The features in float32. ValueError where they are not finite numbers (·, dim)."""
    features = finite_numbers(vectors, "vectors").astype(np.float32)
    if features.ndim != 2 or features.shape[1] != dim:
        raise ValueError(f"its vectors have shape {features.shape}, where (·, {dim}) is needed")
    return features


def write_reference(path: Path, reference: Reference) -> None:
    """Write an .npz that `read_reference`, EDM and pytorch-fid can read."""
    arrays = {name: value for name, value in vars(reference).items() if value is not None and name != "classes"}
    write_arrays(path, arrays | (reference.classes.arrays() if reference.classes else {}))


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz atomically. UsageError where it cannot be written."""
    with output(path) as file:
        np.savez_compressed(file, **arrays)
