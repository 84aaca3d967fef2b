"""The versions of the plugin contract that a package supports, as its module states them."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchbox.hookspecs import CONTRACT


def refused(module: str) -> str | None:
    """Why a module is not imported: its benchbox_contract, such as ">=2", excludes this one; None where it may be."""
    contract = stated_contract(module)
    if contract is None:
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # here, because few modules state a contract

    try:
        supported = SpecifierSet(contract)
    except (InvalidSpecifier, TypeError, AttributeError):
        return f'benchbox_contract = {contract!r} is not a range of versions in quotes, such as ">=1,<2"'
    if supported.contains(str(CONTRACT)):
        return None
    return f"is made for contract {contract} and this benchbox has contract {CONTRACT}: upgrade one of them"


def stated_contract(module: str) -> Any:
    """The value of benchbox_contract in a module's source, without importing it; None where it is not set."""
    try:
        tree = ast.parse(source(module.split(":")[0]).read_bytes())
    except Exception:
        return None  # importing it will report the error
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == "benchbox_contract" for target in targets):
            return _literal_value(node.value)
    return None


def _literal_value(node: ast.expr) -> Any:
    """The value of a literal; the source text of any other expression, which is not a valid range."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def source(module: str) -> Path:
    """The source file of a module, found without importing it or its parents."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    assert spec is not None
    if not rest:
        return Path(str(spec.origin))
    stems = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    candidates = [path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py"))]
    return next(path for path in candidates if path.is_file())
