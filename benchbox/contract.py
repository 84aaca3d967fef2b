"""Which versions of the plugin contract a package says that it supports."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchbox.hookspecs import CONTRACT


def refused(module: str) -> str | None:
    """Why a module is not imported: it states (benchbox_contract = ">=2") that it supports another contract."""
    stated = stated_contract(module)
    if stated is None:
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # here, because few modules state anything

    try:
        supported = SpecifierSet(stated)
    except (InvalidSpecifier, TypeError, AttributeError):
        return f'benchbox_contract = {stated!r} is not a range of versions in quotes, such as ">=1,<2"'
    if supported.contains(str(CONTRACT)):
        return None
    return f"is made for contract {stated} and this benchbox has contract {CONTRACT}: upgrade one of them"


def stated_contract(module: str) -> Any:
    """The value of benchbox_contract in a module's source, read without importing it; None where it states none."""
    try:
        tree = ast.parse(source(module.split(":")[0]).read_bytes())
    except Exception:
        return None  # importing it will say what is wrong
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == "benchbox_contract" for target in targets):
            return _literal_value(node.value)
    return None


def _literal_value(node: ast.expr) -> Any:
    """What a literal stands for; of anything else its text, which is no range."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def source(module: str) -> Path:
    """The source file of a module, found without importing any part of it."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    assert spec is not None
    if not rest:
        return Path(str(spec.origin))
    places = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    candidates = [path for place in places for path in (place / "__init__.py", place.with_suffix(".py"))]
    return next(path for path in candidates if path.is_file())
