"""Charts of exact errors: orders of convergence and error budgets, from the JSON of `benchbox check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchbox.errors import UsageError
from benchbox.report.plots.chart import Chart, Line, Point, drawable

HOW = {
    "weak": "exact W2 on Gaussian data, without the final denoise",
    "strong": "root mean square pathwise error on the mixture",
}
"""The errors behind the kinds of order in a certificate."""


BELOW = 0.75
"""The guide is drawn at this fraction of the error."""


def order_chart(certificates: Sequence[Mapping[str, Any]], kind: str = "weak", schedule: str = "edm") -> Chart:
    """Error against the number of intervals for each certified sampler, with guides of the measured slopes.

    certificates: from `Certificate.as_dict()`. UsageError if none has an order of this kind.
    """
    lines: list[Line] = []
    for certificate in certificates:
        for order in certificate["orders"]:
            if (order["kind"], order["schedule"], order["options"]) == (kind, schedule, ""):
                lines += _order_lines(certificate["name"], order)
    if not any(line.points for line in lines):
        names = ", ".join(c["name"] for c in certificates)
        raise UsageError(f"the certificates of {names} contain no {kind} order on schedule {schedule}.")
    return Chart(
        "Order of convergence", "intervals", "error", tuple(lines),
        f"Error: {HOW.get(kind, kind)}; schedule {schedule}. Thin: the measured slope, over the asymptotic "
        "range. Pale points lie outside this range.",
    )  # fmt: skip


def _order_lines(name: str, order: Mapping[str, Any]) -> list[Line]:
    first, last = order["asymptotic"] or (0, -1)
    ladder = [(n, e) for n, e in zip(order["intervals"], order["errors"], strict=True) if drawable(n, e)]
    points = tuple(Point(n, e, label=f"{n} intervals", strong=first <= n <= last) for n, e in ladder)
    claim = "claims none" if order["claimed"] is None else f"claims {order['claimed']}"
    measured = "none" if order["measured"] is None else f"{order['measured']:.2f}"
    return [Line(f"{name}: order {measured} ({claim})", points), *_guide(points, order["measured"])]


def _guide(points: Sequence[Point], order: float | None) -> list[Line]:
    """The power law with the measured order, slightly below the points of the asymptotic range."""
    asymptotic = [p for p in points if p.strong]
    if not asymptotic or order is None:
        return []
    end = asymptotic[-1]
    ends = (Point(n, BELOW * end.y * (n / end.x) ** -order) for n in (asymptotic[0].x, end.x))
    return [Line(f"slope {order:.2f}", tuple(ends), "guide")]


WHOLE = ("together", "without score error")
"""The entries of an error budget that are whole runs, not single sources."""


def budget_chart(sampler: str, setting: str, budgets: Iterable[Mapping[str, Any]]) -> Chart:
    """W2 against NFE, with a line for each source of error.

    budgets: from `Budget.as_dict()`. setting: model, schedule and grid, in words.
    """
    table = list(budgets)
    sources = list(table[0]["w2"])
    lines = tuple(
        Line(
            source,
            tuple(Point(b["nfe"], b["w2"][source], label=f"{b['nfe']} NFE") for b in table if b["w2"][source] > 0),
            "whole" if source in WHOLE else "line",
        )
        for source in sources
    )
    return Chart(
        f"{sampler}: where the error comes from", "NFE (network evaluations per sample)", "W2 error (exact)", lines,
        f"Each source on its own, and whole runs (black). {setting}.",
    )  # fmt: skip
