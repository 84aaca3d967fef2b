"""The training loop: Adam, gradient clipping, EMA, checkpoints. An interrupted run resumes to the same result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from benchbox.errors import UsageError
from benchbox.nets.measured import measure_batch
from benchbox.options import describe
from benchbox.problem import Problem
from benchbox.training.identity import training_identity
from benchbox.training.losses import TrainingLoss
from benchbox.training.recipe import Recipe

AnyLoss = TypeVar("AnyLoss", bound=TrainingLoss)


def in_unit_range(images: Tensor) -> Tensor:
    """Pixels 0 … 255 in [−1, 1]; latents, of any other dtype, as they are."""
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images


class Trainer(Generic[AnyLoss]):
    """The state of a training: network, EMA and optimiser at some step. `run` trains to the last step of the recipe."""

    def __init__(
        self, network: nn.Module, loss: AnyLoss, images: Tensor, recipe: Recipe, labels: Tensor | None = None,
        architecture: Mapping[str, Any] | None = None, problem: Problem | None = None,
    ) -> None:  # fmt: skip
        """images: uint8 or latents (n, channels, height, width), labels: int64 (n,), on the network's device.

        architecture: the options of the network. problem: that whose measurements the network takes.
        """
        self.network, self.loss, self.images, self.recipe, self.labels = network, loss, images, recipe, labels
        self.problem = problem
        self.classes = 0 if labels is None else int(labels.max()) + 1
        self.parameters = dict(network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimizer = torch.optim.Adam(self.parameters.values(), lr=recipe.lr)
        self.step = 0
        self.seconds = 0.0
        self.history: list[tuple[int, str]] = []
        self.architecture = architecture or {}
        self.identity = training_identity(loss, recipe, images, labels, self.architecture)
        if self.described_problem is not None:
            self.identity["problem"] = self.described_problem
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    def batch(self) -> Tensor:
        """The images of a step: each epoch is a permutation that depends only on seed and epoch."""
        n, size = len(self.images), min(self.recipe.batch_size, len(self.images))
        epoch, position = divmod(self.step, n // size)
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)
            self._order = (epoch, torch.randperm(n, generator=generator))
        return self._order[1][position * size : (position + 1) * size].to(self.images.device)

    @property
    def described_problem(self) -> dict[str, Any] | None:
        """The problem with its options, as JSON values."""
        if self.problem is None:
            return None
        options = {name: value for name, value in describe(self.problem).items() if name != "truth"}
        return {"name": self.problem.name, **options}

    def conditions(self, index: Tensor, x0: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """The labels of the images, some dropped, and their measurements; empty without either."""
        measured = {} if self.problem is None else {"measured": measure_batch(self.problem, x0, generator)}
        if self.labels is None:
            return measured
        dropped = torch.rand(len(index), generator=generator, device=index.device) < self.recipe.drop_label
        return measured | {"label": self.labels[index].masked_fill(dropped, self.classes)}

    def batch_loss(self, generator: torch.Generator) -> Tensor:
        """The loss of the batch of this step."""
        index = self.batch()
        x0 = in_unit_range(self.images[index])
        return self.loss(self.network, x0, generator, **self.conditions(index, x0, generator))

    def advance(self) -> Tensor:
        """One optimiser step; returns the loss as a tensor on the device."""
        recipe, device = self.recipe, self.images.device
        generator = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(self.step)
        with torch.autocast(device.type, torch.bfloat16) if recipe.bfloat16 else nullcontext():
            loss = self.batch_loss(generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters.values(), recipe.clip)
        self.optimizer.step()
        decay = recipe.decay(self.step)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1 - decay)
        self.step += 1
        return loss.detach()

    def run(self, save: Callable[[Trainer[AnyLoss]], None], every: int = 500) -> Iterator[tuple[int, float]]:
        """Train to the last step. Yields (step, mean loss) every ten steps, calls `save` after `every` steps."""
        losses: list[Tensor] = []
        start = time.perf_counter() - self.seconds
        while self.step < self.recipe.steps:
            losses.append(self.advance())
            self.seconds = time.perf_counter() - start
            if self.step % 10 == 0 or self.step == self.recipe.steps:
                mean = float(torch.stack(losses).mean())
                if not math.isfinite(mean):
                    raise UsageError(f"the loss is not finite at step {self.step}: try a smaller --lr.")
                yield self.step, mean
                losses.clear()
            if self.step % every == 0 or self.step == self.recipe.steps:
                save(self)

    def note(self, command: str) -> None:
        """Record the command that continues from this step, for the card."""
        if not self.history or self.history[-1][1] != command:
            self.history.append((self.step, command))

    def described(self) -> dict[str, Any]:
        """The recipe and the history of the training, for the card."""
        return asdict(self.recipe) | {
            "commands": [f"from step {step}: {command}" for step, command in self.history],
            "seconds": round(self.seconds), "images": len(self.images), "torch": torch.__version__,
        }  # fmt: skip
