"""Mutants of a sampler: its source with one token changed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from types import FunctionType, ModuleType

from benchbox.errors import UsageError
from benchbox.exact.mutation import mutated_sources
from benchbox.sampler import Sampler


@dataclass(frozen=True)
class Mutant:
    """A sampler one of whose modules has one change."""

    original: Sampler
    module: str
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.original.name}: {self.module}:{self.line}: {self.change}"

    def make(self) -> Sampler:
        """The original's options in the mutated class, from modules of its own."""
        cls = type(self.original)
        if self.module == cls.__module__:
            module = _executed("mutant", self.module, self.source)
        else:  # a function that the sampler's module imports from its package
            helper = _executed("mutant_helper", self.module, self.source)
            module = _executed("mutant", cls.__module__, source_of(cls.__module__))
            for name, value in list(vars(module).items()):
                if isinstance(value, FunctionType) and value.__module__ == self.module:
                    setattr(module, name, getattr(helper, value.__name__))
        mutated: Sampler = getattr(module, cls.__name__)(
            **{f.name: getattr(self.original, f.name) for f in fields(cls) if f.init}  # type: ignore[arg-type]
        )
        return mutated


def _executed(name: str, original: str, source: str) -> ModuleType:
    """A module of this source, which imports what the original module would."""
    module = ModuleType(name)
    module.__package__ = sys.modules[original].__package__
    sys.modules[name] = module  # where dataclasses look for it
    exec(compile(source, name, "exec"), module.__dict__)  # source that is installed, one token changed
    return module


def source_of(module: str) -> str:
    """The source of an imported module. UsageError where it has none."""
    file = getattr(sys.modules[module], "__file__", None)
    if not file or not Path(file).is_file():
        raise UsageError(f"{module} has no source file, so no mutants can be made of it.")
    return Path(file).read_text(encoding="utf-8")


def mutants_of(sampler: Sampler) -> list[Mutant]:
    """All mutants: of its class, of the functions in its module, and of those that this imports from its package."""
    return [
        Mutant(sampler, module, line, change, source)
        for module, functions in _functions_of(type(sampler)).items()
        for line, change, source in mutated_sources(source_of(module), functions)
    ]


def _functions_of(cls: type[Sampler]) -> dict[str, set[str]]:
    """Modules, and the qualified names of the functions in them that are the sampler's."""
    home = cls.__module__
    own = {
        f"{c.__name__}.{name}" for c in cls.__mro__ if c.__module__ == home for name in vars(c)
    }  # properties are methods, too
    found = {home: own}
    for value in vars(sys.modules[home]).values():
        if isinstance(value, FunctionType) and value.__module__.partition(".")[0] == home.partition(".")[0]:
            found.setdefault(value.__module__, set()).add(value.__name__)
    return found
