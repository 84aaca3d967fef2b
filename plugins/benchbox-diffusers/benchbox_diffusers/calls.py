"""How the network of each family is called: the arguments that its pipeline gives it, and packed latents."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Time = Literal["index", "thousand", "whole", "unit", "reversed"]
"""What a network is told of the level: k − 1; 1000 t, ⌊1000 t⌋, t or 1 − t of a flow."""

PURE_NOISE = 1 - 2e-5
"""The time of a flow from which on a network is told t = 1. There σ is infinite: a run starts just below."""


class CalledNetwork(Protocol):
    """What the arguments depend on besides the inputs, see `benchbox_diffusers.networks.Network`."""

    net: Any
    factor: int
    embedded: float | None


Arguments = Callable[["CalledNetwork", "Tensor", "Tensor", "dict[str, Tensor]"], "dict[str, Any]"]
"""(network, y, time in its units, conditions) to the arguments of a call."""


def network_time(kind: Time, t: Tensor) -> Tensor:
    """The time in the network's units."""
    if kind == "index":
        return t
    t = t.where(t <= PURE_NOISE, 1.0)
    match kind:
        case "thousand":
            return 1000 * t
        case "whole":
            return (1000 * t + 1e-3).floor()
        case "reversed":
            return 1 - t
    return t


def plain(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    return {"sample": y, "timestep": t} | ({"class_labels": given["label"]} if "label" in given else {})


def stable_diffusion(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    return {"sample": y, "timestep": t, "encoder_hidden_states": given["prompt_embeds"]}


def latent_consistency(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    """With sinusoids of 1000 (s − 1), s the scale of the guidance that was distilled (Luo et al. 2023, §4.2)."""
    import torch

    called = stable_diffusion(net, y, t, given)
    width = net.net.config.time_cond_proj_dim
    if width is None or net.embedded is None:
        return called
    frequencies = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2, device=y.device))
    angles = 1000 * (net.embedded - 1) * frequencies
    sinusoids = torch.nn.functional.pad(torch.cat([angles.sin(), angles.cos()]), (0, width % 2))
    return called | {"timestep_cond": sinusoids.to(y).expand(len(y), -1)}


def stable_diffusion_xl(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    """With the size of the picture, original and target, and no crop (Podell et al. 2023, arXiv:2307.01952, §2.2)."""
    height, width = (net.factor * side for side in y.shape[2:])
    ids = y.new_tensor([height, width, 0, 0, height, width]).expand(len(y), -1)
    added = {"text_embeds": given["pooled_prompt_embeds"], "time_ids": ids}
    return stable_diffusion(net, y, t, given) | {"added_cond_kwargs": added}


def stable_diffusion_3(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "hidden_states": y, "timestep": t, "encoder_hidden_states": given["prompt_embeds"],
        "pooled_projections": given["pooled_prompt_embeds"],
    }  # fmt: skip


def flux(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    """Tokens of 2×2 latents, the ids of text and image, and the number of the embedded guidance."""
    import torch

    height, width = (side // 2 for side in y.shape[2:])
    image_ids = y.new_zeros(height, width, 3)
    image_ids[..., 1] += torch.arange(height, device=y.device)[:, None]
    image_ids[..., 2] += torch.arange(width, device=y.device)
    return stable_diffusion_3(net, packed(y), t, given) | {
        "img_ids": image_ids.view(-1, 3), "txt_ids": y.new_zeros(given["prompt_embeds"].shape[1], 3),
        "guidance": None if net.embedded is None else y.new_full((len(y),), net.embedded),
    }  # fmt: skip


def dit(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    return {"hidden_states": y, "timestep": t, "class_labels": given["label"]}


def masked_text(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "hidden_states": y, "timestep": t, "encoder_hidden_states": given["prompt_embeds"],
        "encoder_attention_mask": given["prompt_attention_mask"],
    }  # fmt: skip


def pixart_sigma(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    added = {"resolution": None, "aspect_ratio": None}
    return masked_text(net, y, t, given) | {"added_cond_kwargs": added}


def sana(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    return masked_text(net, y, t * net.net.config.timestep_scale, given)


def sana_sprint(net: CalledNetwork, y: Tensor, t: Tensor, given: dict[str, Tensor]) -> dict[str, Any]:
    """With the number of the guidance that was distilled; its time is not scaled."""
    called = masked_text(net, y, t, given)
    if net.embedded is None:
        return called
    return called | {"guidance": y.new_full((len(y),), net.embedded * net.net.config.guidance_embeds_scale)}


def packed(y: Tensor) -> Tensor:
    """Latents (batch, c, h, w) as tokens (batch, hw/4, 4c)."""
    b, c, h, w = y.shape
    return y.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 4, 4 * c)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `packed`, for latents of this size."""
    b, _, c = tokens.shape
    y = tokens.view(b, height // 2, width // 2, c // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return y.reshape(b, c // 4, height, width)
