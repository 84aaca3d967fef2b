"""The hyperparameters of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training. `lr` rises linearly over `warmup` steps, then falls as a cosine to 0 at `steps`.

    drop_label: probability of dropping a label, for classifier-free guidance (Ho & Salimans 2022, algorithm 1).
    """

    steps: int = 10_000
    batch_size: int = 128
    lr: float = 1e-3
    warmup: int = 200
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    bfloat16: bool = False
    drop_label: float = 0.1

    def rate(self, step: int) -> float:
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        return self.lr * 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / max(self.steps - self.warmup, 1)))

    def decay(self, step: int) -> float:
        """Decay of the EMA, smaller in the first steps (Karras et al. 2024 discuss such ramps)."""
        return min(self.ema, (1 + step) / (10 + step))
