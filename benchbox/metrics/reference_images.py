"""References made from images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.inputs.images import Images, image_batches
from benchbox.metrics.class_moments import ClassMoments, update_classes
from benchbox.metrics.frechet import Moments
from benchbox.metrics.reference import Reference

if TYPE_CHECKING:
    from benchbox.metrics.features import Extractor


def make_reference(
    images: Images,
    extractor: Extractor,
    keep: int = 0,
    batch_size: int = 64,
    tick: Callable[[int], None] = lambda done: None,
    labels: NDArray[np.int64] | None = None,
    **metadata: str,
) -> Reference:
    """The reference of images; metadata: its `dataset` and `split`.

    keep: how many features to store for kid and prc, of images spread evenly over the set. tick: is called with the
    number of images done so far. labels: the class of each image, for the moments of each class.
    """
    import torch

    stored = set(np.linspace(0, len(images) - 1, min(keep, len(images))).round().astype(int).tolist())
    moments, by_class = Moments(0), dict[int, Moments]()
    vectors, digest, done = [], hashlib.sha256(), 0
    for batch in image_batches(images, batch_size):
        digest.update(batch.tobytes())
        features = extractor.features(torch.as_tensor(batch))[extractor.layers["fid"]].numpy()
        moments = moments if done else Moments(features.shape[1])
        moments.update(features)
        if labels is not None:
            update_classes(by_class, features, labels[done : done + len(batch)])
        vectors.append(features[[i for i in range(len(batch)) if done + i in stored]])
        done += len(batch)
        tick(done)
    if moments.n < 2:
        raise UsageError("a reference needs at least two images.")
    return Reference(
        moments.mean, moments.covariance, moments.n, features=extractor.name, resize=extractor.resize,
        sha256=digest.hexdigest(), vectors=np.concatenate(vectors) if stored else None,
        classes=ClassMoments.of(by_class) if by_class else None, **metadata,
    )  # fmt: skip
