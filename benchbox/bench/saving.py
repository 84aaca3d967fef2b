"""Saved samples: a folder for each stream, with an .npz for each shard or a PNG for each sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.atomic import write_whole
from benchbox.bench.cell import Cell
from benchbox.bench.saver import is_image
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

KeepSamples = Callable[["Tensor", "Tensor"], None]
"""Takes samples (n, *data_shape) and their numbers (n,)."""

SAMPLE_FILES = {"npz": re.compile(r"(\d{7,})-(\d{7,})\.npz"), "png": re.compile(r"(\d{7,})()\.png")}


def samples_folder(cell: Cell) -> Path:
    """The folder of a cell's samples, shared by cells of the same stream."""
    name = re.sub(r"[^\w.+-]", "-", cell.sampler.name)
    budget = "adaptive" if cell.nfe_requested is None else f"nfe{cell.nfe_requested}"
    assert cell.save is not None
    return cell.save.folder / f"{name}-{budget}-seed{cell.seed}-{cell.stream}"


def n_in_files(cell: Cell) -> int:
    """The number of samples, from number 0 on without a gap, that are in files."""
    assert cell.save is not None
    folder, end = samples_folder(cell), 0
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for match in filter(None, (SAMPLE_FILES[cell.save.format].fullmatch(path.name) for path in paths)):
        if int(match[1]) > end:
            break
        end = max(end, int(match[2] or match[1]) + 1)
    return end


@contextmanager
def saved_shard(cell: Cell) -> Iterator[KeepSamples]:
    """Takes the samples of a shard, and has written them when the context ends."""
    assert cell.save is not None
    folder, pictures = samples_folder(cell), cell.save.format == "png"
    folder.mkdir(parents=True, exist_ok=True)
    batches: list[tuple[NDArray[Any], NDArray[np.int64]]] = []

    def save(x: Tensor, index: Tensor) -> None:
        batch = as_saved(x, cell.model), index.cpu().numpy()
        if pictures:
            write_pictures(folder, *batch)
        else:
            batches.append(batch)

    yield save
    if batches:
        samples, index = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        write_shard(folder, samples, index, is_image(cell.model))


def unsaved(cell: Cell) -> bool:
    """Whether samples of the cell are to be saved that are in no file yet."""
    return cell.save is not None and n_in_files(cell) < cell.n_samples


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
