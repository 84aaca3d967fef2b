"""The training of a flow according to its scheduler's configuration: its schedule, and the levels of its pipeline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox_diffusers.training import HARMLESS, READ

if TYPE_CHECKING:
    from benchbox import Grid, Schedule
    from benchbox.model import Prediction

TOP = 1e5
"""The largest σ of a flow. Pipelines start at t = 1, where σ is infinite; the start differs by a relative 1/TOP."""

DYNAMIC = {
    "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096,
    "time_shift_type": "exponential",
}  # fmt: skip
"""The keys of a shift that depends on the number of tokens, with diffusers' defaults."""

ONLY: dict[str, Any] = {
    "invert_sigmas": False, "shift_terminal": None, "use_karras_sigmas": False, "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
}  # fmt: skip
"""Keys that change the levels in ways that are not implemented, with the only supported value."""

KNOWN = ONLY.keys() | DYNAMIC.keys() | READ | HARMLESS | {
    "shift", "use_dynamic_shifting", "use_flow_sigmas", "stochastic_sampling", "snr_shift_scale", "timestep_type",
}  # fmt: skip
"""Keys that are read, or without effect on a flow."""


def is_flow(config: dict[str, Any]) -> bool:
    """Whether a scheduler's configuration is that of a flow."""
    return str(config.get("_class_name")).startswith("FlowMatch") or bool(config.get("use_flow_sigmas"))


@dataclass(frozen=True)
class FlowTraining:
    """The configuration of a scheduler of a flow y = (1−t) x_0 + t n whose network predicts n − x_0.

    tokens: of one sample, None where its pipeline has no dynamic shift. trailing: its pipeline cuts the time into
    equal steps from 1 to 1/N.
    """

    folder: Path
    config: dict[str, Any]
    tokens: int | None
    trailing: bool
    exploding = False
    jumps = False

    @property
    def scheduler(self) -> str:
        return str(self.config["_class_name"])

    @property
    def matching(self) -> bool:
        """Whether the scheduler is a FlowMatch scheduler; else one of another kind with `use_flow_sigmas`."""
        return self.scheduler.startswith("FlowMatch")

    def check(self) -> None:
        """ValueError that names an unsupported key that affects the levels."""
        for key, value in self.config.items():
            known = value == ONLY[key] if key in ONLY else key in KNOWN or key.startswith("_") or value is None
            if not known:
                supported = f" ({key}={ONLY[key]} is supported)" if key in ONLY else ""
                raise ValueError(
                    f"{self.folder} has {key}={value!r} in its scheduler's configuration, which benchbox does not "
                    f"support{supported}."
                )
        if self.config.get("use_dynamic_shifting") and self.tokens is None:
            raise ValueError(f"{self.folder} has use_dynamic_shifting=True, which its pipeline does not use.")
        kind = self.config.get("prediction_type", "flow_prediction")
        if kind != "flow_prediction":
            raise ValueError(f"{self.folder} predicts {kind!r} on a flow: flow_prediction is supported.")

    def prediction(self) -> Prediction:
        self.check()
        return "flow"

    def schedule(self) -> Schedule:
        from benchbox import get

        return get("schedule", "flow", sigma_max=TOP)

    @property
    def steps(self) -> int:
        return int(self.config.get("num_train_timesteps", 1000))

    @cached_property
    def shift(self) -> float:
        """The factor of σ: of the configuration, or of the number of tokens (exp μ, μ linear in it)."""
        if not self.config.get("use_dynamic_shifting"):
            return float(self.config.get("shift" if self.matching else "flow_shift", 1.0))
        low, high, first, last, kind = (self.config.get(key, DYNAMIC[key]) for key in DYNAMIC)
        assert self.tokens is not None
        mu = low + (self.tokens - first) * (high - low) / (last - first)
        return math.exp(mu) if kind == "exponential" else mu

    @cached_property
    def grid(self) -> Grid:
        """The levels of the pipeline: equal steps in time, shifted."""
        from benchbox import get

        if self.trailing and self.matching:
            return get("grid", "shifted", shift=self.shift, trailing=True)
        if not self.matching:
            return get("grid", "shifted", shift=self.shift, trailing=True, sigma_max=self.shift * (self.steps - 1))
        # a FlowMatch scheduler shifts the end of its range twice: in its constructor, and with its steps
        static = 1.0 if self.config.get("use_dynamic_shifting") else self.shift
        return get("grid", "shifted", shift=self.shift, sigma_min=self.shift * static / (self.steps - 1))
