"""One-token changes of Python source: the faults that a mutant of a sampler may have.

Another sign, σ for σ', a dropped factor, a level off by one, another exponent or constant, one evaluation more, noise
from another source or drawn and not used, state kept on the instance, an operation in place.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterator

OPPOSITES: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.LtE: ast.Gt, ast.Gt: ast.LtE,
}  # fmt: skip

PARTNERS = {
    "sigma": "sigma_next", "sigma_next": "sigma", "sigma_hat": "sigma", "s": "s_next", "s_next": "s", "t": "t_next",
    "t_next": "t", "x_euler": "x", "x_prime": "x_euler", "x_1": "x", "x_2": "x_1", "small": "large", "large": "small",
    "down": "up", "up": "down", "sigma_up": "sigma_down", "sigma_down": "sigma_up", "middle": "sigma", "h_1": "h",
    "h_2": "h_1",
}  # fmt: skip
"""A quantity at one end of an interval and its counterpart."""

VALIDATORS = ("__post_init__",)
"""Functions that only validate options: no change of theirs changes a sample."""


def mutated_sources(source: str, functions: Collection[str] | None = None) -> Iterator[tuple[int, str, str]]:
    """(line, change, source) for every change of every expression in the functions of a module.

    functions: qualified names of those that are changed (None: all); inner functions belong to the outer one.
    """
    tree = ast.parse(source)
    seen: set[int] = set()
    for function in reversed(list(_functions(tree, functions))):  # inner functions first, with their own names
        known = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)} | {a.arg for a in function.args.args}
        for node in [n for statement in function.body for n in ast.walk(statement) if id(n) not in seen]:
            seen.add(id(node))
            for change in changes(node, known):
                yield from _replaced(tree, node, change)


def _functions(tree: ast.Module, names: Collection[str] | None) -> Iterator[ast.FunctionDef]:
    """The functions of a module, methods and inner ones included, in the order of `ast.walk`."""
    chosen: set[int] = set()
    for outer in tree.body:
        for inner in outer.body if isinstance(outer, ast.ClassDef) else [outer]:
            name = f"{outer.name}.{getattr(inner, 'name', '')}" if isinstance(outer, ast.ClassDef) else ""
            if names is None or (name or getattr(inner, "name", "")) in names:
                chosen |= {id(n) for n in ast.walk(inner)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and id(node) in chosen and node.name not in VALIDATORS:
            yield node


def _replaced(tree: ast.Module, node: ast.AST, change: ast.AST) -> Iterator[tuple[int, str, str]]:
    """The source with one node replaced; nothing where the change does not compile."""
    before, fields = ast.unparse(node), copy.copy(node.__dict__)
    line, kind = int(getattr(node, "lineno", 0)), node.__class__
    node.__class__, node.__dict__ = change.__class__, {**fields, **change.__dict__}
    try:
        source = ast.unparse(ast.fix_missing_locations(tree))
        after = ast.unparse(node)
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError, AttributeError):
        return
    finally:
        node.__class__, node.__dict__ = kind, fields
    yield line, f"{before}  →  {after}", source


def changes(node: ast.AST, known: set[str]) -> Iterator[ast.AST]:
    """What may stand in place of a node, in a function that knows these names."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in OPPOSITES:
                yield ast.BinOp(left, OPPOSITES[type(op)](), right)
            if isinstance(op, ast.Mult | ast.Div | ast.Pow):
                yield left  # a dropped factor
            if isinstance(op, ast.Mult):
                yield right
        case ast.Compare(left, [op], [right]) if type(op) in OPPOSITES:
            yield ast.Compare(left, [OPPOSITES[type(op)]()], [right])
        case ast.Name(id, ast.Load()) if PARTNERS.get(id) in known:
            yield ast.Name(PARTNERS[id], ast.Load())
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            yield ast.Constant(value + 1)
        case ast.Call():
            yield from _changed_calls(node, "self" in known)


def _changed_calls(node: ast.Call, method: bool) -> Iterator[ast.AST]:
    """Faults of conduct: what is called, and what else is done."""
    text, torch_ = ast.unparse(node), "__import__('torch')"
    match node.func:
        case ast.Name("denoise") | ast.Attribute(ast.Name("denoise"), "jump" | "pullback"):
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
        case ast.Attribute(ast.Name("math"), "sqrt") | ast.Name("sqrt"):
            yield node.args[0]


def _expression(text: str) -> ast.AST:
    return ast.parse(text, mode="eval").body
