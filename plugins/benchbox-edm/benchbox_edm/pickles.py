"""Loading of networks from pickles of EDM and EDM2. Loading runs the code in the file: load only trusted files."""

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
"""Version of the format of persistent objects in all published files of EDM and EDM2."""

LOWEST, HIGHEST = 0.002, 80.0
"""The range of σ of NVIDIA's sampler for a network that states none (generate.py of EDM)."""


@lru_cache(maxsize=8)
def module_of(source: str) -> ModuleType:
    """The module of a source inside a pickle, one for each source."""
    name = f"benchbox_edm_pickled_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    module = sys.modules[name] = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), vars(module))
    return module


def rebuild(meta: dict[str, Any]) -> Any:
    """An object that was pickled with the source of its class. ValueError for an unknown format."""
    if meta.get("type") != "class" or meta.get("version") != VERSION:
        raise ValueError(f"persistent object of type {meta.get('type')!r}, version {meta.get('version')!r}")
    cls = getattr(module_of(meta["module_src"]), meta["class_name"])
    instance = cls.__new__(cls)
    state = EasyDict(meta["state"] or {})
    if hasattr(instance, "__setstate__"):
        instance.__setstate__(state)
    else:
        vars(instance).update(state)
    return instance


@dataclass(frozen=True)
class Pickled:
    """Contents of a pickle: the EMA network, the data set if it is stated, and the class of the encoder."""

    net: Any
    dataset: str | None
    encoder: str

    @property
    def shape(self) -> tuple[int, int, int]:
        size = int(self.net.img_resolution)
        return int(self.net.img_channels), size, size

    @property
    def latent(self) -> bool:
        """Whether the samples are latents."""
        return self.shape[0] not in (1, 3) or self.encoder == "StabilityVAEEncoder"

    @property
    def classes(self) -> int:
        return int(getattr(self.net, "label_dim", 0) or 0)

    @property
    def sigmas(self) -> tuple[float, float]:
        """The range of σ of NVIDIA's sampler, limited to that of the network."""
        low, high = getattr(self.net, "sigma_min", 0), getattr(self.net, "sigma_max", math.inf)
        return max(float(low), LOWEST), min(float(high), HIGHEST)

    def options(self) -> dict[str, Any]:
        """The options of the network. UsageError where the file does not state them."""
        options = getattr(self.net, "_init_kwargs", None)
        if options is None or getattr(self.net, "_init_args", None):
            raise UsageError("the pickle does not state the options of its network by name.")
        return {"precond": type(self.net).__name__, **options}


def load(file: Path) -> Pickled:
    """Run the code in the file and return its network on the CPU, in float32, for sampling.

    UsageError where the file is not a pickle of EDM.
    """
    stand_ins = modules(rebuild)
    try:
        with file.open("rb") as stream, installed(stand_ins), warnings.catch_warnings():
            # pickles of 2022 name modules that numpy has since moved
            warnings.simplefilter("ignore", DeprecationWarning)
            data = pickle.load(stream)
    except Exception as error:
        message = " ".join(str(error).split()).rstrip(".")
        raise UsageError(f"{file} cannot be loaded as a pickle of EDM: {type(error).__name__}: {message}.") from error
    net: Any = data.get("ema") if isinstance(data, dict) else None
    if not isinstance(net, nn.Module) or not hasattr(net, "img_resolution"):
        contents = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
        raise UsageError(f"{file} has no network 'ema' with img_resolution, as EDM's files do; it has {contents}.")
    path = (data.get("dataset_kwargs") or {}).get("path")
    # EDM2 stores float16
    net = net.eval().requires_grad_(False).float()
    return Pickled(net, Path(path).stem if path else None, type(data.get("encoder")).__name__)


class FromPickle(nn.Module):
    """The pickled network as D(x, σ, label), in float32. UsageError for other dtypes."""

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
