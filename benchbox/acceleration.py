"""How a network is computed: dtype of its weights, memory format, torch.compile."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbox.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from benchbox.model import Model

REGIONAL_SHARE = 0.8
"""The share of the parameters that repeated blocks must hold for them to be compiled in place of the network."""


@dataclass(frozen=True)
class Acceleration:
    """compiled: by torch.compile. channels_last: convolutions work on that memory format. Neither changes the law."""

    compiled: bool = False
    channels_last: bool = False


PLAIN = Acceleration()
"""Eager, in torch's usual format."""


HALF = ("float16", "bfloat16")
"""The dtypes, by their names, to which weights may be converted."""


def converts_weights(model: Model, dtype: str) -> bool:
    """Whether a run in `dtype` converts the weights to it."""
    return dtype in HALF and model.half_weights


def compile_mode(device: torch.device | str) -> str:
    """The mode of torch.compile on a device: max-autotune, which includes CUDA graphs, on a GPU."""
    return "max-autotune" if str(device).startswith("cuda") else "default"


def cast_weights(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert the floating-point parameters; buffers, such as tables of levels, keep their dtype."""
    for parameter in network.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)


def accelerated(
    network: Callable[..., Tensor], acceleration: Acceleration, device: torch.device
) -> Callable[..., Tensor]:
    """The network in the memory format, compiled: as a whole, or its repeated blocks where they are most of it.

    Blocks of one kind are compiled once, in a fraction of the time (diffusers, "regional compilation"). Each has no
    CUDA graph of its own, since the graph of the next one would overwrite its output. UsageError without a compiler.
    """
    import torch
    from torch import nn

    from benchbox.threaded import Threaded

    if acceleration.channels_last and isinstance(network, nn.Module):
        network.to(memory_format=torch.channels_last)
    if not acceleration.compiled:
        return network
    require_compiler(device)
    if isinstance(network, Threaded):  # compiled code has its own threads
        network = network.network
    mode = compile_mode(device)
    blocks = repeated_blocks(network) if isinstance(network, nn.Module) else []
    for block in blocks:
        block.compile(mode="max-autotune-no-cudagraphs" if mode == "max-autotune" else mode)
    return network if blocks else torch.compile(network, mode=mode)


def repeated_blocks(network: nn.Module) -> list[nn.Module]:
    """The blocks of all lists of equal blocks, where they hold most of the parameters; else none."""
    blocks = [block for layers in block_lists(network) for block in layers]
    counts = [sum(p.numel() for p in module.parameters()) for module in (*blocks, network)]
    return blocks if sum(counts[:-1]) >= REGIONAL_SHARE * counts[-1] > 0 else []


def block_lists(network: nn.Module) -> Iterator[nn.ModuleList]:
    """The outermost lists of two or more modules of one class with parameters of the same shapes."""
    from torch import nn

    for module in network.children():
        if isinstance(module, nn.ModuleList) and len(module) > 1 and all(alike(*two) for two in pairwise(module)):
            yield module
        else:
            yield from block_lists(module)


def alike(first: nn.Module, second: nn.Module) -> bool:
    shapes = [[(name, p.shape) for name, p in module.named_parameters()] for module in (first, second)]
    return type(first) is type(second) and shapes[0] == shapes[1]


def require_compiler(device: torch.device) -> None:
    """UsageError where torch.compile has no compiler for the device."""
    if device.type == "cuda":
        if not find_spec("triton"):
            raise UsageError("--compile needs Triton for a GPU: pip install triton.")
        return
    compiler = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if not shutil.which(compiler):
        raise UsageError(
            f"--compile needs a C++ compiler on a CPU, and there is no {compiler}: install one, or name another in the "
            "environment variable CXX."
        )
