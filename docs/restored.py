"""The table of restored digits in docs/inverse-problems.md: python docs/restored.py results/inverse-problems

Means over measurements, ± 1.96 standard errors over measurements.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

import benchbox

COLUMNS = {
    "psnr": ("PSNR", "_std", 1), "ssim": ("SSIM", "_std", 3), "residual": ("residual", "_std", 2),
    "crps": ("CRPS", "_std", 4), "coverage_50": ("coverage 50 %", "_std", 2),
    "coverage_90": ("90 %", "_std", 2), "class_accuracy": ("class", "_se", 2),
}  # fmt: skip
"""Columns of the rows: heading, suffix of the standard error, digits."""


def value(row: pd.Series[Any], name: str) -> str:
    _, error, digits = COLUMNS[name]
    return f"{row[name]:.{digits}f} ± {1.96 * row[name + error]:.{digits}f}"


def main(directory: str) -> None:
    rows = benchbox.load_results(directory)
    rows["method"] = rows["guidance"].fillna("(none) " + rows["model"])
    rows = rows[rows["status"] == "done"].sort_values(["problem", "crps"])
    headings = ["problem", "method", "NFE", "backwards", *(heading for heading, _, _ in COLUMNS.values())]
    print(f"| {' | '.join(headings)} |\n|---|---|{'---:|' * (len(headings) - 2)}")
    for _, row in rows.iterrows():
        cells = [f"`{row['problem']}`", f"`{row['method']}`", f"{row['nfe']:.0f}", f"{row['n_backward']:.0f}"]
        print(f"| {' | '.join([*cells, *(value(row, name) for name in COLUMNS)])} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
