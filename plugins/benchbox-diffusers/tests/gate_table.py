"""The table of docs/text-to-image.md: `python plugins/benchbox-diffusers/tests/gate_table.py`

The largest differences of tiny pipelines from their own loops, over the samplers, without guidance and at scale 4.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pipelines
from benchbox_diffusers import checkpoints
from benchbox_diffusers.gate import Difference, differences

import benchbox

FAMILIES = {
    "latent diffusion, unconditional (`LDMPipeline`)": ("ldm",),
    "`DiTPipeline`": ("dit",),
    "`StableDiffusionPipeline`: 1.5 (ε)": ("stable_diffusion",),
    "2 (v)": ("stable_diffusion_2",),
    "`StableDiffusionXLPipeline`": ("stable_diffusion_xl",),
    "`ConsistencyModelPipeline`, which [jumps](few-step.md)": ("consistency",),
    "`LatentConsistencyModelPipeline`, which [jumps](few-step.md)": ("latent_consistency",),
    "`StableDiffusion3Pipeline`, static and dynamic shift": ("stable_diffusion_3", "stable_diffusion_3_dynamic"),
    "`FluxPipeline`, with and without embedded guidance": ("flux", "flux_schnell"),
    "`PixArtSigmaPipeline`": ("pixart_sigma",),
    "`SanaPipeline`, FlowMatchEuler and DPM-Solver": ("sana", "sana_dpm"),
    "`SanaSprintPipeline`, which [jumps](few-step.md)": ("sana_sprint",),
    "`Lumina2Pipeline`": ("lumina2",),
}
"""The lines of the table, and the functions of pipelines.py."""

JUMPS = ("consistency", "latent_consistency", "sana_sprint")
UNGUIDED = ("ldm", "flux_schnell", *JUMPS)


def measured(name: str) -> Iterator[Difference]:
    """The differences of one tiny pipeline, at all numbers of steps."""
    with TemporaryDirectory() as folder:
        pipelines.saved(getattr(pipelines, name)(), Path(folder))
        scales = (None,) if name in UNGUIDED else (None, 4.0)
        text = checkpoints.read(Path(folder)).family.text
        for scale in scales:
            negative = name == "flux" and scale is not None
            embeddings = pipelines.kept(Path(folder), negative=negative) if text else {}
            model = benchbox.get("model", "diffusers", path=Path(folder), **embeddings)
            for steps in (2, 4, 10) if name in JUMPS else (10,):
                yield from differences(model, scale, steps)


def main() -> None:
    print("| family | tiny pipeline: latents, relative | pictures, grey levels |\n|---|---|---|")
    for family, names in FAMILIES.items():
        all_of = [difference for name in names for difference in measured(name)]
        print(f"| {family} | {max(d.latents for d in all_of):.1e} | {max(d.grey for d in all_of):.1g} |", flush=True)


if __name__ == "__main__":
    main()
