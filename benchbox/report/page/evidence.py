"""Content of a site besides rows: certificates and error budgets, read and drawn as charts, and pictures of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError
from benchbox.files import json_in, reading
from benchbox.report.escape import plain_text
from benchbox.report.page.names import slug
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.exact import budget_chart, order_chart

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
    try:
        if value.keys() >= CERTIFICATE:
            sampler_charts([value], [])
            named = isinstance(value["name"], str) and isinstance(value["options"], dict)
            return named and all(check.keys() >= CHECK for check in value["checks"])
        sampler_charts([], [value])
        return isinstance(value["sampler"], str) and bool(value.keys() >= BUDGET_KEYS)
    except Exception:  # a chart may fail in many ways on arbitrary values
        return False


CertificateJSON = Mapping[str, Any]
"""As `benchbox check --json` writes it."""

BudgetJSON = Mapping[str, Any]
"""The error budgets of a sampler, as `benchbox check --budget --json` writes them."""


@dataclass(frozen=True)
class Picture:
    """A picture from `benchbox plot`: file name, title, description (`says`) and PNG data."""

    name: str
    title: str
    says: str
    content: bytes

    @property
    def path(self) -> str:
        return f"pictures/{self.name}"


def picture(path: Path) -> Picture:
    """The picture in a .png file. UsageError for another file."""
    from PIL import Image

    with reading(path, "a PNG from benchbox plot --output FILE.png"):
        content = path.read_bytes()
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            image.verify()
            texts = {name: plain_text(str(image.info.get(name, ""))) for name in ("Title", "Description")}
    title = texts["Title"] or path.stem
    return Picture(f"{slug(path.stem)}.png", title, texts["Description"] or title, content)


def sampler_charts(certificates: Sequence[CertificateJSON], budgets: Sequence[BudgetJSON]) -> dict[str, Any]:
    """The charts of one sampler for the page's script, by their id on the page."""
    by_id = {f"orders-{i}": order_charts(c) for i, c in enumerate(certificates)}
    by_id |= {f"budget-{i}": {"": _budget(b)} for i, b in enumerate(budgets)}
    return {id: {"charts": {k: c.as_dict() for k, c in charts.items()}} for id, charts in by_id.items() if charts}


def order_charts(certificate: CertificateJSON) -> dict[str, Chart]:
    """A chart for each kind of error and schedule whose order was measured."""
    keys = dict.fromkeys((o["kind"], o["schedule"]) for o in certificate.get("orders", ()) if not o["options"])
    charts = {}
    for kind, schedule in keys:
        try:
            charts[f"{kind}, {schedule}"] = order_chart([certificate], kind, schedule)
        except UsageError:
            continue  # all of its errors are 0
    return charts


def _budget(budgets: BudgetJSON) -> Chart:
    setting = f"Exact, on Gaussian data; the network predicts {1 + budgets['score_error']:g} times the noise"
    return budget_chart(budgets["sampler"], setting, budgets["budgets"])
