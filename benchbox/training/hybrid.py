"""The variational part of the hybrid loss, which teaches a network its variance."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from benchbox.likelihoods import log_decoder, normal_kl
from benchbox.schedule import Schedule
from benchbox.variance import decoder_stds, interpolated, reverse_stds

VLB_WEIGHT = 0.001
"""λ of L_hybrid = L_simple + λ L_vlb (Nichol & Dhariwal 2021, arXiv:2102.09672, eq. 16)."""


def variational_loss(schedule: Schedule, k: Tensor, x0: Tensor, denoised: Tensor, v: Tensor) -> Tensor:
    """L_vlb in bits per dimension, from one term per image: T E_k[L_k] (§3.1; as in their published code).

    k (batch,): 0 … T − 1, the step from level k to the one below; the last, k = 0, is the decoder of pixels in
    [−1, 1]. `denoised`, D of the network, carries no gradient, so that the mean learns from L_simple alone. v: of the
    variance, shaped as x0.
    """
    steps, column = schedule.steps, (-1, *[1] * (x0.ndim - 1))
    assert steps is not None
    levels = torch.as_tensor(np.asarray(schedule.sigma(np.arange(1, steps + 1) / steps)), device=x0.device)
    step = k.clamp(min=1)
    sigma, sigma_next = levels[step].view(column), levels[step - 1].view(column)
    small, large = reverse_stds(sigma, sigma_next)
    kl = normal_kl(x0 - denoised, 1 - (sigma_next / sigma) ** 2, small**2, interpolated(small, large, v) ** 2)
    std = interpolated(*decoder_stds(levels[0], levels[1]), v)
    decoder = -log_decoder(x0.double(), denoised.double(), std, (-1.0, 1.0))
    terms = torch.where(k.view(column) == 0, decoder, kl)
    return terms.flatten(1).mean() * steps / math.log(2)
