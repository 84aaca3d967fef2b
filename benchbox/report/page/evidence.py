"""Content of a site besides rows: certificates and error budgets as charts, and pictures of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError
from benchbox.files import reading
from benchbox.report.escape import plain_text
from benchbox.report.page.names import slug
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.exact import budget_chart, order_chart

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
        """Its path in the site."""
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
