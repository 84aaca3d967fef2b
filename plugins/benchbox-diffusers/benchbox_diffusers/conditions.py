"""What the network of a pipeline is asked for: the classes or the prompts of the samples, and their absence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbox.classes import check_label, class_labels
from benchbox.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from benchbox_diffusers.pipeline_model import PipelineModel


def check_options(model: PipelineModel) -> None:
    """ValueError for an option that the checkpoint has no use for, or one that it needs and that is missing."""
    family, title = model.checkpoint.family, model.checkpoint.pipeline or "a UNet2DModel"
    discrete = model.schedule.steps is not None
    if not discrete and model.prediction not in ("score", "flow", "edm"):
        raise ValueError(f"{title} needs a discrete schedule, and {model.schedule.name} is continuous: use ddpm.")
    if family.text and model.prompts is None:
        raise ValueError(f"{title} takes prompts: give a file with one per line, --set prompts=FILE.")
    if not family.text and (model.prompts or model.negative):
        raise ValueError(f"{title} takes no prompts.")
    if model.embedded is not None and model.guidance_number is None:
        raise ValueError(f"{title} in {model.path} has no embedded guidance: use --guidance cfg --set scale=….")
    if model.prompts is not None:
        _ = model.texts  # refuses a file without prompts
    check_label(model.label, model.classes)


def conditions(model: PipelineModel, index: Tensor) -> dict[str, Tensor]:
    """The labels of the samples, or the embeddings of their prompts."""
    if model.classes:
        return {"label": class_labels(index, model.classes, model.label)}
    return of_prompts(model, index, "") if model.checkpoint.family.text else {}


def unconditional(model: PipelineModel, index: Tensor) -> dict[str, Tensor] | None:
    """The class that stands for none, or the embeddings of the negative prompts; None where there are neither."""
    family = model.checkpoint.family
    if model.classes:  # a DiT has one class more, for none
        return {"label": index * 0 + model.classes} if family.network_class != "UNet2DModel" else None
    if not family.text:
        return None
    if model.guidance_number is not None and model.negative is None:
        raise UsageError(
            f"{model.title} takes its guidance as a number, {model.guidance_number:g}: set it with --set embedded=…, "
            "without --guidance (or give negative prompts, --set negative=FILE, for two evaluations)."
        )
    return of_prompts(model, index, "negative_") or None


def of_prompts(model: PipelineModel, index: Tensor, prefix: str) -> dict[str, Tensor]:
    """The embeddings of the samples' prompts; prefix: of the negative ones."""
    from benchbox.device import to_device  # it imports torch
    from benchbox_diffusers.embeddings import embeddings

    options = {"dtype": model.weights_dtype or "float32", "variant": model.variant}
    try:
        tensors = embeddings(model.checkpoint, model.texts, options, model.embeddings, model.trust_pickle)
    except ValueError as error:
        raise UsageError(f"{model.title}: {error}") from error
    rows, device = index.cpu() % len(model.texts.texts), index.device
    names = [name for name in model.checkpoint.family.conditions if prefix + name in tensors]
    return {name: to_device(tensors[prefix + name][rows], device) for name in names}
