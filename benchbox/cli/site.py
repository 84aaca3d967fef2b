"""What the commands that make a site share: its certificates, read from files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbox.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from benchbox.report.page.site import Site

PARTS = {"kind", "name", "options", "passed", "checks", "orders"}


def certificates_in(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The certificates of samplers in files as `benchbox check --json` writes them. UsageError for other files."""
    found: list[dict[str, Any]] = []
    for path in paths:
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
        except ValueError:
            read = None
        if not isinstance(read, list) or not all(isinstance(c, dict) and c.keys() >= PARTS for c in read):
            raise UsageError(f"{path} holds no certificates: benchbox check SAMPLER --json > {path.name} makes them.")
        found += [c for c in read if c["kind"] == "sampler"]
    return found


def site_of(rows: pd.DataFrame, certificates: Sequence[Path]) -> Site:
    """The site of rows and certificate files."""
    from benchbox.registry import registry
    from benchbox.report.page.site import Site

    return Site(rows, registry().usual, certificates_in(certificates))
