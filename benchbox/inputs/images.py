"""Images and labels of a user: a folder or zip of pictures, an .npz, an .npy or an IDX file."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.files import mistaken, reading
from benchbox.inputs.picture_files import in_folder, in_zip
from benchbox.inputs.pictures import Pictures, check_memory

IMAGE_KEYS = ("x_train", "images", "arr_0")
"""Default names of the array of images in an .npz."""

ZIP, NPY, IDX, GZIP = b"PK", b"\x93NUMPY", b"\0\0\x08", b"\x1f\x8b"
"""First bytes of the formats."""

IMAGE_SOURCES = "a folder or zip of pictures, an .npz, an .npy or an IDX file of images"


class Images(Protocol):
    """Images that are read by slices, uint8 (n, channels, h, w)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


def open_images(path: Path, key: str | None = None) -> Images:
    """The images at a path. UsageError where there are none, or where the meaning of their values is ambiguous.

    path: a folder or zip of pictures; an .npz (array `key`) or .npy of uint8 (n, h, w), (n, h, w, c) or (n, c, h, w);
    an IDX file, gzipped or not. The format is recognised by the content of the file, not by its name.
    """
    if path.is_dir() or _is_zip_of_pictures(path):
        if key:
            raise UsageError(f"{path} holds pictures, not arrays: leave out the key {key!r}.")
        return Pictures(in_folder(path) if path.is_dir() else in_zip(path), path)
    start = first_bytes(path)
    if start.startswith((ZIP, NPY)):
        return channels_first(read_array(path, *([key] if key else IMAGE_KEYS)), path)
    if start.startswith((IDX, GZIP)):
        return channels_first(read_idx(path), path)
    raise UsageError(f"{path} is not {IMAGE_SOURCES}: {mistaken(path) or 'its first bytes are of another format'}.")


def first_bytes(path: Path) -> bytes:
    with reading(path, IMAGE_SOURCES):
        if path.exists() and not path.is_file():
            raise ValueError("it is not a regular file")
        with path.open("rb") as file:
            return file.read(8)


def _is_zip_of_pictures(path: Path) -> bool:
    if not first_bytes(path).startswith(ZIP):
        return False
    with reading(path, IMAGE_SOURCES), zipfile.ZipFile(path) as archive:
        return not any(name.endswith(".npy") for name in archive.namelist())


def read_array(path: Path, *names: str) -> NDArray[Any]:
    """The array of an .npy, or the first array of an .npz with one of these names, whatever the suffix of the file."""
    with reading(path, "an .npz or .npy of numbers"):
        if not first_bytes(path).startswith(ZIP):
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
    return np.require(open_images(path, key)[:], requirements=["C", "W", "E"])  # copies only if torch needs it


def channels_first(images: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Images (n, h, w), (n, h, w, c) or (n, c, h, w) as (n, c, h, w). UsageError where they are not uint8, or empty.

    The channel axis is the last or else the second axis of size 1 or 3; otherwise the last or else the second of size 2
    or 4.
    """
    axes = [axis for sizes in ((1, 3), (2, 4)) for axis in (-1, 1) if images.ndim == 4 and images.shape[axis] in sizes]
    if images.dtype != np.uint8 or not images.size or (images.ndim != 3 and not axes):
        raise UsageError(
            f"{path}: images must be uint8 (0 … 255) of shape (n, h, w), (n, h, w, c) or (n, c, h, w), "
            f"not {images.dtype} {images.shape}."
        )
    return images[:, None] if images.ndim == 3 else cast(NDArray[np.uint8], np.moveaxis(images, axes[0], 1))


def read_labels(path: Path, key: str, n: int) -> NDArray[np.int64]:
    """The class labels 0, 1, … of n images, from an array of an .npz. UsageError where they are invalid."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: labels must be an array in the .npz of the images.")
    labels = read_array(path, key)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"{path}: labels must be {n} integers from 0, not {labels.dtype} {labels.shape}.")
    if labels.min() < 0 or labels.max() >= n:
        raise UsageError(
            f"{path}: labels must be class numbers 0, 1, …; "
            f"these range from {labels.min()} to {labels.max()} for {n} images."
        )
    return labels.astype(np.int64)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of bytes, the format of the original MNIST files. UsageError for other files."""
    with reading(path, "an IDX file of bytes"), _opened(path) as file:
        header = file.read(4)
        if not header.startswith(IDX) or not 1 <= header[3] <= 4:
            raise ValueError("its first bytes are of another format")
        shape = struct.unpack(f">{header[3]}I", file.read(4 * header[3]))
        check_memory(path, math.prod(shape))
        data = file.read(math.prod(shape) + 1)
    if len(data) != math.prod(shape):
        size = "more" if len(data) > math.prod(shape) else "less"
        raise UsageError(f"{path} holds {size} data than its header states, an array of shape {shape}.")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if first_bytes(path).startswith(GZIP) else path.open("rb")


def image_batches(images: Images, size: int) -> Iterator[NDArray[np.uint8]]:
    for first in range(0, len(images), size):
        yield np.array(images[first : first + size])
