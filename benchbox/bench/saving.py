"""Saved samples: a folder for each stream, with an .npz for each shard or a PNG for each sample."""

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

from benchbox.atomic import try_to_write, write_whole
from benchbox.errors import UsageError
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.bench.cell import Cell

KeepSamples = Callable[["Tensor", "Tensor"], None]
"""Takes samples (n, *data_shape) and their numbers (n,)."""

SAMPLE_FILES = {"npz": re.compile(r"(\d{7,})-(\d{7,})\.npz"), "png": re.compile(r"(\d{7,})()\.png")}


@dataclass(frozen=True)
class Saver:
    """The folder and the format of saved samples."""

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
        """UsageError where samples are to be saved as PNG and the model's are not images."""
        if self.format == "png" and not (is_image(model) and model.data_shape[0] in (1, 3)):
            raise UsageError(
                f"samples of model {model.name}, of shape {model.data_shape}, are not images: give --save-format npz."
            )

    def place(self, cell: Cell) -> Path:
        """The folder of a cell's samples, shared by cells of the same stream."""
        name = re.sub(r"[^\w.+-]", "-", cell.sampler.name)
        budget = "adaptive" if cell.nfe_requested is None else f"nfe{cell.nfe_requested}"
        return self.folder / f"{name}-{budget}-seed{cell.seed}-{cell.stream}"

    def n_saved(self, cell: Cell) -> int:
        """The number of samples, from number 0 on without a gap, that are in files."""
        folder, end = self.place(cell), 0
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        for match in filter(None, (SAMPLE_FILES[self.format].fullmatch(path.name) for path in paths)):
            if int(match[1]) > end:
                break
            end = max(end, int(match[2] or match[1]) + 1)
        return end

    @contextmanager
    def shard(self, cell: Cell) -> Iterator[KeepSamples]:
        """Takes the samples of a shard, and has written them when the context ends."""
        folder = self.place(cell)
        folder.mkdir(parents=True, exist_ok=True)
        batches: list[tuple[NDArray[Any], NDArray[np.int64]]] = []

        def save(x: Tensor, index: Tensor) -> None:
            batch = as_saved(x, cell.model), index.cpu().numpy()
            if self.format == "png":
                write_pictures(folder, *batch)
            else:
                batches.append(batch)

        yield save
        if batches:
            samples, index = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
            write_shard(folder, samples, index, is_image(cell.model))


def unsaved(cell: Cell) -> bool:
    """Whether samples of the cell are to be saved that are in no file yet."""
    return cell.save is not None and cell.save.n_saved(cell) < cell.n_samples


def is_image(model: Model) -> bool:
    return len(model.data_shape) == 3 and model.data_range is not None


def as_saved(x: Tensor, model: Model) -> NDArray[Any]:
    """Images as uint8 (n, h, w, c), or (n, h, w) of one channel; other samples unchanged."""
    if not is_image(model):
        return x.cpu().numpy()
    from benchbox.inputs.pixels import to_uint8

    assert model.data_range is not None
    pixels = to_uint8(x, model.data_range).cpu().numpy().transpose(0, 2, 3, 1)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def write_shard(folder: Path, samples: NDArray[Any], index: NDArray[np.int64], image: bool) -> None:
    arrays: dict[str, Any] = {"images" if image else "samples": samples, "index": index}
    path = folder / f"{index[0]:07d}-{index[-1]:07d}.npz"
    write_whole(path, lambda file: np.savez(file, **arrays))


def write_pictures(folder: Path, pixels: NDArray[np.uint8], index: NDArray[np.int64]) -> None:
    from PIL import Image

    for picture, number in zip(pixels, index, strict=True):
        write_whole(folder / f"{number:07d}.png", partial(Image.fromarray(picture).save, format="PNG"))
