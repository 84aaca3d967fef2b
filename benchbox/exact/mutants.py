"""Mutants of a sampler: its source with one token changed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from benchbox.errors import UsageError
from benchbox.exact.mutation import mutated_sources
from benchbox.sampler import Sampler

MUTANT_CPU_SECONDS = 120.0
"""Processor time that a mutant may take, several times what a certificate takes."""


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
            **{f.name: getattr(self.original, f.name) for f in fields(cls) if f.init}  # type: ignore[arg-type]  # a sampler is a dataclass
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
    """All mutants: of its methods, and of the functions that these call in its module or import from its package."""
    return [
        Mutant(sampler, module, line, change, source)
        for module, functions in _functions_of(type(sampler)).items()
        for line, change, source in mutated_sources(source_of(module), functions)
    ]


def _functions_of(cls: type[Sampler]) -> dict[str, set[str]]:
    """Modules, and the qualified names of the functions in them that the sampler's methods may call."""
    home = cls.__module__
    methods = {f"{c.__name__}.{n}": v for c in cls.__mro__ if c.__module__ == home for n, v in vars(c).items()}
    functions_by_module = {home: set(methods)}
    imported = {v.__module__ for v in vars(sys.modules[home]).values() if isinstance(v, FunctionType)}
    same = {m for m in imported if m.partition(".")[0] == home.partition(".")[0]} | {home}
    waiting = [(code, vars(sys.modules[home])) for v in methods.values() if (code := _code_of(v))]
    while waiting:
        code, names = waiting.pop()
        waiting += [(inner, names) for inner in code.co_consts if isinstance(inner, CodeType)]
        for called in (names.get(n) for n in code.co_names):
            if isinstance(called, FunctionType) and called.__module__ in same:
                functions = functions_by_module.setdefault(called.__module__, set())
                if called.__name__ not in functions:
                    functions.add(called.__name__)
                    waiting.append((called.__code__, called.__globals__))
    return functions_by_module


def _code_of(member: object) -> CodeType | None:
    """The code of a method, a static one or a property; nothing of what is none."""
    for name in ("__func__", "fget", "func"):
        member = getattr(member, name, member)
    return member.__code__ if isinstance(member, FunctionType) else None


@contextmanager
def cpu_limit(seconds: float = MUTANT_CPU_SECONDS) -> Iterator[None]:
    """TimeoutError once so much processor time is spent, and every second after: a mutant may never end."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
