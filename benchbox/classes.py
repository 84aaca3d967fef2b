"""The classes of the samples: the option `label` of every class-conditional model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


LATER_OPTION = {"later": True}
"""Metadata of an option that was added to a model later: rows leave it out at its default."""


def check_label(label: tuple[int, ...], classes: int) -> None:
    """ValueError for a label that is not a class."""
    if label and not classes:
        raise ValueError("it has no classes, so leave out label.")
    if bad := [number for number in label if not 0 <= number < classes]:
        raise ValueError(f"label={bad[0]} is not a class: the classes are 0 to {classes - 1}.")


def class_labels(index: Tensor, classes: int, label: tuple[int, ...] = ()) -> Tensor:
    """The class of each sample, shaped as index: those in `label` in turn, or all classes in turn."""
    import torch

    if not label:
        return index % classes
    return torch.tensor(label, device=index.device)[index % len(label)]
