"""Images to train from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError


def read_images(path: Path, key: str | None = None) -> NDArray[np.uint8]:
    """The uint8 images of an .npz, as (n, channels, height, width).

    key: the array's name; by default the first of `x_train`, `images`, `arr_0` that is there. Arrays are (n, h, w) or
    (n, h, w, c). Pickled content is refused. UsageError where the file, the array or its type is not right.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [key] if key else [n for n in ("x_train", "images", "arr_0") if n in file]
            if not names or names[0] not in file:
                raise UsageError(f"{path} has no array {key or 'x_train'!r}: it has {', '.join(file.files)}.")
            images = file[names[0]]
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as an .npz of images: {error}.") from None
    return channels_first(images, path)


def channels_first(images: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    """Images (n, h, w) or (n, h, w, c), as (n, c, h, w). UsageError where they are not uint8, or none."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not len(images):
        raise UsageError(
            f"{path}: images must be uint8 of shape (n, h, w) or (n, h, w, c), not {images.dtype} {images.shape}."
        )
    return np.ascontiguousarray(images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2))


def read_labels(path: Path, key: str, n: int) -> NDArray[np.int64]:
    """The class labels 0, 1, … of n images, from an array of the .npz. UsageError where they are none."""
    with np.load(path, allow_pickle=False) as file:
        if key not in file:
            raise UsageError(f"{path} has no array {key!r}: it has {', '.join(file.files)}.")
        labels = file[key]
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise UsageError(f"{path}: labels must be {n} whole numbers from 0 on, not {labels.dtype} {labels.shape}.")
    return labels.astype(np.int64)
