"""The training of a network according to its scheduler's configuration. Unsupported keys are refused by name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox_diffusers.options import table
from benchbox_diffusers.schedules import Betas
from benchbox_diffusers.traits import FEW_STEPS, LEFT_OUT

if TYPE_CHECKING:
    from benchbox import Schedule
    from benchbox.model import Prediction

PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}

READ = frozenset({
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr",
    "prediction_type", "timestep_spacing", "sigma_min", "sigma_max",
})  # fmt: skip
"""Keys that are supported. The last two define the noise of Score-SDE's training, and only levels elsewhere."""

ONLY: dict[str, Any] = {
    "timestep_type": "discrete", "use_flow_sigmas": False, "use_dynamic_shifting": False, "snr_shift_scale": 1.0,
    "shift_terminal": None, "predict_epsilon": True,
}  # fmt: skip
"""Keys that change the noise, the output or the network's time, with the only supported value."""

HARMLESS = frozenset({
    # the sampler's steps: replaced by the run's sampler
    "algorithm_type", "clip_sample", "clip_sample_range", "correct_steps", "corrector_order", "disable_corrector",
    "dynamic_thresholding_ratio", "lower_order_final", "noise_sampler_seed", "predict_x0", "predictor_order",
    "sample_max_value", "skip_prk_steps", "snr", "solver_order", "solver_p", "solver_type", "tau_func", "thresholding",
    "variance_type",
    # the levels: replaced by the run's grid
    "interpolation_type", "lambda_min_clipped", "sampling_eps", "steps_offset", "use_beta_sigmas",
    "use_exponential_sigmas", "use_karras_sigmas", "use_lu_lambdas",
    "original_inference_steps", "timestep_scaling",
    # the last step to σ = 0: taken by the driver
    "euler_at_final", "final_sigmas_type", "set_alpha_to_one",
    # without effect unless a key of ONLY has another value
    "flow_shift", "time_shift_type",
    # written by diffusers before 0.10, unused since
    "tensor_format", "timestep_values",
})  # fmt: skip
"""Keys without effect on the training."""


@dataclass(frozen=True)
class Training:
    """The scheduler's configuration in a checkpoint folder; empty where it is missing."""

    folder: Path
    config: dict[str, Any]

    @property
    def scheduler(self) -> str:
        return str(self.config.get("_class_name", "DDPMScheduler"))

    @cached_property
    def values(self) -> dict[str, Any]:
        """The configuration, completed by the defaults of the scheduler's class."""
        values = {key: value for key, value in self.config.items() if value is not None and not key.startswith("_")}
        return table().get(self.scheduler, {}).get("training", {}) | values

    @property
    def exploding(self) -> bool:
        """Whether it is a variance-exploding Score-SDE: a network of σ that predicts the score of data in [0, 1]."""
        return self.scheduler == "ScoreSdeVeScheduler"

    @property
    def jumps(self) -> bool:
        """Whether its network is distilled: its prediction is that of the end of the trajectory."""
        return self.scheduler == "LCMScheduler"

    @property
    def grid(self) -> str:
        spacing = self.values.get("timestep_spacing", "leading")
        return spacing if spacing in ("leading", "trailing") and not self.exploding else "uniform"

    def prediction(self) -> Prediction:
        """The network's output. ValueError where it is missing or unsupported."""
        if self.exploding:
            return "score"
        if not self.config:
            raise ValueError(
                f"{self.folder} has no scheduler: state the training, as in --set prediction=eps schedule=ddpm."
            )
        prediction_type = self.values.get("prediction_type", "epsilon")
        if prediction_type not in PREDICTIONS:
            raise ValueError(f"{self.folder} predicts {prediction_type!r}: {', '.join(PREDICTIONS)} are supported.")
        return PREDICTIONS[prediction_type]

    def schedule(self) -> Schedule:
        """The noise schedule of the training. ValueError for an unsupported scheduler or key."""
        from benchbox import get

        if self.scheduler in FEW_STEPS and not self.jumps:
            raise ValueError(
                f"{self.folder} has a {self.scheduler}, so its network is distilled and jumps to the data: load it in "
                "code of your own, --model python:… --set jumps=consistency."
            )
        if self.scheduler in LEFT_OUT:
            raise ValueError(
                f"{self.folder} has a {self.scheduler}, which is not supported: {LEFT_OUT[self.scheduler]}."
            )
        if not self.exploding and not {"beta_start", "trained_betas"} & self.values.keys():
            raise ValueError(f"{self.folder} has a {self.scheduler}, whose noise schedule is not supported.")
        self.check()
        if self.exploding:
            return get("schedule", "ve", sigma_min=self.values["sigma_min"], sigma_max=self.values["sigma_max"])
        known = {f.name: self.values[f.name] for f in fields(Betas) if f.name in self.values}
        betas: Betas = get("schedule", "diffusers", **known)
        if betas != Betas(beta_start=betas.beta_start, beta_end=betas.beta_end, num_train_timesteps=betas.steps):
            return betas
        # equal to schedule ddpm, which states β for T = 1000
        factor = betas.steps / 1000
        return get(
            "schedule", "ddpm", steps=betas.steps, beta_min=betas.beta_start * factor, beta_max=betas.beta_end * factor
        )

    def check(self) -> None:
        """ValueError that names an unsupported key that may affect the training."""
        for key, value in self.values.items():
            if key not in READ | HARMLESS and not (key in ONLY and value == ONLY[key]):
                supported = f" ({key}={ONLY[key]} is supported)" if key in ONLY else ""
                raise ValueError(
                    f"{self.folder} has {key}={value!r} in its scheduler's configuration, which benchbox does not "
                    f"support{supported}: state the training with --set schedule=… and prediction=…."
                )
