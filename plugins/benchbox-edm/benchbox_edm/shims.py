"""Stand-ins for the modules of NVIDIA's repository that the source inside a pickle imports.

A network of EDM is pickled with the source of the module that defines it (their `torch_utils.persistence`): loading it
runs that source, which imports `torch_utils` and `dnnlib`. Sampling uses almost nothing of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class EasyDict(dict[str, Any]):
    """A dict whose items are also attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def unchanged(decorated: T) -> T:
    """Stands in for a decorator that only affects pickling or profiling."""
    return decorated


def constant(value: Any, shape: Any = None, dtype: Any = None, device: Any = None, **_: Any) -> torch.Tensor:
    """The value as a tensor, broadcast to a shape."""
    tensor = torch.as_tensor(value, dtype=dtype or torch.get_default_dtype(), device=device)
    return tensor if shape is None else tensor.expand(tuple(shape))


def const_like(ref: torch.Tensor, value: Any, shape: Any = None, dtype: Any = None, device: Any = None) -> torch.Tensor:
    return constant(value, shape, dtype or ref.dtype, device or ref.device)


class Lenient(ModuleType):
    """A module with these attributes, and an empty module for any other attribute, which sampling does not use."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__(name)
        vars(self).update(attributes, __path__=[])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return ModuleType(f"{self.__name__}.{name}")


def modules(rebuild: Callable[[dict[str, Any]], Any]) -> dict[str, ModuleType]:
    """The stand-ins by name; `rebuild` restores a persistent object from its pickled metadata."""
    persistence = Lenient(
        "torch_utils.persistence", persistent_class=unchanged, import_hook=unchanged,
        _reconstruct_persistent_obj=rebuild,
    )  # fmt: skip
    misc = Lenient("torch_utils.misc", constant=constant, const_like=const_like, profiled_function=unchanged)
    util = Lenient("dnnlib.util", EasyDict=EasyDict)
    packages = [
        Lenient("torch_utils", persistence=persistence, misc=misc), Lenient("dnnlib", EasyDict=EasyDict, util=util),
    ]  # fmt: skip
    return {module.__name__: module for module in (persistence, misc, util, *packages)}


@contextmanager
def installed(stand_ins: dict[str, ModuleType]) -> Iterator[None]:
    """Inside the context, imports of these names find the stand-ins."""
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
