"""Schedulers of diffusers for unconditional models with their interfaces, and the reasons why others are left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

Frame = Literal["vp", "sigma", "flow"]
Output = Literal["eps", "v", "flow", "flow-reversed", "edm", "score"]


@dataclass(frozen=True)
class Traits:
    """The interface of a scheduler.

    frame: of its state y = s x: s = 1/√(1+σ²) (vp), 1 (sigma) or 1/(1+σ) (flow). output: the network output that it
    expects. levels: where it stores them: in a table of training steps, in `sigmas`, or in its own format. second:
    position of a second evaluation in an interval: its end, or its geometric middle.
    """

    what: str
    frame: Frame
    output: Output = "eps"
    levels: Literal["table", "sigmas", "pndm", "ipndm", "score-sde"] = "table"
    second: Literal["end", "middle"] | None = None
    needs: str | None = None
    own_levels: bool = True

    def scale(self, sigma: float) -> float:
        """The scale s of the state at a level."""
        match self.frame:
            case "vp":
                return 1 / math.sqrt(1 + sigma**2)
            case "flow":
                return 1 / (1 + sigma)
        return 1.0

    @property
    def missing(self) -> bool:
        """Whether a required package is not installed."""
        return self.needs is not None and find_spec(self.needs) is None


ALL = {
    "CogVideoXDDIMScheduler": Traits("DDIM with η = 0 (Song, Meng & Ermon 2021), as CogVideoX has it", "vp"),
    "CosineDPMSolverMultistepScheduler": Traits(
        "SDE-DPM-Solver++ 2M (Lu et al. 2022b) with Brownian noise, as Stable Audio has it",
        "sigma", "edm", "sigmas", needs="torchsde",
    ),
    "DDIMParallelScheduler": Traits("DDIM (Song, Meng & Ermon 2021); its step for many times is not used", "vp"),
    "DDIMScheduler": Traits("DDIM (Song, Meng & Ermon 2021)", "vp"),
    "DDPMParallelScheduler": Traits("ancestral (Ho et al. 2020); its step for many times at once is not used", "vp"),
    "DDPMScheduler": Traits("ancestral sampling (Ho et al. 2020)", "vp"),
    "DEISMultistepScheduler": Traits("DEIS, multistep in log ρ (Zhang & Chen 2023)", "vp"),
    "DPMSolverMultistepScheduler": Traits("DPM-Solver and DPM-Solver++, multistep, ODE and SDE (Lu et al. 2022)", "vp"),
    "DPMSolverSDEScheduler": Traits(
        "DPM-Solver++ SDE, second order (Lu et al. 2022b), Brownian noise", "sigma", second="middle", needs="torchsde"
    ),
    "DPMSolverSinglestepScheduler": Traits("DPM-Solver and DPM-Solver++, singlestep (Lu et al. 2022)", "vp"),
    "EDMDPMSolverMultistepScheduler": Traits(
        "DPM-Solver++, multistep, for EDM networks (Lu et al. 2022b)", "sigma", "edm", "sigmas"
    ),
    "EDMEulerScheduler": Traits("Euler with churn, for EDM networks (Karras et al. 2022)", "sigma", "edm", "sigmas"),
    "EulerAncestralDiscreteScheduler": Traits("Euler with ancestral noise (k-diffusion)", "sigma"),
    "EulerDiscreteScheduler": Traits("Euler with churn (Karras et al. 2022)", "sigma"),
    "FlowMatchEulerDiscreteScheduler": Traits(
        "Euler on a flow (Lipman et al. 2023); stochastic_sampling noises D anew", "flow", "flow", "sigmas"
    ),
    "FlowMatchHeunDiscreteScheduler": Traits("Heun on a flow", "flow", "flow", "sigmas", second="end"),
    "HeunDiscreteScheduler": Traits("Heun without churn (Karras et al. 2022)", "sigma", second="end"),
    "IPNDMScheduler": Traits("PNDM without Runge–Kutta steps (Zhang & Chen 2023)", "vp", "v", "ipndm"),
    "KDPM2AncestralDiscreteScheduler": Traits("DPM2 with ancestral noise (k-diffusion)", "sigma", second="end"),
    "KDPM2DiscreteScheduler": Traits("DPM-Solver-2 (Lu et al. 2022, k-diffusion's)", "sigma", second="middle"),
    "LMSDiscreteScheduler": Traits("linear multistep (k-diffusion)", "sigma"),
    "LTXEulerAncestralRFScheduler": Traits(
        "Euler with ancestral noise on a flow", "flow", "flow", "sigmas", own_levels=False
    ),
    "MiniMaxH3Scheduler": Traits(
        "Euler on a flow whose velocity points to the data", "flow", "flow-reversed", "sigmas", own_levels=False
    ),
    "PNDMScheduler": Traits("pseudo numerical methods: Runge–Kutta, then linear multistep (Liu et al. 2022)", "vp",
                            levels="pndm"),
    "SASolverScheduler": Traits("SA-Solver, stochastic Adams (Xue et al. 2023)", "vp"),
    "ScoreSdeVeScheduler": Traits(
        "predictor–corrector (Song et al. 2021, algorithm 2), the corrector first", "sigma", "score", "score-sde"
    ),
    "UnCLIPScheduler": Traits("ancestral sampling (Ho et al. 2020), as unCLIP has it", "vp"),
    "UniPCMultistepScheduler": Traits("UniPC, predictor and corrector (Zhao et al. 2023)", "vp"),
}  # fmt: skip
"""The schedulers that can drive an unconditional model."""

TRAITS = {name: traits for name, traits in ALL.items() if not traits.missing}
"""The schedulers whose required packages are installed."""

BROKEN: dict[str, list[dict[str, Any]]] = {
    "DPMSolverMultistepScheduler": [{"algorithm_type": "sde-dpmsolver", "solver_order": 3}],
    "DPMSolverSinglestepScheduler": [{"algorithm_type": "dpmsolver", "thresholding": True}],
    "EDMDPMSolverMultistepScheduler": [{"algorithm_type": "sde-dpmsolver++", "solver_order": 3}],
    "LMSDiscreteScheduler": [{"lms_order": 0}],
    "SASolverScheduler": [{"algorithm_type": "noise_prediction", "thresholding": True}],
}
"""Combinations of options that diffusers accepts and then fails with."""

TOKENS = "samples tokens, not numbers"
FEW_STEPS = (
    "CMStochasticIterativeScheduler", "FlowMatchLCMScheduler", "LCMScheduler", "SCMScheduler", "TCDScheduler",
)  # fmt: skip
"""The schedulers of `few_step`, for models that jump."""

INVERSE = "goes from data to noise"

LEFT_OUT: dict[str, str] = {
    "AmusedScheduler": TOKENS,
    "BlockRefinementScheduler": TOKENS,
    "DiscreteDDIMScheduler": TOKENS,
    "EntropyBoundScheduler": TOKENS,
    "VQDiffusionScheduler": TOKENS,
    "DDIMInverseScheduler": INVERSE,
    "DPMSolverMultistepInverseScheduler": INVERSE,
    "ConsistencyDecoderScheduler": "made for the decoder of a VAE: it decodes latents, and samples no model",
    "FlowMapEulerDiscreteScheduler": "needs a network that knows both ends of a step (a flow map)",
    "PiflowScheduler": "needs a network that puts out a policy, not a velocity",
    "CogVideoXDPMScheduler": "its step asks its video pipeline for the last step's answer",
    "DDPMWuerstchenScheduler": "its levels are one fixed formula; its step is DDPMScheduler's",
    "HeliosDMDScheduler": "runs a video pipeline's stages of growing size",
    "HeliosScheduler": "runs a video pipeline's stages of growing size",
    "KarrasVeScheduler": "deprecated, and only there beside another package; it is HeunDiscreteScheduler with churn",
    "RFD4ProteinaScheduler": "moves the atoms of proteins",
    "RePaintScheduler": "paints into an image that is given",
    "ScoreSdeVpScheduler": "deprecated, and only there beside another package",
}
"""Schedulers that are not offered, with the reason."""
