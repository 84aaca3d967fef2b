"""The project's own results, as documents: python docs/measured.py

From the rows in results/reference: results/leaderboard.md, and in the README a table and a plot (docs/measured.svg).
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from benchbox.cli.main import app
from benchbox.store.atomic import write_bytes

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "results" / "reference"
MARKS = re.compile("(?<=<!-- made by docs/measured.py -->\n).*(?=<!-- end -->)", re.DOTALL)
"""Where the README's table is."""


def benchbox(*words: str) -> None:
    """A command of benchbox on the rows."""
    app(args=[words[0], str(ROWS), *words[1:]], prog_name="benchbox", standalone_mode=False)


def board(output: Path, *words: str) -> str:
    """A leaderboard in Markdown, also written into a file."""
    benchbox("leaderboard", "--format", "markdown", "--output", str(output), *words)
    return output.read_text(encoding="utf-8")


def table(folder: Path) -> str:
    """The README's: the best at ten evaluations."""
    return board(folder / "board.md", "--model", "mnist-edm", "--nfe", "10", "--top", "5")


def main() -> None:
    """Write them."""
    board(ROWS.parent / "leaderboard.md")
    benchbox("plot", "--model", "mnist-edm", "--output", str(ROOT / "docs" / "measured.svg"))
    with TemporaryDirectory() as folder:
        made = table(Path(folder))
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    write_bytes(readme, MARKS.sub(lambda _: f"\n{made}\n", text).encode())


if __name__ == "__main__":
    main()
