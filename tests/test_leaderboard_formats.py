"""The formats of a leaderboard: each says the same, none is led astray by the text in it."""

from __future__ import annotations

import html.parser
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from report_rows import known, nothing_usual, rows
from rich.console import Console

from benchbox.report import data, formats
from benchbox.report.leaderboard import Sheet, sheets
from benchbox.report.ranking import boards

EVIL = "<script>alert(1)</script>"
STRANGE = [
    EVIL, "=1+1", r"\input{x} & $y_1$ 100% #", "a|b", "[red]x[/red]", "\x1b[31m", "**b**", "{", "}}", "[2em]",
    "σ 中 × é",
]  # fmt: skip


@pytest.fixture
def ranked() -> list:  # type: ignore[type-arg]
    """Two budgets: strange names, options and reasons, ties and a failure."""
    names = [{"sampler": name, "final": name} | known(4 + 0.05 * i, 0.1) for i, name in enumerate(STRANGE)]
    bad = {"sampler": "bad", "status": "failed", "reason": EVIL + "\\end{document}", "fid": None, "device": EVIL}
    more = {"nfe_requested": 18, "nfe": 17.0, "sampler_options": json.dumps({"k": EVIL}), "dataset": EVIL}
    return boards(rows(*names, bad, more))


@pytest.fixture
def shown(ranked: list) -> list[Sheet]:  # type: ignore[type-arg]
    return sheets(ranked, nothing_usual)


def test_csv_is_a_line_per_entry_and_no_field_is_a_formula(ranked: list) -> None:  # type: ignore[type-arg]
    table = pd.read_csv(io.StringIO(data.boards_csv(ranked)), keep_default_na=False)
    assert list(table.columns) == list(data.RECORD_COLUMNS)
    assert len(table) == len(STRANGE) + 2
    assert "'=1+1" in set(table["sampler"])
    assert not any(str(v).startswith(("=", "+", "@", "\t")) for v in table.to_numpy().ravel())
    assert set(table["status"]) == {"done", "failed"}
    assert set(table.loc[table["status"] == "failed", "rank_low"]) == {""}
    assert table["rank_low"].iloc[0] in (1, "1")


def test_json_has_boards_with_their_lines_and_null_where_nothing_is_known(ranked: list) -> None:  # type: ignore[type-arg]
    text = data.to_json(ranked)
    loaded = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    assert [(board["nfe_requested"], len(board["lines"])) for board in loaded] == [(18, 1), (10, len(STRANGE) + 1)]
    first = loaded[1]["lines"][0]
    assert (first["sampler"], first["rank_low"], first["value"]) == (EVIL, 1, 4.0)
    assert (first["low"], first["high"]) == (pytest.approx(3.804, abs=1e-3), pytest.approx(4.196, abs=1e-3))
    assert (first["seeds"], first["cells"], first["behind"]) == ([0], ["cell0"], None)
    assert loaded[1]["lines"][-1]["rank_low"] is None


def test_a_terminal_of_80_columns_breaks_no_name_of_a_sampler() -> None:
    names = ("dpm-solver++2m", "dpm-solver++2m-sde", "exponential-integrator")
    grids = [{"sampler": n, "grid": f"grid-{n[:9]}"} | known(1000 + i, 0.1) for i, n in enumerate(names)]
    console = Console(file=io.StringIO(), width=80)
    console.print(*formats.rich_tables(sheets(boards(rows(*grids)), nothing_usual)))
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert all(name in printed for name in names)


class Page(html.parser.HTMLParser):
    """The tags of a page, as they open and close."""

    VOID = ("meta",)

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_columns_in_which_nothing_was_measured_are_left_out() -> None:
    nothing = {"timing_valid": False, "rss_peak_mb": None}
    without, with_ = (
        sheets(boards(rows({"sampler": "ddim"} | nothing, more)), nothing_usual)[0] for more in (nothing, {})
    )
    assert set(with_.columns) - set(without.columns) == {"s / 1,000", "MB"}
    assert all(len(line) == len(without.columns) for line in without.lines)


def test_html_is_well_formed_and_runs_nothing(shown: list[Sheet]) -> None:
    page = Page(formats.html(shown))
    assert page.open == []
    assert "script" not in page.seen
    assert page.seen.count("table") == page.seen.count("caption") == 2
    assert page.seen.count("li") == 1


def test_markdown_renders_to_tables_with_the_best_in_bold(shown: list[Sheet]) -> None:
    page = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(formats.markdown(shown)))
    assert page.seen.count("table") == 2
    assert set(page.seen) == {"p", "table", "thead", "tbody", "tr", "th", "td", "strong", "ul", "li"}
    assert page.seen.count("tr") == 2 + len(STRANGE) + 1


def test_latex_is_a_document_of_booktabs_tables(shown: list[Sheet], tmp_path: Path) -> None:
    text = formats.latex(shown)
    unescaped = re.sub(r"\\[\\{}$&#%_]", "", text)
    assert unescaped.count("{") == unescaped.count("}")
    assert text.count(r"\end{document}") == 1
    opened = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    stack: list[str] = []
    for what, name in opened:
        if what == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    tables = re.findall(r"\\begin\{tabular\}\{([lr]+)\}\n\\toprule\n(.*?)\n\\bottomrule", text, re.DOTALL)
    assert len(tables) == 2
    for sides, body in tables:
        lines = [line for line in body.splitlines() if line != r"\midrule"]
        assert all(line.endswith(r" \\") for line in lines)
        assert {line.replace(r"\&", "").count("&") + 1 for line in lines} == {len(sides)}


def test_latex_compiles(shown: list[Sheet], tmp_path: Path) -> None:
    compiler = shutil.which("tectonic") or shutil.which("pdflatex")
    if compiler is None:
        pytest.skip("neither tectonic nor pdflatex is installed; the structure is checked above")
    (tmp_path / "board.tex").write_text(formats.latex(shown), encoding="utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if compiler.endswith("pdflatex") else []
    done = subprocess.run([compiler, *options, "board.tex"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "board.pdf").stat().st_size > 1000
