"""The features of a data set that samples are compared with: made, read, written, imported, exported."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.card import sha256
from benchbox.errors import UsageError
from benchbox.files import reading
from benchbox.images import Images, image_batches
from benchbox.metrics.frechet import Matrix
from benchbox.metrics.statistics import Moments
from benchbox.metrics.statistics_in import WHAT, numbers, statistics_in
from benchbox.model import Model
from benchbox.store.atomic import output

if TYPE_CHECKING:
    from benchbox.metrics.features import Extractor

REFERENCE_FOLDER = Path(__file__).parent / "references"
"""Those that come with benchbox."""

REFERENCE_SUFFIXES = {".npz", ".pt", ".pth", ".pkl"}
"""Of files of statistics."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """Mean and covariance of the features of n images, and where they come from; what is not known is empty, or 0.

    resize: how the extractor brought the images to its size. sha256: that of the images, uint8 (n, c, h, w), one after
    the other; of an imported reference, that of the file. vectors: the features themselves of some or all, (·, dim).
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

    @property
    def label(self) -> str:
        """What a row says of it, such as `mnist train 60000 1a2b3c4d`."""
        return " ".join(str(part) for part in (self.dataset, self.split, self.n, self.sha256[:8]) if part)

    def mismatch(self, model: Model, features: str) -> str | None:
        """Why samples of a model cannot be compared with this by these features; None where they can."""
        from benchbox.metrics.features import resize_of

        if self.features not in ("", features):
            return f"holds {self.features} features where {features} ones are needed"
        if self.resize not in ("", resize_of(features)):
            return f"was made with resize mode {self.resize} where {features} has {resize_of(features)}"
        # a formula, whose data set is its own name, may be compared with any
        if self.dataset and model.dataset not in (model.name, self.dataset):
            return f"is of data set {self.dataset} where model {model.name} was made from {model.dataset}"
        return None


def locate(name: str, features: str) -> Path:
    """The file of a reference: a path with a suffix of `SUFFIXES`, or a data set whose training split comes along."""
    path = (
        Path(name).expanduser()
        if Path(name).suffix in REFERENCE_SUFFIXES
        else REFERENCE_FOLDER / f"{features}-{name}-train.npz"
    )
    if not path.is_file():
        raise UsageError(
            f"there are no {features} statistics of data set {name!r}: make them with benchbox reference make, "
            "and give the file with --set reference=FILE.npz."
        )
    return path


def read_reference(path: Path, vectors: bool = False) -> Reference:
    """The reference in a file with at least `mu` and `sigma`, see `statistics_in`. UsageError where it is none.

    vectors: read the features, too, where the file has them.
    """
    with reading(path, WHAT):
        stat = path.stat()
    return _read(path, vectors, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, vectors: bool, modified: int, size: int) -> Reference:
    kinds: dict[str, type] = {"n": int, "dataset": str, "split": str, "features": str, "resize": str, "sha256": str}
    arrays = statistics_in(path, vectors)
    with reading(path, WHAT):
        said = {name: kind(arrays[name].item()) for name, kind in kinds.items() if name in arrays}
        if said.get("n", 0) < 0:
            raise ValueError(f"it is of {said['n']} images")
        kept = features_of(arrays["vectors"], len(arrays["mu"])) if vectors and "vectors" in arrays else None
    found = Reference(arrays["mu"], arrays["sigma"], **said, vectors=kept)
    return found if found.sha256 else replace(found, sha256=sha256(path))


def features_of(vectors: NDArray[Any], dim: int) -> Vectors:
    """The kept features in float32. ValueError where they are not finite numbers (·, dim)."""
    found = numbers(vectors, "vectors").astype(np.float32)
    if found.ndim != 2 or found.shape[1] != dim:
        raise ValueError(f"its vectors are of shape {found.shape}, where (·, {dim}) is needed")
    return found


def write_reference(path: Path, reference: Reference) -> None:
    """An .npz that `read_reference` reads, and that EDM and pytorch-fid read, too."""
    write_arrays(path, {name: value for name, value in vars(reference).items() if value is not None})


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """An .npz, whole or not at all. UsageError where it cannot be written."""
    with output(path) as file:
        np.savez_compressed(file, **arrays)


def make_reference(
    images: Images,
    extractor: Extractor,
    keep: int = 0,
    batch_size: int = 64,
    tick: Callable[[int], None] = lambda done: None,
    **said: str,
) -> Reference:
    """The reference of images; `said`: its data set and split.

    keep: how many features to keep, of images spread evenly over the set; kid and prc need them.
    """
    import torch

    from benchbox.metrics.features import resize_of

    kept = set(np.linspace(0, len(images) - 1, min(keep, len(images))).round().astype(int).tolist())
    moments: Moments | None = None
    vectors, digest, done = [], hashlib.sha256(), 0
    for batch in image_batches(images, batch_size):
        digest.update(batch.tobytes())
        features = extractor.features(torch.as_tensor(batch))[extractor.layers["fid"]].numpy()
        moments = moments or Moments(features.shape[1])
        moments.update(features)
        vectors.append(features[[i for i in range(len(batch)) if done + i in kept]])
        done += len(batch)
        tick(done)
    if moments is None or moments.n < 2:
        raise UsageError("a reference needs two images at the least.")
    return Reference(
        moments.mean, moments.covariance, moments.n, features=extractor.name, resize=resize_of(extractor.name),
        sha256=digest.hexdigest(), vectors=np.concatenate(vectors) if kept else None, **said,
    )  # fmt: skip
