"""One-token mutants of the built-in samplers: does the suite notice?  `python -m benchbox.exact.mutants` runs them all.

The faults: another sign, σ for σ', a dropped factor, a level off by one, an exponent or a constant off, one evaluation
more, noise from the global generator, state kept on the instance, an operation in place. A mutant whose samples are the
original's to the last bit, at every setting of the options, changes nothing and does not count.
"""

from __future__ import annotations

import ast
import copy
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

import benchbox.samplers
from benchbox import get
from benchbox.errors import UsageError
from benchbox.exact.certificate import faults
from benchbox.exact.options import made
from benchbox.exact.references import settings_of
from benchbox.exact.rules import Check, Trial
from benchbox.registry import registry
from benchbox.sampler import Sampler

SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.LtE: ast.Gt, ast.Gt: ast.LtE,
}  # fmt: skip
PARTNERS = {
    "sigma": "sigma_next", "sigma_next": "sigma", "sigma_hat": "sigma", "s": "s_next", "s_next": "s", "t": "t_next",
    "t_next": "t", "x_euler": "x", "x_prime": "x_euler", "small": "large", "large": "small",
}  # fmt: skip
"""A quantity at one end of an interval and at the other."""

LIMIT = 30.0
"""Seconds of processor time that a mutant may take, many times what an original takes."""

KEPT = ("__post_init__",)
"""Functions that only refuse options: what they say changes no sample."""


@dataclass(frozen=True)
class Mutant:
    """A sampler's module with one change."""

    sampler: str
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.sampler}:{self.line}: {self.change}"

    def make(self) -> Sampler:
        """An instance of the mutated class, from a module of its own."""
        module = ModuleType("mutant")
        sys.modules[module.__name__] = module  # where dataclasses look for it
        exec(compile(self.source, module.__name__, "exec"), module.__dict__)  # our own source, one token changed
        cls = type(get("sampler", self.sampler)).__name__
        sampler: Sampler = getattr(module, cls)()
        return sampler


def mutants() -> Iterator[Mutant]:
    """All of them, module by module."""
    for name in registry().names("sampler"):
        cls = registry().find("sampler", name).cls
        if not cls.__module__.startswith(benchbox.samplers.__name__):
            continue
        source = Path(str(sys.modules[cls.__module__].__file__)).read_text(encoding="utf-8")
        yield from of_source(name, source)


def of_source(sampler: str, source: str) -> Iterator[Mutant]:
    """Every change of every expression in the functions of a module."""
    tree = ast.parse(source)
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f.name not in KEPT]
    seen: set[int] = set()
    for function in reversed(functions):  # inner functions first, with their own names
        known = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)} | {a.arg for a in function.args.args}
        for node in [n for statement in function.body for n in ast.walk(statement) if id(n) not in seen]:
            seen.add(id(node))
            for change in changes(node, known):
                yield from _mutated(sampler, tree, node, change)


def _mutated(sampler: str, tree: ast.Module, node: ast.AST, change: ast.AST) -> Iterator[Mutant]:
    """The tree with one node replaced; nothing where the node is a docstring's or the change does not compile."""
    before, fields = ast.unparse(node), copy.copy(node.__dict__)
    line = int(getattr(node, "lineno", 0))
    kind = node.__class__
    node.__class__, node.__dict__ = change.__class__, {**fields, **change.__dict__}
    try:
        source = ast.unparse(ast.fix_missing_locations(tree))
        after = ast.unparse(node)
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError, AttributeError):
        return
    finally:
        node.__class__, node.__dict__ = kind, fields
    yield Mutant(sampler, line, f"{before}  →  {after}", source)


