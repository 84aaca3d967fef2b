"""Base class of networks without a model card: options describe the prediction, the shape and the schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from benchbox.classes import LATER_OPTION, check_label, class_labels
from benchbox.model import Model, Prediction
from benchbox.registry import get
from benchbox.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox.nets.foreign import Foreign

SCHEDULE_OF_PREDICTION = {"edm": "edm", "flow": "flow"}
"""Predictions that determine the schedule."""


@dataclass(frozen=True, kw_only=True)
class Network(Model):
    """A network without a card, described by options.

    prediction: eps, x0, score, v, flow or edm. time: `native`, the time of the schedule (k − 1 in 0 … T − 1 on a
    discrete schedule, c_noise = ¼ ln σ for edm), or `sigma`, the level σ; a denoiser D(x, σ) is prediction=x0,
    time=sigma. schedule: the schedule of the training (edm with time=sigma). classes: the number of
    labels, the third argument; 0: no labels. label: the classes of the samples, in turn (default: all classes).
    null_label: the label that means no class. needs_grad: the network computes gradients. learned_variance: it gives
    twice the channels, of which the second half is the variance of the reverse steps, 2v − 1 (Nichol & Dhariwal 2021).
    jumps: consistency for a distilled network, whose prediction, converted as that of a denoiser, is the end of the
    trajectory through x.
    """

    prediction: Prediction | None = None
    schedule: Schedule = None  # type: ignore[assignment]  # resolved below
    shape: tuple[int, ...] = ()
    time: Literal["native", "sigma"] = "native"
    sigma_data: float | None = None
    continuous: bool = False
    classes: int = 0
    dataset: str = ""
    data_range: tuple[float, float] | None = None
    features: str | None = None
    needs_grad: bool = False
    label: tuple[int, ...] = field(default=(), kw_only=True, metadata=LATER_OPTION)
    null_label: int | None = field(default=None, metadata=LATER_OPTION)
    learned_variance: bool = field(default=False, metadata=LATER_OPTION)
    jumps: Literal["consistency"] | None = field(default=None, metadata=LATER_OPTION)

    def __post_init__(self) -> None:
        if self.prediction is None:
            raise ValueError("state the output of the network: --set prediction=eps, x0, score, v, flow or edm.")
        if not self.shape or min(self.shape) < 1:
            raise ValueError("state the shape of one sample: --set shape=1:28:28.")
        if self.prediction == "edm" and not self.sigma_data:
            raise ValueError("prediction=edm needs the standard deviation of the data: --set sigma_data=0.5.")
        if self.classes < 0:
            raise ValueError("classes must be at least 0.")
        check_label(self.label, self.classes)
        object.__setattr__(self, "schedule", self.schedule or self._default_schedule())
        object.__setattr__(self, "dataset", self.dataset or self.title.partition(":")[2])
        if self.time == "sigma" and (self.schedule.name != "edm" or self.prediction == "edm"):
            raise ValueError("time=sigma needs a network of x and σ: schedule=edm, and a prediction other than edm.")

    def _default_schedule(self) -> Schedule:
        name = "edm" if self.time == "sigma" else SCHEDULE_OF_PREDICTION.get(str(self.prediction))
        if name is None:
            raise ValueError(f"prediction={self.prediction} needs the schedule of the training: --set schedule=ddpm.")
        schedule: Schedule = get("schedule", name)
        return schedule

    @property
    def grid(self) -> str:
        return "trailing" if self.schedule.steps else "karras" if self.schedule.name == "edm" else "uniform"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("fid",) if self.features else ()

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        """A class-conditional network cycles through its classes, or through those in `label`."""
        return {"label": class_labels(index, self.classes, self.label)} if self.classes else {}

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        null = self.null_label if self.classes else None
        return None if null is None else {"label": index * 0 + null}

    def checked(self, call: Callable[..., Tensor], device: Any) -> Foreign:
        """The network, after a test call on a batch of two. UsageError where it fails or changes the shape."""
        import torch

        from benchbox.nets.foreign import Foreign

        sigma_max = float(self.schedule.sigma(1.0)) if self.time == "sigma" else None
        network = Foreign(call, self.title, sigma_max, self.learned_variance).to(device).eval().requires_grad_(False)
        discrete = self.schedule.steps is not None and not self.continuous and self.prediction != "edm"
        with torch.enable_grad() if self.needs_grad else torch.inference_mode():
            network.try_out(self.shape, discrete, bool(self.classes), device)
        return network
