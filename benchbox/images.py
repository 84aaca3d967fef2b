"""Images that a user supplies: a folder or a zip of pictures, an .npz, an .npy or an IDX file. The one place for it."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.files import mistaken, reading
from benchbox.pictures import Pictures, check_memory, in_folder, in_zip

if TYPE_CHECKING:
    from torch import Tensor

IMAGE_KEYS = ("x_train", "images", "arr_0")
"""Names under which images are looked for in an .npz."""

ZIP, NPY, IDX, GZIP = b"PK", b"\x93NUMPY", b"\0\0\x08", b"\x1f\x8b"
"""How the files begin."""

IMAGE_SOURCES = "a folder or zip of pictures, an .npz, an .npy or an IDX file of images"


class Images(Protocol):
    """Images of which slices are read, uint8 (n, channels, h, w)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


def open_images(path: Path, key: str | None = None) -> Images:
    """The images at a path. UsageError where there are none, or where it is not certain what their values mean.

    path: a folder or a zip of pictures; an .npz (`key` names its array) or .npy of uint8 (n, h, w), (n, h, w, c) or
    (n, c, h, w); an IDX file, gzipped or not. A file is known by its content, not by its name.
    """
    if path.is_dir() or _is_zip_of_pictures(path):
        if key:
            raise UsageError(f"{path} holds pictures, not arrays: leave out the key {key!r}.")
        return Pictures(in_folder(path) if path.is_dir() else in_zip(path), path)
    first = beginning(path)
    if first.startswith((ZIP, NPY)):
        return channels_first(read_array(path, *([key] if key else IMAGE_KEYS)), path)
    if first.startswith((IDX, GZIP)):
        return channels_first(read_idx(path), path)
    raise UsageError(f"{path} is not {IMAGE_SOURCES}: {mistaken(path) or 'it begins as none of these'}.")


def beginning(path: Path) -> bytes:
    with reading(path, IMAGE_SOURCES):
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        with path.open("rb") as file:
            return file.read(8)


def _is_zip_of_pictures(path: Path) -> bool:
    if not beginning(path).startswith(ZIP):
        return False
    with reading(path, IMAGE_SOURCES), zipfile.ZipFile(path) as archive:
        return not any(name.endswith(".npy") for name in archive.namelist())


def read_array(path: Path, *names: str) -> NDArray[Any]:
    """The array of an .npy, or the first of these names that an .npz has, whatever the file itself is called."""
    with reading(path, "an .npz or .npy of numbers"):
        if not beginning(path).startswith(ZIP):
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        name = next((name for name in names if name in sizes), None)
        if name is None:
            raise UsageError(f"{path} has no array {names[0]!r}: it has {', '.join(sizes) or 'none'}.")
        check_memory(path, sizes[name])
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name])


def read_images(path: Path, key: str | None = None) -> NDArray[np.uint8]:
    """All the images at a path (see `open_images`), uint8 (n, channels, h, w)."""
    return np.require(open_images(path, key)[:], requirements=["C", "W", "E"])  # a copy only where torch needs one


def channels_first(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Images (n, h, w), (n, h, w, c) or (n, c, h, w), as (n, c, h, w). UsageError where they are not uint8, or none.

    The channels are the last axis where it has 1 or 3 places, otherwise the second where it has, otherwise the last or
    the second with 2 or 4.
    """
    axes = [a for counts in ((1, 3), (2, 4)) for a in (-1, 1) if images.ndim == 4 and images.shape[a] in counts]
    if images.dtype != np.uint8 or not images.size or (images.ndim != 3 and not axes):
        raise UsageError(
            f"{path}: images must be uint8 (0 … 255) of shape (n, h, w), (n, h, w, c) or (n, c, h, w), "
            f"not {images.dtype} {images.shape}."
        )
    return images[:, None] if images.ndim == 3 else cast(NDArray[np.uint8], np.moveaxis(images, axes[0], 1))


def read_labels(path: Path, key: str, n: int) -> NDArray[np.int64]:
    """The class labels 0, 1, … of n images, from an array of the .npz. UsageError where they are none."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: labels are an array of an .npz, beside that of the images.")
    labels = read_array(path, key)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"{path}: labels must be {n} whole numbers from 0 on, not {labels.dtype} {labels.shape}.")
    if labels.min() < 0 or labels.max() >= n:
        raise UsageError(
            f"{path}: labels must number the classes 0, 1, …; "
            f"these go from {labels.min()} to {labels.max()}, with {n} images."
        )
    return labels.astype(np.int64)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of bytes, the format of MNIST's own files. UsageError where it is none."""
    with reading(path, "an IDX file of bytes"), _opened(path) as file:
        head = file.read(4)
        if not head.startswith(IDX) or not 1 <= head[3] <= 4:
            raise ValueError("it does not begin as one")
        shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
        check_memory(path, math.prod(shape))
        data = file.read(math.prod(shape) + 1)
    if len(data) != math.prod(shape):
        more = "more" if len(data) > math.prod(shape) else f"{len(data)} bytes"
        raise UsageError(f"{path} holds {more} where an array of {shape} was to follow.")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if beginning(path).startswith(GZIP) else path.open("rb")


def image_batches(images: Images, size: int) -> Iterator[NDArray[np.uint8]]:
    """Images in batches, the last one smaller."""
    for first in range(0, len(images), size):
        yield np.array(images[first : first + size])


def to_uint8(x: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Images as they would be saved: the range to 0 … 255, rounded, clipped (Karras et al. 2022, generate.py)."""
    low, high = data_range
    return ((x - low) * (255 / (high - low)) + 0.5).clamp(0, 255).byte()
