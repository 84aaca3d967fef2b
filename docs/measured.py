"""Write the tables and the plot of the project's own results: python docs/measured.py

Of results/reference: results/leaderboard.md, the table in the README, and the plot docs/measured.svg. Of
results/survey: its leaderboard.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchbox.atomic import write_bytes
from benchbox.cli.main import app

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "results" / "reference"
SURVEY = ROOT / "results" / "survey"
MARKS = re.compile("(?<=<!-- made by docs/measured.py -->\n).*(?=<!-- end -->)", re.DOTALL)
"""The place of the table in the README."""


def benchbox(*words: str, rows: Path = ROWS) -> None:
    """Run a benchbox command on rows."""
    app(args=[words[0], str(rows), *words[1:]], prog_name="benchbox", standalone_mode=False)


def board(rows: Path, output: Path) -> str:
    """The leaderboard of rows in Markdown, which is also written to a file."""
    benchbox("leaderboard", "--format", "markdown", "--output", str(output), rows=rows)
    return output.read_text(encoding="utf-8")


def table(folder: Path) -> str:
    """The table of the README: the best samplers at ten evaluations, each with its recommended schedule and grid."""
    output = folder / "board.csv"
    benchbox("leaderboard", "--model", "mnist-edm", "--nfe", "10", "--format", "csv", "--output", str(output))
    rows = pd.read_csv(output)
    best = rows[(rows["levels"] == "recommended") & (rows["metric"] == "fid")].head(4)
    lines = [
        f"| {row.rank_low:.0f}–{row.rank_high:.0f} | {row.sampler} | {row.grid} | {row.nfe:.0f} | {row.value:.2f} | "
        f"{(row.high - row.low) / 2:.2f} |"
        for row in best.itertuples()
    ]
    return "\n".join(["| rank | sampler | grid | NFE | FID | ± |", "|---|---|---|---|---|---|", *lines]) + "\n"


def main() -> None:
    """Write all documents."""
    for rows, place in ((ROWS, ROWS.parent), (SURVEY, SURVEY)):
        board(rows, place / "leaderboard.md")
    benchbox("plot", "--model", "mnist-edm", "--output", str(ROOT / "docs" / "measured.svg"))
    with TemporaryDirectory() as folder:
        best = table(Path(folder))
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    write_bytes(readme, MARKS.sub(lambda _: f"\n{best}\n", text).encode())


if __name__ == "__main__":
    main()
