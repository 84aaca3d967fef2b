"""What the commands that make a site share: its certificates, read from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.files import json_in, reading

if TYPE_CHECKING:
    import pandas as pd

    from benchbox.report.page.site import Site

CERTIFICATE = {"kind", "name", "options", "passed", "checks", "orders"}
CHECK = {"name", "passed", "measured", "expected"}
BUDGET_KEYS = {"sampler", "score_error", "budgets"}


def certificates_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The certificates of samplers in files as `benchbox check --json` writes them. UsageError for other files."""
    return [c for c in checks_in(paths) if c.keys() >= CERTIFICATE and c["kind"] == "sampler"]


def budgets_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The error budgets in files as `benchbox check --budget --json` writes them. UsageError for other files."""
    return [b for b in checks_in(paths) if b.keys() >= BUDGET_KEYS]


def checks_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """All that `benchbox check --json` wrote into files."""
    found: list[dict[str, Any]] = []
    for path in paths:
        what = f"a file of certificates (benchbox check SAMPLER --json > {path.name} makes them)"
        read = json_in(path, what)
        with reading(path, what):
            if not isinstance(read, list) or not all(map(_is_check, read)):
                raise ValueError("it holds other things")
        found += read
    return found


def _is_check(found: Any) -> bool:
    """Whether it can be shown: it has the parts of a certificate or of error budgets, and its charts can be made."""
    from benchbox.report.page.evidence import sampler_charts

    try:
        if found.keys() >= CERTIFICATE:
            sampler_charts([found], [])
            named = isinstance(found["name"], str) and isinstance(found["options"], dict)
            return named and all(check.keys() >= CHECK for check in found["checks"])
        sampler_charts([], [found])
        return isinstance(found["sampler"], str) and bool(found.keys() >= BUDGET_KEYS)
    except Exception:  # whatever a chart makes of values that nobody foresaw
        return False


def site_of(rows: pd.DataFrame, checks: Sequence[Path], pictures: Sequence[Path] = ()) -> Site:
    """The site of rows, of files of certificates and error budgets, and of pictures."""
    from benchbox.registry import registry
    from benchbox.report.page.evidence import picture
    from benchbox.report.page.site import Site

    shown = [picture(path) for path in pictures]
    return Site(rows, registry().usual, certificates_in(checks), budgets_in(checks), shown)
