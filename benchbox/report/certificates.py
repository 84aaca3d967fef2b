"""Certificates and error budgets, read from the JSON that `benchbox check` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchbox.files import json_in, reading

CERTIFICATE = {"kind", "name", "options", "passed", "checks", "orders"}
CHECK = {"name", "passed", "measured", "expected"}
BUDGET_KEYS = {"sampler", "score_error", "budgets"}


def certificates_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The samplers' certificates in files that `benchbox check --json` wrote. UsageError for other files."""
    return [c for c in checks_in(paths) if c.keys() >= CERTIFICATE and c["kind"] == "sampler"]


def budgets_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The error budgets in files that `benchbox check --budget --json` wrote. UsageError for other files."""
    return [b for b in checks_in(paths) if b.keys() >= BUDGET_KEYS]


def checks_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """All certificates and error budgets in these files. UsageError for other files."""
    checks: list[dict[str, Any]] = []
    for path in paths:
        expected = f"a file of certificates (benchbox check SAMPLER --json > {path.name} makes them)"
        content = json_in(path, expected)
        with reading(path, expected):
            if not isinstance(content, list) or not all(map(_is_check, content)):
                raise ValueError("it contains other data")
        checks += content
    return checks


def _is_check(value: Any) -> bool:
    """Whether this is a certificate or a list of error budgets, complete enough for its charts to be drawn."""
    from benchbox.report.page.evidence import sampler_charts

    try:
        if value.keys() >= CERTIFICATE:
            sampler_charts([value], [])
            named = isinstance(value["name"], str) and isinstance(value["options"], dict)
            return named and all(check.keys() >= CHECK for check in value["checks"])
        sampler_charts([], [value])
        return isinstance(value["sampler"], str) and bool(value.keys() >= BUDGET_KEYS)
    except Exception:  # a chart may fail in many ways on arbitrary values
        return False
