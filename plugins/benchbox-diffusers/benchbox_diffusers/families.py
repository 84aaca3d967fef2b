"""The families of pipelines: one row each says how its network is called, and how its latents are decoded."""

from __future__ import annotations

from dataclasses import dataclass

from benchbox_diffusers import calls
from benchbox_diffusers.calls import Arguments, Time


@dataclass(frozen=True)
class Family:
    """A row of the table.

    network: its folder, and its class in diffusers. arguments: those of a call. time: what the network is told of the
    level. sign: −1 where it predicts the negated velocity. packed: its output is tokens of 2×2 latents. vae: the folder
    of the decoder. encoded: what `encode_prompt` returns, named as in the pipeline's call. scale: the guidance scale
    that its pipeline has by default; embedded: the same where the network takes that number itself. side: of the
    latents where the network's configuration has none. trailing: its pipeline cuts the time of a flow into equal steps
    from 1 to 1/N. dynamic: it computes the shift of a flow from the number of tokens where its scheduler says so.
    consistency: its network is preconditioned as in Song et al. 2023, and jumps. trigflow: it
    is that of a flow, distilled in TrigFlow, and jumps.
    """

    network: str
    network_class: str
    arguments: Arguments
    time: Time = "index"
    sign: int = 1
    packed: bool = False
    vae: str | None = None
    encoded: tuple[str, ...] = ()
    scale: float | None = None
    embedded: float | None = None
    side: int | None = None
    trailing: bool = False
    dynamic: bool = False
    consistency: bool = False
    trigflow: bool = False

    @property
    def flow(self) -> bool:
        """Whether its network predicts the velocity of a flow."""
        return self.time != "index"

    @property
    def text(self) -> bool:
        """Whether it takes prompts."""
        return bool(self.encoded)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions of a prompt."""
        return tuple(name for name in self.encoded if not name.startswith("negative_"))


PROMPT = ("prompt_embeds", "negative_prompt_embeds")
POOLED = (*PROMPT, "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
MASKED = (
    "prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask",
)  # fmt: skip

UNET = Family("unet", "UNet2DModel", calls.plain)

FAMILIES: dict[str, Family] = {
    "DDIMPipeline": UNET,
    "DDPMPipeline": UNET,
    "PNDMPipeline": UNET,
    "ScoreSdeVePipeline": UNET,
    "ConsistencyModelPipeline": Family("unet", "UNet2DModel", calls.plain, consistency=True),
    "LDMPipeline": Family("unet", "UNet2DModel", calls.plain, vae="vqvae"),
    "DiTPipeline": Family("transformer", "DiTTransformer2DModel", calls.dit, vae="vae", scale=4.0),
    "StableDiffusionPipeline": Family(
        "unet", "UNet2DConditionModel", calls.stable_diffusion, vae="vae", encoded=PROMPT, scale=7.5
    ),
    "LatentConsistencyModelPipeline": Family(
        "unet", "UNet2DConditionModel", calls.latent_consistency, vae="vae", encoded=PROMPT, embedded=8.5
    ),
    "StableDiffusionXLPipeline": Family(
        "unet", "UNet2DConditionModel", calls.stable_diffusion_xl, vae="vae", encoded=POOLED, scale=5.0
    ),
    "StableDiffusion3Pipeline": Family(
        "transformer", "SD3Transformer2DModel", calls.stable_diffusion_3, "thousand", vae="vae", encoded=POOLED,
        scale=7.0, dynamic=True,
    ),
    "FluxPipeline": Family(
        "transformer", "FluxTransformer2DModel", calls.flux, "unit", packed=True, vae="vae",
        encoded=("prompt_embeds", "pooled_prompt_embeds"), scale=1.0, embedded=3.5, side=128, trailing=True,
        dynamic=True,
    ),
    "PixArtSigmaPipeline": Family(
        "transformer", "PixArtTransformer2DModel", calls.pixart_sigma, vae="vae", encoded=MASKED, scale=4.5
    ),
    "SanaPipeline": Family(
        "transformer", "SanaTransformer2DModel", calls.sana, "thousand", vae="vae", encoded=MASKED, scale=4.5
    ),
    "SanaSprintPipeline": Family(
        "transformer", "SanaTransformer2DModel", calls.sana_sprint, "unit", vae="vae",
        encoded=("prompt_embeds", "prompt_attention_mask"), embedded=4.5, trigflow=True,
    ),
    "Lumina2Pipeline": Family(
        "transformer", "Lumina2Transformer2DModel", calls.masked_text, "reversed", sign=-1, vae="vae",
        encoded=MASKED, scale=4.0, side=128, trailing=True,
    ),
}  # fmt: skip
"""Class of the pipeline, in model_index.json, to its family."""
