"""A network or Model in a user's code, from the current folder or an installed package."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import Field, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchbox.card import sha256
from benchbox.errors import UsageError
from benchbox.model import Model
from benchbox.models.importing import FILES_READ, imported, network_from
from benchbox.models.network import Network
from benchbox.models.network_or_model import NetworkOrModel
from benchbox.models.opened import opened_files, users_files

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Python(NetworkOrModel):
    """Your own code, in the current folder or installed: --model py:package.module:function.

    The function is `function(device)`, which returns the network, or it is the network, `function(y, t)`; the options
    are those of `torchscript`. Or it is a benchbox Model, which needs no options. See docs/your-model.md.
    """

    name = "py"
    function: str

    read: ClassVar[set[str]]
    """The files that were read by the constructor: an attribute of each instance, not an option."""

    def __post_init__(self) -> None:
        with opened_files() as files:
            self._describe()
        object.__setattr__(self, "read", files)

    def _describe(self) -> None:
        """Set the fields of a network from the options, or from the Model."""
        if self.model is None:
            super().__post_init__()
            return
        for option in fields(Network):
            value, setting = self._value_of_model(option), getattr(self, option.name)
            if setting not in (option.default, value):
                own = f"{self.title} is a Model, which defines its own {option.name}"
                raise UsageError(f"{own}: leave out --set {option.name}.")
            object.__setattr__(self, option.name, value)

    def _value_of_model(self, option: Field[Any]) -> Any:
        try:
            return getattr(self.model, option.name, option.default)
        except Exception as error:
            reason = f"{type(error).__name__} {error}"
            raise UsageError(f"{self.title} does not define its {option.name}: {reason}.") from error

    @property
    def title(self) -> str:
        return f"py:{self.function}"

    @cached_property
    def model(self) -> Model | None:
        """The imported object if it is a Model, or an instance if it is a Model class."""
        target = imported(self.function)
        if not (isinstance(target, type) and issubclass(target, Model)):
            return target if isinstance(target, Model) else None
        try:
            return target()
        except TypeError as error:
            needs = f"{self.title} is a Model that cannot be constructed without arguments"
            raise UsageError(f"{needs}: {error}.") from error

    def __getstate__(self) -> dict[str, Any]:
        """Without the Model, which is imported again in another process."""
        return {k: v for k, v in vars(self).items() if k != "model"}

    @cached_property
    def sha256(self) -> str:
        """Of the source of the module, of the other files that are read during import and construction, and of the
        SHA-256 that the Model states for its weights."""
        module = sys.modules[self.function.partition(":")[0]]
        if not getattr(module, "__file__", None):
            raise UsageError(f"module {module.__name__} has no file, so its code cannot be recorded in a row.")
        source = os.path.realpath(str(module.__file__))
        weights = self.model.sha256 if self.model else None
        files = users_files(self.read | FILES_READ.get(module.__name__, set()) | self._read_when_built()) - {source}
        others = "".join(f"{Path(file).name} {sha256(Path(file))}\n" for file in sorted(files))
        return hashlib.sha256(Path(source).read_bytes() + (weights or "").encode() + others.encode()).hexdigest()

    def _read_when_built(self) -> set[str]:
        """The files that are read while the network is built on the CPU. Errors are reported when it is loaded."""
        import torch

        device = torch.device("cpu")
        with opened_files() as files, suppress(Exception), torch.random.fork_rng(devices=[]):
            if self.model:
                self.model.denoiser(device) or self.model.network(device)
            else:
                network_from(self.function, device)
        return files

    def network(self, device: Any) -> Callable[..., Tensor]:
        return self.model.network(device) if self.model else self.checked(network_from(self.function, device), device)
