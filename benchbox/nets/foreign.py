"""Adapter for a network from other code: it has a model's interface and checks the output."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchbox.errors import UsageError, no_gradients
from benchbox.variance import output_shape


class Foreign(nn.Module):
    """network(y, t[, label]), or network(x, σ[, label]) where `sigma_max` of the edm schedule is given, t = σ/σ_max.

    UsageError with the name of the model where the output is not a tensor of the input's shape, with twice its channels
    where it has a learned variance.
    """

    def __init__(
        self, call: Callable[..., Tensor], title: str, sigma_max: float | None = None, learned_variance: bool = False
    ) -> None:
        super().__init__()
        self.call, self.title, self.sigma_max, self.learned_variance = call, title, sigma_max, learned_variance

    def forward(self, y: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        level = t if self.sigma_max is None else t * self.sigma_max
        out = self.call(y, level) if label is None else self.call(y, level, label)
        if not isinstance(out, Tensor):
            raise UsageError(f"model {self.title} returns a {type(out).__name__}, and a tensor is needed.")
        if out.shape != output_shape(tuple(y.shape), self.learned_variance):
            raise UsageError(
                f"model {self.title} returns shape {tuple(out.shape)} for an input of shape {tuple(y.shape)}: "
                + self._rule(out.shape == output_shape(tuple(y.shape), True))
            )
        return out

    def _rule(self, doubled: bool) -> str:
        """What the shape of the output must be; `doubled`: it has twice the channels."""
        if self.learned_variance:
            return "with learned_variance=true the output has twice the channels of the input."
        if doubled:
            return "add --set learned_variance=true if the second half of the channels is a learned variance."
        return "the shapes must be equal (--set shape=… is the shape of one sample)."

    def try_out(self, shape: tuple[int, ...], discrete: bool, labelled: bool, device: torch.device) -> None:
        """Call the network on a batch of two at a middle level. Any failure is a UsageError of one sentence."""
        t = torch.full((2,), 1 if discrete else 0.5, dtype=torch.int64 if discrete else torch.float32, device=device)
        label = torch.zeros(2, dtype=torch.int64, device=device) if labelled else None
        try:
            self(torch.zeros(2, *shape, device=device), t, label)
        except UsageError:
            raise
        except Exception as error:
            if isinstance(error, RuntimeError) and (usage_error := no_gradients(self.title, error)):
                raise usage_error from error
            # the message of a TorchScript error is the last line, after a traceback
            kind = type(error).__name__
            message = (str(error).strip() or "no reason given").splitlines()[-1].rstrip(".").removeprefix(f"{kind}: ")
            raise UsageError(
                f"model {self.title} cannot be run on a batch of two samples of shape {shape}: {kind}: {message}."
            ) from error
