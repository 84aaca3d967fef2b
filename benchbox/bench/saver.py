"""Where and how samples are saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchbox.atomic import try_to_write
from benchbox.errors import UsageError
from benchbox.model import Model


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


def is_image(model: Model) -> bool:
    return len(model.data_shape) == 3 and model.data_range is not None
