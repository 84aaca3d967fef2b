"""A network on a CPU, with the samples of a batch divided among threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import torch
from torch import Tensor, nn

from benchbox.threads import own_thread

LEAST = 8
"""Samples for a thread: with fewer, starting the operations costs more than the second core gains."""


def take_one_core() -> None:
    """Make the calling thread one of benchbox's, with one core."""
    own_thread()
    torch.set_num_threads(1)


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Threads that each use one core."""
    executor = ThreadPoolExecutor(threads, "network", initializer=take_one_core)
    barrier = Barrier(threads)
    list(executor.map(lambda _: barrier.wait(), range(threads)))  # all have started
    torch.set_num_threads(threads)  # MKL keeps one number for the whole process, which each of them has set to 1
    return executor


class Threaded(nn.Module):
    """A network whose samples do not depend on each other: on a CPU, each of torch's threads evaluates a part of them.

    Threads that divide every operation wait for each other hundreds of times in an evaluation; these wait once.
    With gradients, on other devices and for small batches, the network is called as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: Tensor, t: Tensor, **conditions: Tensor) -> Tensor:
        """y of shape (batch, …), t of shape (batch,), conditions with the batch as their first dimension."""
        threads = min(torch.get_num_threads(), len(y) // LEAST)
        if y.device.type != "cpu" or threads < 2 or torch.is_grad_enabled():
            out: Tensor = self.network(y, t, **conditions)
            return out
        inference, autocast = torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu")

        def evaluate(y: Tensor, t: Tensor, *values: Tensor) -> Tensor:  # these modes are those of a thread
            with torch.inference_mode(inference), torch.no_grad(), torch.autocast("cpu", dtype, enabled=autocast):
                chunk: Tensor = self.network(y, t, **dict(zip(conditions, values, strict=True)))
                return chunk

        chunks = (tensor.tensor_split(threads) for tensor in (y, t, *conditions.values()))
        return torch.cat(list(pool(torch.get_num_threads()).map(evaluate, *chunks)))
