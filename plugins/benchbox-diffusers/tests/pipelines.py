"""Tiny pipelines of every family, with random weights, written to a folder without text encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from benchbox_diffusers.checkpoints import read
from benchbox_diffusers.prompts import identity, read_prompts
from safetensors.torch import save_file
from torch import Tensor

STABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
          "steps_offset": 1}  # fmt: skip
BLOCKS = {"block_out_channels": (4, 8), "norm_num_groups": 4, "layers_per_block": 1}


def vae(**options: Any) -> Any:
    torch.manual_seed(1)
    return diffusers.AutoencoderKL(**{
        "block_out_channels": (4, 8), "norm_num_groups": 4, "layers_per_block": 1, "latent_channels": 4,
        "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2, "sample_size": 16,
    } | options).eval()  # fmt: skip


def ddim(**options: Any) -> Any:
    return diffusers.DDIMScheduler(**STABLE | options)


def ldm() -> Any:
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8, **BLOCKS, down_block_types=("DownBlock2D", "AttnDownBlock2D"), attention_head_dim=4,
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    vqvae = diffusers.VQModel(**BLOCKS, down_block_types=("DownEncoderBlock2D",) * 2,
                              up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=3)  # fmt: skip
    vqvae.quantize.embedding.weight.data.normal_()
    return diffusers.LDMPipeline(vqvae=vqvae, unet=unet, scheduler=ddim())


def dit() -> Any:
    torch.manual_seed(0)
    transformer = diffusers.DiTTransformer2DModel(
        sample_size=8, num_layers=2, patch_size=4, attention_head_dim=8, num_attention_heads=2, in_channels=4,
        out_channels=8, attention_bias=True, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero", norm_elementwise_affine=False,
    )  # fmt: skip
    return diffusers.DiTPipeline(transformer=transformer, vae=vae(), scheduler=ddim())


def randomised(pipeline: Any) -> Any:
    """The pipeline with its network's zero-initialised weights drawn, so that every input matters."""
    generator = torch.Generator().manual_seed(2)
    net = pipeline.transformer if hasattr(pipeline, "transformer") else pipeline.unet
    for p in net.parameters():
        if not p.any():
            p.data.normal_(0, 0.05, generator=generator)
    return pipeline


def saved(pipeline: Any, folder: Path) -> Path:
    randomised(pipeline).save_pretrained(folder)
    return folder


def latents(n: int, shape: tuple[int, ...], seed: int = 5) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def stable_diffusion(**options: Any) -> Any:
    torch.manual_seed(0)
    return text_pipeline(diffusers.StableDiffusionPipeline, unet=unet2(**options), vae=vae(), scheduler=ddim(),
                         safety_checker=None, feature_extractor=None, requires_safety_checker=False)  # fmt: skip


