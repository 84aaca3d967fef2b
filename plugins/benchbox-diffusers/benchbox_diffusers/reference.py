"""A pipeline's own loop: what it is called with, and what it does at every step."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchbox.errors import UsageError
from benchbox_diffusers.build import feed
from benchbox_diffusers.flows import FlowTraining
from benchbox_diffusers.traits import FEW_STEPS, TRAITS

if TYPE_CHECKING:
    from benchbox_diffusers.pipeline_model import PipelineModel

COMPARABLE = (
    "CMStochasticIterativeScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler",
    "FlowMatchEulerDiscreteScheduler", "HeunDiscreteScheduler", "LCMScheduler", "SCMScheduler",
    "UniPCMultistepScheduler",
)  # fmt: skip
"""Deterministic schedulers, and those of networks that jump. Another one is replaced by the DDIM, or the
FlowMatchEuler, of the same noise."""


@dataclass
class Reference:
    """What the pipeline did: its states y at each call of its scheduler, the last latents, the pictures in [0, 1].

    draws: the noise of a scheduler that jumps. sigmas: the levels, decreasing; the last one is 0 where the last step
    leads to the data. frame: of y.
    """

    states: list[Tensor] = field(default_factory=list)
    last: Tensor = field(default_factory=lambda: torch.empty(0))
    images: Tensor = field(default_factory=lambda: torch.empty(0))
    sigmas: list[float] = field(default_factory=list)
    scheduler: Any = None
    draws: list[Tensor] = field(default_factory=list)
    flow: bool = False

    def scale(self, sigma: float) -> float:
        """s of y = s x."""
        match type(self.scheduler).__name__:
            case "LCMScheduler":
                return 1 / (1 + sigma**2) ** 0.5
            case "SCMScheduler":
                return self.data_scale / (1 + sigma**2) ** 0.5
            case "CMStochasticIterativeScheduler":
                return 1.0
            case name:
                return 1 / (1 + sigma) if self.flow else TRAITS[name].scale(sigma)

    @property
    def data_scale(self) -> float:
        """The standard deviation that the pipeline gives its latents before its loop, and takes from them after."""
        trigflow = type(self.scheduler).__name__ == "SCMScheduler"
        return float(self.scheduler.config.sigma_data) if trigflow else 1.0

    @property
    def jumps(self) -> bool:
        return type(self.scheduler).__name__ in FEW_STEPS

    def drawn(self, shape: Any, **_: Any) -> Tensor:
        """A draw of the scheduler, which is kept."""
        self.draws.append(torch.randn(shape, generator=torch.Generator().manual_seed(len(self.draws) + 1)))
        return self.draws[-1]


def run_pipeline(model: PipelineModel, n: int, scale: float | None, steps: int, device: str = "cpu") -> Reference:
    """The pipeline's run for the samples 0 … n−1, guided with the scale (None: not guided)."""
    pipeline = load_pipeline(model, device)
    reference = Reference(scheduler=pipeline.scheduler, flow=isinstance(model.checkpoint.training, FlowTraining))
    if reference.jumps:
        feed(reference.scheduler, reference.drawn)
    step = reference.scheduler.step

    def recording(out: Tensor, timestep: Any, sample: Tensor, *rest: Any, **options: Any) -> Any:
        reference.states.append(sample.clone())
        result = step(out, timestep, sample, *rest, **options)
        reference.last = result[0]
        return result

    recording.__signature__ = inspect.signature(step)  # type: ignore[attr-defined]  # pipelines look for eta in it
    reference.scheduler.step = recording
    with torch.inference_mode():
        images = pipeline(**arguments(model, pipeline, n, scale, device), num_inference_steps=steps).images
    reference.images = torch.as_tensor(images).permute(0, 3, 1, 2)
    reference.sigmas = levels_of(reference.scheduler, reference.flow)
    return reference


