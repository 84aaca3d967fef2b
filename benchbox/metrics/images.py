"""Images of a data set, in batches: a folder, an .npz, an .npy or an IDX file."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.training.data import channels_first, read_images

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm"})
IDX_UINT8 = 8


class Images(Protocol):
    """Images of which slices are read, uint8 (n, channels, h, w)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


class Folder:
    """The pictures in a folder and those in it, in the order of their paths, read as RGB, as torch-fidelity does."""

    def __init__(self, path: Path) -> None:
        self.files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES)
        if not self.files:
            raise UsageError(f"the folder {path} has no pictures ({', '.join(sorted(PICTURES))}).")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]:
        from PIL import Image, UnidentifiedImageError

        pictures = []
        for file in self.files[rows]:
            try:
                with Image.open(file) as image:
                    pictures.append(np.asarray(image.convert("RGB")))
            except (OSError, UnidentifiedImageError) as error:
                raise UsageError(f"the picture {file} cannot be read: {error}.") from None
            if pictures[-1].shape != pictures[0].shape:
                raise UsageError(f"the pictures must be of one size: {file} is not.")
        return np.stack(pictures).transpose(0, 3, 1, 2)


def open_images(path: Path, key: str | None = None) -> Images:
    """The images at a path. UsageError where there are none.

    path: a folder of pictures; an .npz (`key` names its array) or .npy of (n, h, w) or (n, h, w, c); otherwise an IDX
    file, gzipped or not.
    """
    if path.is_dir():
        return Folder(path)
    if path.suffix == ".npz":
        return read_images(path, key)
    try:
        array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else read_idx(path)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}.") from None
    except (OSError, ValueError, EOFError, struct.error) as error:
        raise UsageError(
            f"{path} is neither a folder, nor an .npz, .npy or IDX file of images: {error or 'it is empty'}."
        ) from None
    return channels_first(array, path)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of bytes, the format of MNIST's own files. ValueError where it is none."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    zero, kind, dims = struct.unpack_from(">HBB", data)
    if zero != 0 or kind != IDX_UINT8 or not 1 <= dims <= 4:
        raise ValueError("its first bytes are not those of an IDX file of bytes")
    shape = struct.unpack_from(f">{dims}I", data, 4)
    pixels = np.frombuffer(data, np.uint8, offset=4 + 4 * dims)
    if len(pixels) != math.prod(shape):
        raise ValueError(f"it holds {len(pixels)} bytes for an array of {shape}")
    return pixels.reshape(shape)


def batches(images: Images, size: int) -> Iterator[NDArray[np.uint8]]:
    """Images in batches, the last one smaller."""
    for first in range(0, len(images), size):
        yield np.array(images[first : first + size])
