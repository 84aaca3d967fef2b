"""What a guidance may evaluate besides D(x, σ): the network without its condition, and other networks."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from benchbox.acceleration import Acceleration
from benchbox.classifier_card import load_classifier, log_gradient
from benchbox.device import CudaClock, HostClock
from benchbox.errors import UsageError
from benchbox.variance import require_learned_variance

if TYPE_CHECKING:
    from benchbox.measurement import Measurement, Measurements
    from benchbox.model import Model

Conditions = dict[str, Tensor]

Counts = tuple[tuple[int, ...], dict["Model", "Counts"]]
"""The counters of a denoiser, and those of its guides."""

COUNTERS = ("rows", "backward_rows", "clamped", "guided_calls", "classified")
"""Counts times samples: evaluations, backwards, evaluations at levels outside of the range, guided evaluations, and
those of a classifier."""


class Conditional:
    """A denoiser whose condition can be left out; it holds other networks under the same condition, the guides.

    The guides count their own evaluations; `COUNTERS` are its own.
    """

    model: Model
    device: torch.device
    dtype: torch.dtype
    acceleration: Acceleration
    rows: int
    backward_rows: int
    clamped: int
    guided_calls: int
    classified: int
    clock: HostClock | CudaClock
    doubles: bool = True
    """Whether one call on a doubled batch may be faster than two."""

    def __init__(self) -> None:
        self.guides: dict[Model, Self] = {}
        self.classifiers: dict[Path | None, Any] = {}
        self.index: Tensor | None = None
        self.variance: Tensor | None = None
        self.conditions: Conditions = {}

    @abstractmethod
    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """D(x, σ) under the samples' own conditions."""

    @abstractmethod
    def under(self, x: Tensor, sigma: float, conditions: Conditions) -> Tensor:
        """D(x, σ) under these conditions."""

    def pose(self, measurements: Measurements | None) -> None:
        """Take the measurements of an inverse problem; None: there is no problem."""
        self.measurements, self.measurement = measurements, None

    def at(self, index: Tensor) -> None:
        """Take the conditions and the measurements of the samples with these global numbers.

        What is measured may be of any class: under a problem the model is asked without its condition, where it can,
        unless its option `label` asks for classes.
        """
        self.index, self.conditions = index, self.model.conditions(index)
        if self.measurements is not None:
            self.measurement = self.measurements.at(index)
            if not getattr(self.model, "label", ()):
                self.conditions = self.model.unconditional(index) or self.conditions
            self.conditions = self.conditions | self.model.measured(self.measurement.y)
        self._without = self._doubled = None
        for guide in self.guides.values():
            self._share(guide)

    measurements: Measurements | None = None
    measurement: Measurement | None = None
    _without: Conditions | None = None
    _doubled: Conditions | None = None

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """D(x, σ) and v of one evaluation, see `Model.learned_variance`. UsageError where the model has none."""
        return self.and_variance(self, x, sigma)

    def and_variance(
        self, denoise: Callable[[Tensor, float], Tensor], x: Tensor, sigma: float
    ) -> tuple[Tensor, Tensor]:
        """What a denoiser above this one gives, and v of this network in the evaluations that it took.

        v under the samples' condition where it was asked with it. The network gives 2v − 1.
        """
        require_learned_variance(self.model)
        self.variance = None
        denoised = denoise(x, sigma)
        if self.variance is None:
            raise UsageError(f"model {self.model.title} states a learned variance, but gives none: only networks do.")
        return denoised, (self.variance.detach() + 1) / 2

    def unconditional(self, x: Tensor, sigma: float) -> Tensor:
        """D(x, σ) of the same network without the condition. UsageError where the model cannot."""
        return self.under(x, sigma, self.without(x))

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """D_c and D_u, with and without the condition; one call on a doubled batch if both have the same conditions.

        Two calls of a formula, which would gain nothing from a doubled batch.
        """
        without = self.without(x)
        if not self.doubles or without.keys() != self.conditions.keys():
            return self(x, sigma), self.under(x, sigma, without)
        if self._doubled is None:
            self._doubled = {name: torch.cat([value, without[name]]) for name, value in self.conditions.items()}
        d_c, d_u = self.under(torch.cat([x, x]), sigma, self._doubled).chunk(2)
        self.variance = None if self.variance is None else self.variance[: len(x)]
        return d_c, d_u

    def without(self, x: Tensor) -> Conditions:
        """The conditions that mean no condition, for a batch like x."""
        if self._without is None:
            index = torch.arange(len(x), device=x.device) if self.index is None else self.index
            self._without = self.model.unconditional(index)
        if self._without is None:
            raise UsageError(f"model {self.model.title} cannot be evaluated without its condition.")
        return self._without

    def guide(self, model: Model) -> Self:
        """The denoiser of another model under the same condition; it is loaded once, and has its own counters."""
        if model not in self.guides:
            self.guides[model] = type(self)(model, self.device, self.dtype, self.acceleration)  # type: ignore[call-arg]  # the one of Denoiser
        guide = self.guides[model]
        if guide.index is not self.index:
            self._share(guide)
        return guide

    def _share(self, guide: Self) -> None:
        """Give the guide the same samples, with the same labels if it has as many classes."""
        assert self.index is not None
        guide.at(self.index)
        if guide.model.classes == self.model.classes:
            guide.conditions = self.conditions

    def class_gradient(self, x: Tensor, sigma: float, card: Path | None = None) -> Tensor:
        """∇ log p(c | x) of the samples' classes at σ: an evaluation and a backward.

        By the classifier of a card; None: by the model's own.
        """
        if card not in self.classifiers:
            own = self.model.classifier(self.device) if card is None else load_classifier(card, self.device)
            self.classifiers[card] = own
        self.classified += len(x)
        self.backward_rows += len(x)
        return self.clock(log_gradient, self.classifiers[card], x, sigma, self.conditions["label"])

    def counts(self) -> Counts:
        own = tuple(getattr(self, name) for name in COUNTERS)
        return own, {model: guide.counts() for model, guide in self.guides.items()}

    def recount(self, counts: Counts) -> None:
        """Restore the counters: the evaluations since then do not count."""
        for name, value in zip(COUNTERS, counts[0], strict=True):
            setattr(self, name, value)
        for model, guide in self.guides.items():
            guide.recount(counts[1].get(model, ((0,) * len(COUNTERS), {})))

    def __copy__(self) -> Self:
        """The same networks with counters and conditions of their own."""
        made = object.__new__(type(self))
        made.__dict__ |= self.__dict__ | {"guides": {model: copy.copy(guide) for model, guide in self.guides.items()}}
        return made

    def networks(self) -> Iterator[Self]:
        """This network and all guides, also those of guides."""
        yield self
        for guide in self.guides.values():
            yield from guide.networks()

    @property
    def evaluations(self) -> int:
        """The evaluations of all networks, classifiers included, times samples."""
        return sum(network.rows + network.classified for network in self.networks())

    @property
    def guide_rows(self) -> int:
        """The evaluations of all networks but the model's, times samples."""
        return self.evaluations - self.rows
