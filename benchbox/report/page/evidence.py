"""What a site shows beside rows: certificates and error budgets as charts, and pictures of samples."""

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

Budgets = Mapping[str, Any]
"""The error budgets of a sampler, as `benchbox check --budget --json` writes them."""


@dataclass(frozen=True)
class Picture:
    """A picture that `benchbox plot` drew: its file, its title, and what it shows in words."""

    name: str
    title: str
    says: str
    content: bytes

    @property
    def path(self) -> str:
        """Its place in the site."""
        return f"pictures/{self.name}"


def picture(path: Path) -> Picture:
    """A picture from a .png; UsageError for a file that is none."""
    from PIL import Image

    with reading(path, "a PNG as benchbox plot --output FILE.png makes them"):
        content = path.read_bytes()
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            image.verify()
            told = {
                name: plain_text(str(text)) for name, text in image.info.items() if name in ("Title", "Description")
            }
    title = told.get("Title") or path.stem
    return Picture(f"{slug(path.stem)}.png", title, told.get("Description") or title, content)


def sampler_charts(certificates: Sequence[CertificateJSON], budgets: Sequence[Budgets]) -> dict[str, Any]:
    """The charts of one sampler, by their place on its page, as the page's script reads them."""
    found = {f"orders-{i}": order_charts(c) for i, c in enumerate(certificates)}
    found |= {f"budget-{i}": {"": _budget(b)} for i, b in enumerate(budgets)}
    return {id: {"charts": {k: c.as_dict() for k, c in charts.items()}} for id, charts in found.items() if charts}


def order_charts(certificate: CertificateJSON) -> dict[str, Chart]:
    """A chart for each kind of error and schedule on which the order was measured."""
    keys = dict.fromkeys((o["kind"], o["schedule"]) for o in certificate.get("orders", ()) if not o["options"])
    charts = {}
    for kind, schedule in keys:
        try:
            charts[f"{kind}, {schedule}"] = order_chart([certificate], kind, schedule)
        except UsageError:
            continue  # no error of it is above 0
    return charts


def _budget(budgets: Budgets) -> Chart:
    setting = f"Exact, on Gaussian data; the network predicts {1 + budgets['score_error']:g} times the noise"
    return budget_chart(budgets["sampler"], setting, budgets["budgets"])
