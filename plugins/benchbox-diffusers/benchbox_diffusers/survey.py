"""Read the schedulers' options from the installed diffusers: `python -m benchbox_diffusers.survey` writes the table.

The table is part of the package because reading it from diffusers takes seconds; a test compares the two.
"""

from __future__ import annotations

import inspect
import json
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from benchbox.atomic import write_bytes
from benchbox_diffusers.options import TABLE, table
from benchbox_diffusers.training import ONLY, READ
from benchbox_diffusers.traits import TRAITS

SPACING = {
    "timestep_spacing", "steps_offset", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas",
    "use_lu_lambdas", "lambda_min_clipped", "interpolation_type", "sigma_schedule", "rho", "shift", "shift_terminal",
}  # fmt: skip
"""Options that determine the levels: they belong to the grid, not to the sampler."""

LEFT_OUT = {
    "the noise schedule, which is the run's": {
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr",
        "snr_shift_scale", "sigma_min", "sigma_max", "sampling_eps",
    },
    "the network's output, which is the model's": {"prediction_type", "sigma_data", "timestep_type"},
    "the last step to σ = 0, which is the driver's": {"final_sigmas_type", "set_alpha_to_one", "euler_at_final"},
    "flow levels, which any sampler takes from --grid diffusers:FlowMatchEulerDiscreteScheduler": {
        "use_flow_sigmas", "flow_shift", "invert_sigmas",
    },
    "levels by the size of an image": {
        "use_dynamic_shifting", "time_shift_type", "base_shift", "max_shift", "base_image_seq_len",
        "max_image_seq_len",
    },
    "a function or an object, which has no text form": {"tau_func", "solver_p"},
    "for a network that predicts its variance": {"variance_type=learned", "variance_type=learned_range"},
    "broken in diffusers: the square root of a logarithm": {"variance_type=fixed_large_log"},
    "without effect, or noise of the wrong scale, in that scheduler's step": {
        "CogVideoXDDIMScheduler.eta", "CogVideoXDDIMScheduler.use_clipped_model_output",
        "CogVideoXDDIMScheduler.clip_sample", "CogVideoXDDIMScheduler.clip_sample_range",
        "CogVideoXDDIMScheduler.sample_max_value", "UniPCMultistepScheduler.shift_terminal",
        *(f"FlowMatch{kind}DiscreteScheduler.{option}" for kind in ("Euler", "Heun")
          for option in ("s_churn", "s_tmin", "s_tmax", "s_noise")),
    },
    "internal arguments of the step": {"prev_timestep", "return_dict", "noise_sampler_seed"},
}  # fmt: skip
"""Options that are not offered, by reason."""

NOT_OFFERED = set().union(*LEFT_OUT.values())

CHOICES: dict[str, list[Any]] = {
    "solver_order": [1, 2, 3],
    "CosineDPMSolverMultistepScheduler.solver_order": [1, 2],
    "predictor_order": [1, 2, 3, 4],
    "corrector_order": [1, 2, 3, 4],
    "SASolverScheduler.algorithm_type": ["data_prediction", "noise_prediction"],
    "SASolverScheduler.variance_type": [None],
    "timestep_spacing": ["linspace", "leading", "trailing"],
    "interpolation_type": ["linear", "log_linear"],
}
"""Choices that diffusers validates late or not at all."""

DEFAULTS = {"clip_sample": False}
"""Defaults that differ from diffusers': data need not lie in [−1, 1]."""

RENAMED = {"order": "lms_order"}
"""`order` of a sampler is its order of convergence."""

Option = dict[str, Any]


def survey() -> dict[str, Any]:
    """The options of every supported scheduler that can be imported."""
    import diffusers

    return {name: entry(getattr(diffusers, name)) for name in sorted(TRAITS)}


def entry(cls: Any) -> dict[str, Any]:
    config, step = options(cls, cls.__init__), options(cls, getattr(cls, "step", None))
    spacing = SPACING if TRAITS[cls.__name__].own_levels else set()
    return {
        "step": {RENAMED.get(n, n): o | ({"argument": n} if n in RENAMED else {}) for n, o in step.items()},
        "solver": {n: o for n, o in config.items() if n not in SPACING},
        "spacing": {n: o for n, o in config.items() if n in spacing},
        "training": trained(cls),
    }


def trained(cls: Any) -> dict[str, Any]:
    """Defaults of the scheduler's class for the options of a network's training."""
    parameters = inspect.signature(cls.__init__).parameters
    names = sorted((READ | ONLY.keys()) & parameters.keys())
    return {name: parameters[name].default for name in names if parameters[name].default is not None}


def options(cls: Any, function: Any) -> dict[str, Option]:
    """The arguments of a function that are offered as options."""
    if function is None:
        return {}
    types_ = get_type_hints(inspect.unwrap(function))
    offered = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is inspect.Parameter.empty or {name, f"{cls.__name__}.{name}"} & NOT_OFFERED:
            continue
        if option := described(cls, name, types_.get(name, Any), parameter.default):
            offered[name] = option
    return offered


def described(cls: Any, name: str, hint: Any, default: Any) -> Option | None:
    """Type, default and choices; None for values without a text form, or with a single choice."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    choices = CHOICES.get(f"{cls.__name__}.{name}", CHOICES.get(name))
    for member in members:
        if get_origin(member) is Literal:
            choices = [c for c in get_args(member) if f"{name}={c}" not in NOT_OFFERED]
    default = DEFAULTS.get(name, list(default) if isinstance(default, tuple) else default)
    if choices is not None:
        return {"choices": choices, "default": default} if len(choices) > 1 else None
    if list[int] in members:
        return {"type": "integers", "default": default}
    simple = next((m for m in (bool, int, float, str) if m in members), None)
    return {"type": simple.__name__ + ("?" if default is None else ""), "default": default} if simple else None


if __name__ == "__main__":
    # a scheduler that cannot be imported keeps its entry
    write_bytes(TABLE, (json.dumps(table() | survey(), indent=1) + "\n").encode())
