"""The gate: benchbox's run beside the pipeline's own loop, from the same start, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

import benchbox
from benchbox import Levels, Sampler
from benchbox.agreement import Agreement
from benchbox.denoiser import Denoiser
from benchbox.driver import trajectory
from benchbox.guidance import guided
from benchbox.registry import registry
from benchbox_diffusers.calls import unpacked
from benchbox_diffusers.options import table
from benchbox_diffusers.reference import Reference, run_pipeline

if TYPE_CHECKING:
    from benchbox.noise import Noise
    from benchbox_diffusers.pipeline_model import PipelineModel

LATENTS, GREY = 1e-4, 1.0
"""What passes: the largest relative difference of latents in float32, and that of pictures in grey levels of 255."""

HALF_LATENTS, HALF_GREY = 5e-2, 26.0
"""The same with weights in half precision, whose rounding grows from step to step."""


@dataclass(frozen=True)
class Difference:
    """The largest differences from the pipeline: of the latents, relative, and at which step; of the pictures."""

    sampler: str
    scheduler: str
    latents: float
    step: int
    steps: int
    grey: float

    @property
    def passed(self) -> bool:
        return self.latents < LATENTS and self.grey <= GREY


class Recorder:
    """A denoiser that keeps what it is asked."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.asked = denoise, list[tuple[Tensor, float]]()

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.asked.append((x.clone(), sigma))
        return self.denoise(x, sigma)

    def jump(self, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        self.asked.append((x.clone(), sigma))
        return self.denoise.jump(x, sigma, sigma_next)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.denoise, name)


def differences(
    model: PipelineModel, scale: float | None, steps: int = 10, n: int = 2, device: str = "cpu"
) -> Iterator[Difference]:
    """The pipeline's own run beside benchbox's, by the same scheduler and by benchbox's own sampler that equals it.

    scale: of classifier-free guidance (None: none). In float32, whose rounding the comparison needs.
    """
    reference = run_pipeline(model, n, scale, steps, device)
    denoise = Denoiser(model, torch.device(device))
    for sampler in equivalents(reference):
        yield compare(model, reference, denoise, sampler, scale)


def agreements(model: PipelineModel, device: str) -> Iterator[Agreement]:
    """The pipeline's run beside benchbox's, without guidance and with the scale that the pipeline has by default."""
    latents, grey = (LATENTS, GREY) if model.weights_dtype is None else (HALF_LATENTS, HALF_GREY)
    for scale in scales(model):
        guidance = "not guided" if scale is None else f"scale {scale:g}"
        for difference in differences(model, scale, device=device):
            run = f"{difference.sampler} beside {model.checkpoint.pipeline} with {difference.scheduler}, {guidance}"
            yield Agreement(f"{run}: latents at {difference.steps} steps, relative", difference.latents, latents)
            yield Agreement(f"{run}: pictures, grey levels of 255", difference.grey, grey)


def scales(model: PipelineModel) -> Iterator[float | None]:
    """Without guidance, and the scale of the pipeline where it can be asked without its condition."""
    yield None
    family = model.checkpoint.family
    if family.text and model.guidance_number is not None and model.negative is None:
        return
    if family.scale and model.unconditional(torch.arange(1)) is not None:
        yield max(family.scale, 2.0)


def equivalents(pipeline_run: Reference) -> Iterator[Sampler]:
    """The samplers that equal the pipeline's scheduler: itself, and benchbox's own where there is one."""
    config, name = pipeline_run.scheduler.config, type(pipeline_run.scheduler).__name__
    if pipeline_run.jumps:
        given = {"LCMScheduler": "timestep_scaling", "CMStochasticIterativeScheduler": "sigma_min"}
        # latents of SCMScheduler are multiplied by its sigma_data, and benchbox's are not
        options = {"sigma_data": 1.0} if name == "SCMScheduler" else {given[name]: config[given[name]]}
        yield benchbox.get("sampler", f"diffusers:{name}", **options)
        if name != "CMStochasticIterativeScheduler":  # which adds √(σ'² − ε²) z
            yield benchbox.get("sampler", "consistency")
        return
    known = {option for group in ("solver", "step") for option in table()[name][group]}
    given = {option: config[option] for option in known if option in config}
    yield benchbox.get("sampler", f"diffusers:{name}", **given)
    order, plus = config.get("solver_order", 2), config.get("algorithm_type", "dpmsolver++") == "dpmsolver++"
    own: dict[str, tuple[str, dict[str, Any]] | None] = {
        "DDIMScheduler": ("ddim", {}), "EulerDiscreteScheduler": ("ddim", {}), "HeunDiscreteScheduler": ("heun", {}),
        "FlowMatchEulerDiscreteScheduler": ("ddim", {}),
        "DPMSolverMultistepScheduler": ("dpm-solver++2m", {}) if order == 2 and plus else None,
        "UniPCMultistepScheduler": ("unipc", {"order": order}),
    }  # fmt: skip
    equal = own[name]
    if equal and registry().matches("sampler", equal[0]):
        yield benchbox.get("sampler", equal[0], **equal[1])


def compare(
    model: PipelineModel, pipeline_run: Reference, base: Denoiser, sampler: Sampler, scale: float | None
) -> Difference:
    """One run from the pipeline's start on the pipeline's levels."""
    n, top = len(pipeline_run.images), float(model.schedule.sigma(model.schedule.t_max))
    sigmas = [min(sigma, top) for sigma in pipeline_run.sigmas if sigma > 0]
    levels = Levels(model.schedule, tuple(float(model.schedule.time(s)) for s in sigmas), tuple(sigmas))
    guidance = None if scale is None else benchbox.get("guidance", "cfg", scale=scale)
    base.at(torch.arange(n, device=base.device))
    denoise = Recorder(guided(guidance, base, levels))
    reference = [
        as_latents(model, y[:n]) for y in (*pipeline_run.states, pipeline_run.last)
    ]  # DiT's pipeline doubles its states
    start = reference[0] / pipeline_run.scale(sigmas[0]) / levels.start_std
    final = "denoise" if len(sigmas) < len(pipeline_run.sigmas) else "none"
    draws = iter((start, *(draw.to(start) for draw in pipeline_run.draws)))
    *_, x = trajectory(sampler, cast("Denoiser", denoise), levels, cast("Noise", lambda *_: next(draws)), final)
    states = [x * pipeline_run.scale(sigma) for x, sigma in denoise.asked] + [
        x * pipeline_run.scale(pipeline_run.sigmas[-1])
    ]
    errors = [float((y - r).abs().max() / r.abs().max()) for y, r in zip(states, reference, strict=True)]
    worst = max(errors)
    with torch.inference_mode():
        images = (model.decode(states[-1] / pipeline_run.data_scale) / 2 + 0.5).clamp(0, 1).cpu()
    grey = 255 * float((images - pipeline_run.images).abs().max())
    kind = type(pipeline_run.scheduler).__name__
    return Difference(sampler.name, kind, worst, errors.index(worst), len(errors) - 1, grey)


def as_latents(model: PipelineModel, y: Tensor) -> Tensor:
    """The state of a pipeline as latents (batch, c, h, w), in float32."""
    return (unpacked(y, *model.shape[1:]) if model.checkpoint.family.packed else y).float()
