"""The classes that samples are asked for: an option `label` of every class-conditional model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


LATER_OPTION = {"later": True}
"""In the metadata of an option that a model got later: rows leave it out where it is not given."""


def check_label(label: tuple[int, ...], classes: int) -> None:
    """ValueError where a label is no class."""
    if label and not classes:
        raise ValueError("it has no classes to ask for with label.")
    if bad := [number for number in label if not 0 <= number < classes]:
        raise ValueError(f"label={bad[0]} is no class: they are 0 to {classes - 1}.")


def class_labels(index: Tensor, classes: int, label: tuple[int, ...] = ()) -> Tensor:
    """The class of each sample by its number: the asked ones in turn, or all; shaped as index."""
    import torch

    if not label:
        return index % classes
    return torch.tensor(label, device=index.device)[index % len(label)]