def load_pipeline(model: PipelineModel, device: str) -> Any:
    """The pipeline without its text encoders, with a comparable scheduler."""
    import diffusers

    diffusers.utils.logging.disable_progress_bar()
    checkpoint, family = model.checkpoint, model.checkpoint.family
    if checkpoint.pipeline is None:
        raise UsageError(f"{model.path} holds a network without a pipeline: there is nothing to compare it with.")
    others = {
        name: None for name, entry in checkpoint.index.items()
        if isinstance(entry, list) and name not in (family.network, family.vae, "scheduler")
    }  # fmt: skip
    pipeline = getattr(diffusers, checkpoint.pipeline).from_pretrained(
        checkpoint.root, **others, local_files_only=True, low_cpu_mem_usage=False, variant=model.variant,
        use_safetensors=None if model.trust_pickle else True,
        dtype=getattr(torch, model.weights_dtype or "float32"),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = comparable(pipeline.scheduler, family.flow)
    return pipeline.to(device)


def comparable(scheduler: Any, flow: bool) -> Any:
    """The scheduler, or the plainest of the same noise where its last step is not D or it adds noise."""
    import diffusers

    name = type(scheduler).__name__
    if name not in COMPARABLE:
        name = "FlowMatchEulerDiscreteScheduler" if flow else "DDIMScheduler"
    options: dict[str, Any] = {}
    if name == "CMStochasticIterativeScheduler":  # the last jump of a run is not clipped, and pictures are
        options["clip_denoised"] = False
    if name == "DDIMScheduler":  # in other spacings its steps do not meet
        options["timestep_spacing"] = (
            "trailing" if scheduler.config.get("timestep_spacing") == "trailing" else "leading"
        )
    return getattr(diffusers, name).from_config(scheduler.config, **options)


def arguments(model: PipelineModel, pipeline: Any, n: int, scale: float | None, device: str) -> dict[str, Any]:
    """Those of the pipeline's call: embeddings or labels of the samples 0 … n−1, guidance, size, seed, no extras."""
    guide = 1.0 if scale is None else scale
    height, width = model.data_shape[1:]
    given = {
        "batch_size": n, "height": height, "width": width, "generator": torch.Generator().manual_seed(0),
        "output_type": "np", "prompt": None, "negative_prompt": None, "guidance_scale": guide,
        "use_resolution_binning": False, "cfg_normalization": False, "intermediate_timesteps": None,
    }  # fmt: skip
    if model.guidance_number is not None or model.checkpoint.family.packed:
        given |= {"guidance_scale": model.guidance_number, "true_cfg_scale": guide}
    index = torch.arange(n)
    if model.classes:
        given["class_labels"] = model.conditions(index)["label"].tolist()
    elif model.checkpoint.family.text:
        without = (model.unconditional(index) or {}) if scale is not None else {}
        given |= model.conditions(index) | {f"negative_{name}": value for name, value in without.items()}
    accepted = inspect.signature(pipeline.__call__).parameters
    return {name: v.to(device) if isinstance(v, Tensor) else v for name, v in given.items() if name in accepted}


def levels_of(scheduler: Any, flow: bool) -> list[float]:
    """The levels of the scheduler's last run, decreasing, with the end."""
    if type(scheduler).__name__ == "SCMScheduler":  # its first time is just above π/2, where σ is infinite
        return [float("inf"), *scheduler.timesteps[1:].double().tan().tolist()]
    if hasattr(scheduler, "sigmas"):
        visited = [float(sigma) for sigma in scheduler.sigmas.double()]
        if type(scheduler).__name__ in FEW_STEPS:
            visited[-1] = 0.0  # its last step is a jump to the data
    else:
        alphas = [*scheduler.alphas_cumprod[scheduler.timesteps].double(), scheduler.final_alpha_cumprod.double()]
        visited = [float(((1 - alpha) / alpha).sqrt()) for alpha in alphas]
    if flow:
        visited = [t / (1 - t) if t < 1 else float("inf") for t in visited]
    return list(dict.fromkeys(visited))  # schedulers with two evaluations have inner levels twice
