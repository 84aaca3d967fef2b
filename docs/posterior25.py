"""The table of the published mixture: python docs/posterior25.py ROWS, as lines of Markdown.

ROWS: the directory that the sweeps results/posterior-25/dim8.toml and dim80.toml wrote. Mean sliced W1 to the exact
posterior over the problems, ± 1.96 standard errors; `floor` is the distance between two sets of exact draws.
"""

from __future__ import annotations

import json
import sys

import pandas as pd

import benchbox

METHODS = ("oracle", "mmps", "pigdm", "dps", "ddnm")


def measured(folder: str) -> pd.DataFrame:
    """The finished rows, with the dimensions of their problem."""
    rows = benchbox.load_results(folder)
    options = [json.loads(text) for text in rows["problem_options"]]
    rows = rows.assign(dim=[o["dim"] for o in options], rows=[o["rows"] for o in options])
    return rows[rows["status"] == "done"]


def interval(values: pd.Series[float]) -> str:
    return f"{values.mean():.2f} ± {1.96 * values.std(ddof=1) / len(values) ** 0.5:.2f}"


def main(folder: str) -> None:
    rows = measured(folder)
    print(f"| (d, d_y) | problems | floor | {' | '.join(METHODS)} |")
    print(f"|---|---:|{'---:|' * (1 + len(METHODS))}")
    for (dim, measured_numbers), group in rows.groupby(["dim", "rows"]):
        cells = [interval(group[group["guidance"] == name]["sw1"]) for name in METHODS]
        floor = group[group["guidance"] == "oracle"]
        print(f"| ({dim}, {measured_numbers}) | {len(floor)} | {interval(floor['sw1_floor'])} | {' | '.join(cells)} |")
    costs = rows.groupby("guidance")[["nfe", "n_backward"]].mean().loc[list(METHODS)]
    backwards = " | ".join(f"{number:.0f}" for number in costs["n_backward"])
    nfe = costs["nfe"].iloc[0]
    print(f"| backwards for {nfe:.0f} evaluations | | | {backwards} |")


if __name__ == "__main__":
    main(sys.argv[1])
