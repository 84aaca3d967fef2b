"""Pictures as uint8 arrays. A picture whose pixel values are ambiguous is refused."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.files import reading
from benchbox.inputs.picture_files import ENDINGS

if TYPE_CHECKING:
    from PIL.Image import Image

File = Path | zipfile.Path

GREY, DEEP = frozenset({"1", "L", "LA"}), frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "YCbCr"})
DEEP_FORMATS = frozenset({"PNG", "PPM", "TIFF"})
"""Formats in which deep grey values range to 65535."""


class Pictures:
    """Pictures of one size: uint8 (n, 1, h, w) if all are grey, otherwise (n, 3, h, w). UsageError for mixed sizes."""

    def __init__(self, files: Sequence[File], where: Path) -> None:
        if not files:
            raise UsageError(f"{where} has no pictures ({', '.join(sorted(ENDINGS))}).")
        self.files, self.where = files, where
        headers = [read_header(file) for file in files]
        self.channels, (self.width, self.height) = max(channels for channels, _ in headers), headers[0][1]
        for file, (_, (width, height)) in zip(files, headers, strict=True):
            if (width, height) != (self.width, self.height):
                raise UsageError(
                    f"the pictures must have the same size: {files[0]} has {self.width}×{self.height}, "
                    f"{file} has {width}×{height}."
                )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]:
        files = self.files[rows]
        shape = (len(files), self.channels, self.height, self.width)
        check_memory(self.where, math.prod(shape))
        images = np.empty(shape, np.uint8)
        for image, file in zip(images, files, strict=True):
            image[:] = pixels(file)
        return images


def check_memory(where: Path, size: int) -> None:
    """UsageError where `size` bytes do not fit into the available memory."""
    import psutil

    if size > (free := psutil.virtual_memory().available):
        raise UsageError(f"{where} needs {size / 2**30:,.1f} GiB of memory, and {free / 2**30:,.1f} GiB are free.")


@contextmanager
def opened_picture(file: File) -> Iterator[Image]:
    """The picture in a file, opened but not decoded."""
    from PIL import Image

    with reading(Path(str(file)), "a picture"), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with file.open("rb") as stream, Image.open(stream, formats=sorted(set(ENDINGS.values()))) as image:
            yield image


def read_header(file: File) -> tuple[int, tuple[int, int]]:
    """Channels (1 or 3) and (width, height) of a picture. UsageError where its pixel values are ambiguous."""
    with opened_picture(file) as image:
        # a JPEG with an embedded preview has the format MPO
        if (frames := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":
            raise UsageError(f"the picture {file} has {frames} frames: save each frame in its own file.")
        if image.mode in GREY or is_deep(image):
            return 1, image.size
        if image.mode not in COLOUR:
            raise UsageError(
                f"the picture {file} has mode {image.mode}, which has no unambiguous conversion to 8-bit RGB: "
                "convert it to grey (L) or RGB."
            )
        return 3, image.size


def is_deep(image: Image) -> bool:
    """Whether the values are grey up to 65535. The range of mode I is defined only in PNG and PPM."""
    if image.mode not in DEEP or image.format not in DEEP_FORMATS:
        return False
    if image.format != "TIFF":
        return True
    bits_per_sample = 258
    return image.mode != "I" and image.tag_v2.get(bits_per_sample) == (16,)  # type: ignore[attr-defined]  # of TIFF only


def pixels(file: File) -> NDArray[np.uint8]:
    """A picture as (1 or 3, h, w). UsageError where it is damaged, or not opaque."""
    if file.name.lower().endswith(".png"):
        with opened_picture(file) as image:
            image.verify()  # decoding alone does not verify the checksums
    with opened_picture(file) as image:
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise UsageError(f"the picture {file} has transparent pixels: put it on an opaque background first.")
        if is_deep(image):
            deep = np.asarray(image).astype(np.int64)
            return ((deep + 128) // 257).astype(np.uint8)[None]
        if image.mode in GREY:
            return np.asarray(image.convert("L"))[None]
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
