"""Networks saved as TorchScript."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.card import sha256
from benchbox.files import reading
from benchbox.models.network import Network

if TYPE_CHECKING:
    from benchbox.nets.foreign import Foreign

TORCHSCRIPT_SUFFIXES = {".pt", ".pth", ".ts"}
"""Suffixes of files of torch, including TorchScript."""


@dataclass(frozen=True)
class TorchScript(Network):
    """A network in a file that `torch.jit.save` wrote: --model torchscript:FILE.

    The file is a program of torch operators, which can read and write files: run only files that you trust.

    prediction: eps, x0, score, v, flow or edm; schedule: of its training; shape: of one sample; time=sigma for a
    network of x and σ; classes: number of labels. See docs/your-model.md.
    """

    name = "torchscript"
    file: Path

    def __post_init__(self) -> None:
        if not self.file.is_file():
            raise ValueError(f"there is no file {self.file}.")
        super().__post_init__()

    @classmethod
    def hint(cls, path: Path) -> str | None:
        if path.suffix not in TORCHSCRIPT_SUFFIXES:
            return None
        return f"torchscript:{path} for a file of torch.jit.save, or py:MODULE:FUNCTION for code that loads it"

    @property
    def title(self) -> str:
        return f"torchscript:{self.file.stem}"

    @cached_property
    def sha256(self) -> str:
        return sha256(self.file)

    def network(self, device: Any) -> Foreign:
        import torch

        with reading(self.file, "a TorchScript file, as torch.jit.save writes it"), warnings.catch_warnings():
            # torch recommends torch.export; TorchScript files can still be loaded
            warnings.simplefilter("ignore", FutureWarning)
            module = torch.jit.load(self.file, map_location=device)
        return self.checked(module, device)