def changes(node: ast.AST, known: set[str]) -> Iterator[ast.AST]:
    """What may stand in place of a node, in a function that knows these names."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in SWAPS:
                yield ast.BinOp(left, SWAPS[type(op)](), right)
            if isinstance(op, ast.Mult | ast.Div | ast.Pow):
                yield left  # a dropped factor
            if isinstance(op, ast.Mult):
                yield right
        case ast.Compare(left, [op], [right]) if type(op) in SWAPS:
            yield ast.Compare(left, [SWAPS[type(op)]()], [right])
        case ast.Name(id, ast.Load()) if PARTNERS.get(id) in known:
            yield ast.Name(PARTNERS[id], ast.Load())
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            yield ast.Constant(value + 1)
        case ast.Call():
            yield from _calls(node, "self" in known)


def _calls(node: ast.Call, method: bool) -> Iterator[ast.AST]:
    """Faults of conduct: what is called, and what else is done."""
    text, torch_ = ast.unparse(node), "__import__('torch')"
    match node.func:
        case ast.Name("denoise"):
            yield _expression(f"({text}, {text})[1]")  # an extra evaluation
            if method:  # the model's answer kept on the instance, by level
                yield _expression(f"self.__dict__.setdefault(repr({ast.unparse(node.args[1])}), {text})")
        case ast.Name("noise"):
            yield _expression(f"{torch_}.randn_like(x)")
            private = f"generator={torch_}.Generator().manual_seed(0)"
            yield _expression(f"{torch_}.randn(x.shape, dtype=x.dtype, {private})")
            yield _expression(f"({text}, {text})[1]")  # an extra draw
        case ast.Attribute(value, "add" | "mul" | "lerp" as name):
            yield ast.Call(ast.Attribute(value, name + "_", ast.Load()), node.args, node.keywords)
        case ast.Attribute(ast.Name("math"), "sqrt"):
            yield node.args[0]


def _expression(text: str) -> ast.AST:
    return ast.parse(text, mode="eval").body


@contextmanager
def limit(seconds: float = LIMIT) -> Iterator[None]:
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


def changed(mutant: Mutant) -> bool:
    """Whether any run differs from the original's: at the options as they are, and at each and two others changed."""
    original = get("sampler", mutant.sampler)
    try:
        return _changed(mutant, original)
    except Exception:
        return True  # it cannot even be run, where the original can


def _changed(mutant: Mutant, original: Sampler) -> bool:
    with limit():
        sampler = mutant.make()
        for schedule in ("vp", "edm"):
            trial = Trial.of(original, get("schedule", schedule))
            for values in settings_of(trial):
                pair = [made(s, values) for s in (original, sampler)]
                if pair[0] is not None and (pair[1] is None or _differ(trial, pair[0], pair[1])):
                    return True
    return False


def _differ(trial: Trial, original: Sampler, mutant: Sampler) -> bool:
    try:
        expected = Trial(original, trial.schedule, trial.grid).run(6)
    except (ValueError, UsageError):
        return False
    own = Trial(mutant, trial.schedule, trial.grid)
    return not torch.equal(own.run(6), expected) or (not own.adaptive and own.spent(6) != original.evals(6))


def verdict(mutant: Mutant, generic: bool = False) -> Check | None:
    """The first fault that the suite finds in a mutant; None where it passes.

    generic: without the published formulas of the built-ins, so with what the suite knows of any stranger's sampler.
    """
    try:
        with limit():
            found = (f for f in faults(mutant.make()) if not generic or not f.name.startswith("published"))
            return next(found, None)
    except Exception as error:
        return Check("runs", False, f"{type(error).__name__}: {error}".splitlines()[0], "no exception")


def seeded(n: int, seed: int = 0) -> list[Mutant]:
    """n mutants, the same for the same seed."""
    return random.Random(seed).sample(list(mutants()), n)


def tally(everyone: list[Mutant], generic: bool) -> tuple[list[Mutant], list[Mutant], dict[str, int]]:
    """The survivors, those that change nothing, and how many each check was the first to reject."""
    survivors, unchanged, by_check = list[Mutant](), list[Mutant](), dict[str, int]()
    for i, mutant in enumerate(everyone):
        print(f"\r{i + 1}/{len(everyone)} ", end="", file=sys.stderr, flush=True)
        if not changed(mutant):
            unchanged.append(mutant)
        elif found := verdict(mutant, generic):
            by_check[found.name] = by_check.get(found.name, 0) + 1
        else:
            survivors.append(mutant)
            print(f"survives  {mutant}", flush=True)
    return survivors, unchanged, by_check


def main() -> None:
    """Run every mutant, or a seeded number of them; print the survivors and the counts.

    Arguments: --generic leaves out the published formulas of the built-ins; an integer takes so many, by seed 0; names
    of samplers take theirs alone.
    """
    generic, began = "--generic" in sys.argv, time.monotonic()
    names = [a for a in sys.argv[1:] if a in registry().names("sampler")]
    number = next((int(a) for a in sys.argv[1:] if a.isdigit()), None)
    everyone = list(mutants()) if number is None else seeded(number)
    everyone = [m for m in everyone if not names or m.sampler in names]
    survivors, unchanged, by_check = tally(everyone, generic)
    counted = len(everyone) - len(unchanged)
    print(f"\n{len(everyone)} mutants, {len(unchanged)} change no sample; of the other {counted}, ", end="")
    print(f"{counted - len(survivors)} are rejected ({1 - len(survivors) / counted:.1%}), {len(survivors)} survive.")
    for name, count in sorted(by_check.items(), key=lambda item: -item[1]):
        print(f"{count:5d}  first rejected by {name}")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
