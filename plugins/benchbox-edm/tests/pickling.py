"""Writes pickles as NVIDIA's `torch_utils.persistence` does, from networks of ours: with the source of their classes.

The file names `torch_utils.persistence._reconstruct_persistent_obj`, and gives it a dict of type, version, module_src,
class_name and state for every object.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

HEAD = "from torch_utils import persistence\nfrom torch_utils import misc\nimport dnnlib\n"


def write(path: Path, source: str, make: Any, **beside: Any) -> Any:
    """Pickle {"ema": net, **beside}, net = make(the module of the source); returns the net."""
    persistence, misc = ModuleType("torch_utils.persistence"), ModuleType("torch_utils.misc")
    persistence._reconstruct_persistent_obj = reconstruct
    persistence.persistent_class = persistent(source)
    misc.const_like = lambda ref, value: torch.as_tensor(value, dtype=ref.dtype, device=ref.device)
    packages = {name: ModuleType(name) for name in ("torch_utils", "dnnlib")}
    vars(packages["torch_utils"]).update(persistence=persistence, misc=misc)
    known = {**packages, "torch_utils.persistence": persistence}
    before = {name: sys.modules.get(name) for name in known}
    sys.modules.update(known)
    try:
        module = ModuleType("embedded")
        exec(compile(source, "embedded", "exec"), vars(module))
        net = make(module)
        path.write_bytes(pickle.dumps({"ema": net, **beside}))
    finally:
        for name, old in before.items():
            sys.modules.pop(name) if old is None else sys.modules.update({name: old})
    return net


def reconstruct(meta: Mapping[str, Any]) -> Any:
    raise AssertionError("only its name goes into the file")


reconstruct.__module__, reconstruct.__qualname__ = "torch_utils.persistence", "_reconstruct_persistent_obj"


def persistent(source: str) -> Any:
    """A class decorator: instances are pickled with the source, and keep the arguments that they were made with."""

    def decorate(cls: type) -> type:
        class Kept(cls):  # type: ignore[misc, valid-type]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self._init_args, self._init_kwargs = args, kwargs

            def __reduce__(self) -> Any:
                meta = {
                    "type": "class", "version": 6, "module_src": source, "class_name": cls.__name__,
                    "state": dict(vars(self)),
                }  # fmt: skip
                return reconstruct, (meta,)

        Kept.__name__ = cls.__name__
        return Kept

    return decorate
