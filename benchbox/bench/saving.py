"""Samples written into files, by their numbers: a folder for each stream, an .npz for each shard or a PNG for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.model import Model
from benchbox.store.atomic import try_to_write, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.bench.cell import Cell

KeepSamples = Callable[["Tensor", "Tensor"], None]
"""Takes samples (n, *data_shape) and their numbers (n,)."""

SAMPLE_FILES = {"npz": re.compile(r"(\d{7,})-(\d{7,})\.npz"), "png": re.compile(r"(\d{7,})()\.png")}


@dataclass(frozen=True)
class Saver:
    """Where samples are written, and how."""

    folder: Path
    format: Literal["npz", "png"] = "npz"

    def prepare(self) -> None:
        """Make the folder. UsageError where it cannot be written to."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try_to_write(self.folder)
        except OSError as error:
            raise UsageError(f"samples cannot be written to {self.folder}: {error.strerror}.") from None

    def check(self, model: Model) -> None:
        """UsageError where samples of the model are no pictures, and are to be."""
        if self.format == "png" and not (is_image(model) and model.data_shape[0] in (1, 3)):
            raise UsageError(
                f"samples of model {model.name}, of shape {model.data_shape}, are no pictures: --save-format npz."
            )

    def place(self, cell: Cell) -> Path:
        """The folder of a cell's samples, which other counts of the same stream share."""
        name = re.sub(r"[^\w.+-]", "-", cell.sampler.name)
        budget = "adaptive" if cell.nfe_requested is None else f"nfe{cell.nfe_requested}"
        return self.folder / f"{name}-{budget}-seed{cell.seed}-{cell.stream}"

    def made(self, cell: Cell) -> int:
        """How many samples from number 0 on are in files."""
        place, end = self.place(cell), 0
        names = sorted(place.iterdir()) if place.is_dir() else []
        for found in filter(None, (SAMPLE_FILES[self.format].fullmatch(path.name) for path in names)):
            if int(found[1]) > end:
                break
            end = max(end, int(found[2] or found[1]) + 1)
        return end

    @contextmanager
    def shard(self, cell: Cell) -> Iterator[KeepSamples]:
        """Takes the samples of a shard, which are in files at the end."""
        place = self.place(cell)
        place.mkdir(parents=True, exist_ok=True)
        taken: list[tuple[NDArray[Any], NDArray[np.int64]]] = []

        def keep(x: Tensor, index: Tensor) -> None:
            part = as_saved(x, cell.model), index.cpu().numpy()
            if self.format == "png":
                write_pictures(place, *part)
            else:
                taken.append(part)

        yield keep
        if taken:
            samples, index = (np.concatenate(parts) for parts in zip(*taken, strict=True))
            write_shard(place, samples, index, is_image(cell.model))


def unsaved(cell: Cell) -> bool:
    """Whether samples of the cell are to be written that are in no file yet."""
    return cell.save is not None and cell.save.made(cell) < cell.n_samples


def is_image(model: Model) -> bool:
    return len(model.data_shape) == 3 and model.data_range is not None


def as_saved(x: Tensor, model: Model) -> NDArray[Any]:
    """Images as uint8 (n, h, w, c), or (n, h, w) of one channel; other samples as they are."""
    if not is_image(model):
        return x.cpu().numpy()
    from benchbox.images import to_uint8

    assert model.data_range is not None
    pixels = to_uint8(x, model.data_range).cpu().numpy().transpose(0, 2, 3, 1)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def write_shard(place: Path, samples: NDArray[Any], index: NDArray[np.int64], image: bool) -> None:
    arrays: dict[str, Any] = {"images" if image else "samples": samples, "index": index}
    path = place / f"{index[0]:07d}-{index[-1]:07d}.npz"
    write_whole(path, lambda file: np.savez(file, **arrays))


def write_pictures(place: Path, pixels: NDArray[np.uint8], index: NDArray[np.int64]) -> None:
    from PIL import Image

    for picture, number in zip(pixels, index, strict=True):
        write_whole(place / f"{number:07d}.png", partial(Image.fromarray(picture).save, format="PNG"))
