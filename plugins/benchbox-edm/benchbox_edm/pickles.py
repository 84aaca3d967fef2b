"""Loading the network in a pickle of EDM or EDM2. Loading runs the code that is in the file: on trust only."""

from __future__ import annotations

import hashlib
import inspect
import math
import pickle
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchbox.errors import UsageError
from benchbox_edm.shims import EasyDict, installed, modules

VERSION = 6
"""Of the format of persistent objects, in every file that NVIDIA published for EDM and EDM2."""

LOWEST, HIGHEST = 0.002, 80.0
"""The range of σ in which NVIDIA's sampler runs a network that states none (generate.py of EDM)."""


@lru_cache(maxsize=8)
def module_of(source: str) -> ModuleType:
    """The module that a source inside a pickle makes; the same source is one module."""
    name = f"benchbox_edm_pickled_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    module = sys.modules[name] = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), vars(module))
    return module


def rebuild(meta: dict[str, Any]) -> Any:
    """The object that was pickled with the source of its class. ValueError for a format that is not known."""
    if meta.get("type") != "class" or meta.get("version") != VERSION:
        raise ValueError(f"persistent object of type {meta.get('type')!r}, version {meta.get('version')!r}")
    cls = getattr(module_of(meta["module_src"]), meta["class_name"])
    made = cls.__new__(cls)
    state = EasyDict(meta["state"] or {})
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    else:
        vars(made).update(state)
    return made


@dataclass(frozen=True)
class Pickled:
    """What a pickle holds: the averaged network, the data set where the file says it, and the encoder's class."""

    net: Any
    dataset: str | None
    encoder: str

    @property
    def shape(self) -> tuple[int, int, int]:
        size = int(self.net.img_resolution)
        return int(self.net.img_channels), size, size

    @property
    def latent(self) -> bool:
        """Whether the samples are not images yet."""
        return self.shape[0] not in (1, 3) or self.encoder == "StabilityVAEEncoder"

    @property
    def classes(self) -> int:
        return int(getattr(self.net, "label_dim", 0) or 0)

    @property
    def sigmas(self) -> tuple[float, float]:
        """The range of σ: NVIDIA's sampler's, as far as the network goes."""
        low, high = getattr(self.net, "sigma_min", 0), getattr(self.net, "sigma_max", math.inf)
        return max(float(low), LOWEST), min(float(high), HIGHEST)

    def options(self) -> dict[str, Any]:
        """What the network was made with. UsageError where the file does not tell."""
        given = getattr(self.net, "_init_kwargs", None)
        if given is None or getattr(self.net, "_init_args", None):
            raise UsageError("the pickle does not say by name with which options its network was made.")
        return {"precond": type(self.net).__name__, **given}


def load(file: Path) -> Pickled:
    """Run the code in the file and take the network out of it, on the CPU, in float32, for sampling.

    UsageError where the file is no pickle of EDM.
    """
    stand_ins = modules(rebuild)
    try:
        with file.open("rb") as stream, installed(stand_ins), warnings.catch_warnings():
            # pickles of 2022 name modules that numpy has moved since
            warnings.simplefilter("ignore", DeprecationWarning)
            data = pickle.load(stream)
    except Exception as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise UsageError(f"{file} cannot be loaded as a pickle of EDM: {type(error).__name__}: {said}.") from error
    net: Any = data.get("ema") if isinstance(data, dict) else None
    if not isinstance(net, nn.Module) or not hasattr(net, "img_resolution"):
        held = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
        raise UsageError(f"{file} holds no network 'ema' with img_resolution, as EDM's files do; it holds {held}.")
    path = (data.get("dataset_kwargs") or {}).get("path")
    # EDM2's are stored in float16
    net = net.eval().requires_grad_(False).float()
    return Pickled(net, Path(path).stem if path else None, type(data.get("encoder")).__name__)


class FromPickle(nn.Module):
    """The pickled network as D(x, σ, label), in float32. UsageError for any other type of number."""

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.extra = {"force_fp32": True} if "force_fp32" in inspect.signature(net.forward).parameters else {}

    def forward(self, x: Tensor, sigma: Tensor, label: Tensor | None = None) -> Tensor:
        if x.dtype != torch.float32 or torch.is_autocast_enabled(x.device.type):
            raise UsageError("a pickled network computes in float32 only: convert it with benchbox-edm-convert.")
        one_hot = None
        if self.classes and label is not None:
            one_hot = nn.functional.one_hot(label, self.classes).float()
        return self.net(x, sigma, one_hot, **self.extra)