def latent_consistency() -> Any:
    """A network that is told the scale of the guidance that was distilled."""
    torch.manual_seed(0)
    scheduler = diffusers.LCMScheduler(**STABLE, original_inference_steps=50)
    return text_pipeline(
        diffusers.LatentConsistencyModelPipeline, unet=unet2(time_cond_proj_dim=32), vae=vae(), scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def consistency() -> Any:
    """A class-conditional consistency model of pictures."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8, **BLOCKS, down_block_types=("DownBlock2D", "AttnDownBlock2D"), attention_head_dim=4,
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), num_class_embeds=3,
    )  # fmt: skip
    return diffusers.ConsistencyModelPipeline(unet=unet, scheduler=diffusers.CMStochasticIterativeScheduler())


def unet2(**options: Any) -> Any:
    return diffusers.UNet2DConditionModel(**{
        "block_out_channels": (4, 8), "norm_num_groups": 4, "layers_per_block": 1, "sample_size": 8, "in_channels": 4,
        "out_channels": 4, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "attention_head_dim": 4,
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "cross_attention_dim": 8,
    } | options)  # fmt: skip


def text_pipeline(cls: Any, encoders: int = 1, **parts: Any) -> Any:
    """A pipeline without its text encoders and tokenizers."""
    ends = ["", *(f"_{i}" for i in range(2, encoders + 1))]
    none = {f"{part}{end}": None for part in ("text_encoder", "tokenizer") for end in ends}
    return cls(**none, **parts)


def stable_diffusion_2() -> Any:
    """A network that predicts v."""
    pipeline = stable_diffusion()
    pipeline.scheduler = ddim(prediction_type="v_prediction", timestep_spacing="trailing")
    return pipeline


def stable_diffusion_xl() -> Any:
    torch.manual_seed(0)
    unet = unet2(
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=8 * 6 + 16,
        transformer_layers_per_block=(1, 1), use_linear_projection=True,
    )  # fmt: skip
    return text_pipeline(
        diffusers.StableDiffusionXLPipeline, 2, unet=unet, vae=vae(latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.1, 0.9, 1.2, 1.0], scaling_factor=0.13025),
        scheduler=diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                                   timestep_spacing="leading", steps_offset=1),
    )  # fmt: skip


def stable_diffusion_3(**options: Any) -> Any:
    torch.manual_seed(0)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=8, caption_projection_dim=16, pooled_projection_dim=16, out_channels=4,
    )  # fmt: skip
    return text_pipeline(
        diffusers.StableDiffusion3Pipeline, 3, transformer=transformer,
        vae=vae(scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**{"shift": 3.0} | options),
    )  # fmt: skip


def stable_diffusion_3_dynamic() -> Any:
    return stable_diffusion_3(use_dynamic_shifting=True, base_shift=0.5, max_shift=4.0)


def flux(guidance_embeds: bool = True) -> Any:
    torch.manual_seed(0)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=8, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=guidance_embeds,
    )  # fmt: skip
    return text_pipeline(
        diffusers.FluxPipeline, 2, transformer=transformer,
        vae=vae(scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
    )  # fmt: skip


def flux_schnell() -> Any:
    """A flow distilled to few steps, without an embedded guidance and without a shift."""
    pipeline = flux(guidance_embeds=False)
    pipeline.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    return pipeline


def pixart_sigma() -> Any:
    torch.manual_seed(0)
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=8, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=3, caption_channels=8,
        in_channels=4, cross_attention_dim=24, out_channels=8, attention_bias=True, use_additional_conditions=False,
        activation_fn="gelu-approximate", num_embeds_ada_norm=1000, norm_type="ada_norm_single",
        norm_elementwise_affine=False, norm_eps=1e-6,
    )  # fmt: skip
    scheduler = diffusers.DPMSolverMultistepScheduler(beta_start=1e-4, beta_end=0.02)
    return text_pipeline(diffusers.PixArtSigmaPipeline, transformer=transformer, vae=vae(), scheduler=scheduler)


def dc_ae() -> Any:
    torch.manual_seed(1)
    return diffusers.AutoencoderDC(
        latent_channels=4, encoder_block_types=("ResBlock", "EfficientViTBlock"), attention_head_dim=2,
        decoder_block_types=("ResBlock", "EfficientViTBlock"), encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)), decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1), decoder_layers_per_block=[1, 1], downsample_block_type="conv",
        upsample_block_type="interpolate", decoder_norm_types="rms_norm", decoder_act_fns="silu",
        scaling_factor=0.41407,
    ).eval()  # fmt: skip


def sana(scheduler: Any = None) -> Any:
    torch.manual_seed(0)
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
        num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8,
        sample_size=16, timestep_scale=0.5,
    )  # fmt: skip
    scheduler = scheduler or diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0)
    return text_pipeline(diffusers.SanaPipeline, transformer=transformer, vae=dc_ae(), scheduler=scheduler)


def sana_sprint() -> Any:
    """A flow distilled in TrigFlow, with an embedded guidance."""
    torch.manual_seed(0)
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
        num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8,
        sample_size=16, qk_norm="rms_norm_across_heads", guidance_embeds=True,
    )  # fmt: skip
    return text_pipeline(
        diffusers.SanaSprintPipeline, transformer=transformer, vae=dc_ae(), scheduler=diffusers.SCMScheduler()
    )


def sana_dpm() -> Any:
    """The scheduler of the published Sana: DPM-Solver++ on a flow with a shift."""
    return sana(diffusers.DPMSolverMultistepScheduler(
        use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction", solver_order=2
    ))  # fmt: skip


def lumina2() -> Any:
    """A network that predicts the negated velocity at the reversed time."""
    torch.manual_seed(0)
    transformer = diffusers.Lumina2Transformer2DModel(
        sample_size=4, patch_size=2, in_channels=4, hidden_size=8, num_layers=2, num_attention_heads=1, num_kv_heads=1,
        multiple_of=16, ffn_dim_multiplier=None, norm_eps=1e-5, scaling_factor=1.0, axes_dim_rope=[4, 2, 2],
        cap_feat_dim=8,
    )  # fmt: skip
    return text_pipeline(
        diffusers.Lumina2Pipeline, transformer=transformer, vae=vae(scaling_factor=0.3611, shift_factor=0.1159),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=6.0),
    )  # fmt: skip


def kept(folder: Path, prompts: int = 2, negative: bool = False) -> dict[str, Any]:
    """The options of the model in a folder without text encoders: prompts, and a file of drawn embeddings."""
    checkpoint = read(folder)
    file, without = folder / "prompts.txt", folder / "negative.txt"
    file.write_text("".join(f"prompt {i}\n" for i in range(prompts)))
    without.write_text("negative\n")
    options = {"prompts": file, "embeddings": folder / "kept.safetensors"} | ({"negative": without} if negative else {})
    if "Flux" in str(checkpoint.pipeline) or "Lumina" in str(checkpoint.pipeline):
        options["size"] = (16,)
    names = dict.fromkeys([*checkpoint.family.encoded, *(f"negative_{n}" for n in checkpoint.family.conditions)])
    generator, tensors = torch.Generator().manual_seed(3), {}
    for name in names:
        if name.startswith("negative_") and "negative_prompt_embeds" not in checkpoint.family.encoded and not negative:
            continue
        shape = {"embeds": (7, 8), "mask": (7,)}[name.rpartition("_")[2]] if "pooled" not in name else (16,)
        tensors[name] = torch.randn(prompts, *shape, generator=generator)
        if name.endswith("mask"):
            tensors[name] = (torch.arange(7) < torch.arange(4, 4 + prompts)[:, None]).long()
    texts = read_prompts(file, without if negative else None)
    save_file(tensors, options["embeddings"], identity(checkpoint, texts, {"dtype": "float32", "variant": None}))
    return options
