"""Print a Markdown table of the certificates of all built-in samplers: `python benchmarks/certificates.py`."""

from __future__ import annotations

from benchbox.exact.certificate import Certificate
from benchbox.exact.conformance import certificate_of
from benchbox.exact.convergence import Order
from benchbox.registry import DISTRIBUTION, registry

COLUMNS = (
    "sampler",
    "claims",
    "weak order",
    "strong order",
    "law",
    "W2 at about 10, 20, 50, 100 evaluations",
)


def orders_of(certificate: Certificate, kind: str) -> str:
    """The orders measured on the two schedules, with the default options."""
    return " / ".join(_order(o) for o in certificate.orders if o.kind == kind and not o.variant) or "–"


def _order(order: Order) -> str:
    return "rounding" if order.slope.order is None else f"{order.slope.order:.2f}"


def row(certificate: Certificate) -> str:
    claims = {str(o.claimed) for o in certificate.orders if not o.variant} - {"None"}
    law = "exact" if all(e.interval is None for e in certificate.errors) else "Monte Carlo"
    w2 = ", ".join(f"{e.w2:.3g} ({e.nfe:g})" for e in certificate.errors)
    cells = (
        f"`{certificate.name}`" + ("" if certificate.passed else " **failed**"),
        "".join(claims) or "–",
        orders_of(certificate, "weak"),
        orders_of(certificate, "strong"),
        law,
        w2,
    )
    return f"| {' | '.join(cells)} |"


def built_ins() -> list[str]:
    names = registry().names("sampler")
    own = [name for name in names if registry().find("sampler", name).package == DISTRIBUTION]
    return [name for name in own if not registry().get("sampler", name).uses_measurement]


def main() -> None:
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * len(COLUMNS)}")
    for name in built_ins():
        print(row(certificate_of(name, "sampler", quick=True)), flush=True)


if __name__ == "__main__":
    main()
