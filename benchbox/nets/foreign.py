"""A network that was made elsewhere, called as a model's network is, and watched."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchbox.errors import UsageError, no_gradients


class Foreign(nn.Module):
    """network(y, t[, label]), or network(x, σ[, label]) where `sigma_max` is that of the edm schedule, t = σ/σ_max.

    UsageError, which names the model, where the output is not a tensor of the input's shape.
    """

    def __init__(self, call: Callable[..., Tensor], title: str, sigma_max: float | None = None) -> None:
        super().__init__()
        self.call, self.title, self.sigma_max = call, title, sigma_max

    def forward(self, y: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        level = t if self.sigma_max is None else t * self.sigma_max
        out = self.call(y, level) if label is None else self.call(y, level, label)
        if not isinstance(out, Tensor):
            raise UsageError(f"model {self.title} puts out a {type(out).__name__} where a tensor is needed.")
        if out.shape != y.shape:
            raise UsageError(
                f"model {self.title} puts out {tuple(out.shape)} for an input of {tuple(y.shape)}: "
                "the two must be the same (--set shape=… is that of one sample)."
            )
        return out

    def try_out(self, shape: tuple[int, ...], discrete: bool, labelled: bool, device: torch.device) -> None:
        """One call on a batch of two at a middle level; whatever goes wrong is a UsageError of one sentence."""
        t = torch.full((2,), 1 if discrete else 0.5, dtype=torch.int64 if discrete else torch.float32, device=device)
        label = torch.zeros(2, dtype=torch.int64, device=device) if labelled else None
        try:
            self(torch.zeros(2, *shape, device=device), t, label)
        except UsageError:
            raise
        except Exception as error:
            if isinstance(error, RuntimeError) and (told := no_gradients(self.title, error)):
                raise told from error
            # a TorchScript error ends with what happened, after a traceback of its own
            said = (str(error).strip() or "no reason given").splitlines()[-1].rstrip(".")
            what = type(error).__name__
            raise UsageError(
                f"model {self.title} cannot be run on a batch of two samples of shape {shape}: "
                f"{what}: {said.removeprefix(f'{what}: ')}."
            ) from error
