"""Pictures in a folder or a zip, as uint8: what a pixel's value means is converted rightly or refused by name."""

from __future__ import annotations

import math
import mimetypes
import os
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

if TYPE_CHECKING:
    from PIL.Image import Image

File = Path | zipfile.Path

ENDINGS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".webp": "WEBP",
    ".ppm": "PPM", ".pgm": "PPM", ".gif": "GIF",
}  # fmt: skip
GREY, DEEP = frozenset({"1", "L", "LA"}), frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "YCbCr"})
DEEP_FORMATS = frozenset({"PNG", "PPM", "TIFF"})
"""Formats that state that their grey values go up to 65535."""


class Pictures:
    """Pictures of one size: uint8 (n, 1, h, w) where all are grey, otherwise (n, 3, h, w). UsageError where not."""

    def __init__(self, files: Sequence[File], where: Path) -> None:
        if not files:
            raise UsageError(f"{where} has no pictures ({', '.join(sorted(ENDINGS))}).")
        self.files, self.where = files, where
        heads = [head(file) for file in files]
        self.channels, (self.width, self.height) = max(channels for channels, _ in heads), heads[0][1]
        for file, (_, (width, height)) in zip(files, heads, strict=True):
            if (width, height) != (self.width, self.height):
                raise UsageError(
                    f"the pictures must be of one size: {files[0]} has {self.width}×{self.height}, "
                    f"{file} {width}×{height}."
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
    """UsageError where so many bytes do not fit into the memory that is free."""
    import psutil

    if size > (free := psutil.virtual_memory().available):
        raise UsageError(f"{where} would take {size / 2**30:,.1f} GiB of memory, and {free / 2**30:,.1f} GiB are free.")


def in_folder(path: Path) -> list[Path]:
    """The pictures in a folder and in those below it, links followed, each folder once, in the order of their paths."""
    seen, files = set(), list[Path]()

    def stop(error: OSError) -> None:
        raise UsageError(f"the folder {error.filename} cannot be read: {error.strerror}.")

    for folder, folders, names in os.walk(path, onerror=stop, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        files += [Path(folder, name) for name in names if is_picture(name, path)]
    return sorted(files)


def in_zip(path: Path) -> list[zipfile.Path]:
    """The pictures in a zip, in the order of their names."""
    with reading(path, "a zip of pictures"):
        archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
    return [zipfile.Path(archive, name) for name in sorted(names, key=Path) if is_picture(Path(name).name, path)]


def is_picture(name: str, where: Path) -> bool:
    """Whether a file's name is that of a picture. UsageError where it is of a kind that is not read."""
    if name.startswith(".") or not name:
        return False
    if Path(name).suffix.lower() in ENDINGS:
        return True
    if (mimetypes.guess_type(name)[0] or "").startswith("image/"):
        raise UsageError(f"{where} has {name}, a kind of picture that is not read ({', '.join(sorted(ENDINGS))} are).")
    return False


@contextmanager
def opened_picture(file: File) -> Iterator[Image]:
    """The picture in a file, not yet decoded."""
    from PIL import Image

    with reading(Path(str(file)), "a picture"), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with file.open("rb") as stream, Image.open(stream, formats=sorted(set(ENDINGS.values()))) as image:
            yield image


def head(file: File) -> tuple[int, tuple[int, int]]:
    """Channels (1 or 3), width and height of a picture. UsageError where its pixels have no certain meaning."""
    with opened_picture(file) as image:
        # a JPEG that ends with a preview of itself is of the format MPO
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise UsageError(f"the picture {file} holds {image.n_frames} pictures: save each in a file of its own.")  # type: ignore[attr-defined]
        if image.mode in GREY or is_deep(image):
            return 1, image.size
        if image.mode not in COLOUR:
            raise UsageError(
                f"the picture {file} has mode {image.mode}, whose values have no certain meaning in 8-bit RGB: "
                "convert it to grey (L) or RGB."
            )
        return 3, image.size


def is_deep(image: Image) -> bool:
    """Whether the values are grey and go up to 65535: mode I says nothing of its range outside PNG and PPM."""
    if image.mode not in DEEP or image.format not in DEEP_FORMATS:
        return False
    if image.format != "TIFF":
        return True
    bits_per_sample = 258
    return image.mode != "I" and image.tag_v2.get(bits_per_sample) == (16,)  # type: ignore[attr-defined]


def pixels(file: File) -> NDArray[np.uint8]:
    """A picture as (1 or 3, h, w). UsageError where it is damaged, or transparent somewhere."""
    if file.name.lower().endswith(".png"):
        with opened_picture(file) as image:
            image.verify()  # decoding alone does not look at the checksums
    with opened_picture(file) as image:
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise UsageError(f"the picture {file} is transparent in places: lay it on a background first.")
        if is_deep(image):
            deep = np.asarray(image).astype(np.int64)
            return ((deep + 128) // 257).astype(np.uint8)[None]
        if image.mode in GREY:
            return np.asarray(image.convert("L"))[None]
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
