"""What stands for the model and the components of a run, where existing samples have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from benchbox.errors import UsageError
from benchbox.model import Model


@dataclass(frozen=True)
class Unknown(Model):
    """The model of images that are scored without one: values from 0 to 255."""

    name = "samples"
    shape: tuple[int, ...] = ()
    dataset: str = "samples"
    data_range: tuple[float, float] = (0.0, 255.0)


class NoRun:
    """Stands for a component of a run that existing samples do not have; any use of it is a UsageError."""

    def __init__(self, component: str) -> None:
        self.component = component

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # copying looks these up
            raise AttributeError(name)
        component = vars(self).get("component", "model")
        raise UsageError(f"it needs the run's {component}, which existing samples do not have")
