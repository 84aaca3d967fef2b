"""Names and numbers for the page."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from benchbox.report.entry import Setup

Names = Mapping[Setup, str]
"""The name of each setup on the page."""

ARXIV = r"arXiv:(\d{4}\.\d{4,5})"


def slug(name: str) -> str:
    """A unique file name for any name; a changed name ends in a hash."""
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return safe if safe == name else f"{safe or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence; of many names, the first ones and the number of others."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def breakable(name: str) -> Markup:
    """A name as HTML with line breaks allowed after punctuation and before capitals."""
    pieces = re.split(r"(?<=[:+_-])|(?<=[a-z0-9])(?=[A-Z])", name)
    return Markup("<wbr>").join(escape(piece) for piece in pieces)


def papers(text: str) -> list[str]:
    """The arXiv numbers in a description."""
    return list(dict.fromkeys(re.findall(ARXIV, text)))


def with_links(text: str) -> Markup:
    """A description as HTML, its arXiv numbers linked."""
    link = Markup('<a href="https://arxiv.org/abs/{0}">arXiv:{0}</a>')
    pieces = re.split(ARXIV, text)  # every second one is a number
    return Markup("").join(link.format(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces))


def finite_or_none(value: float) -> float | None:
    """A number that JSON can represent."""
    return float(value) if math.isfinite(value) else None
