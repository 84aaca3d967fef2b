"""Text from rows and plugins does nothing in HTML, LaTeX, Markdown, CSV or the terminal."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from benchbox.report import escape

NASTY = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "[x](javascript:alert(1))",
    "![x](http://a.b/c.png)", "http://evil.example", "www.evil.example", "a|b\\|c", "`code`", "**b** _i_ ~~s~~ # h",
    r"\input{/etc/passwd}", r"\write18{rm -rf}", "$x^2$ 100% a_b & {c} ~ ^ #1", "[1em] *", "-- ---", "\\\\[2em]",
    "=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1",
    "\x1b[31mred\x1b]0;title\x07", "\x9b31m", "a\nb\u2028c", "\u202egnp", "[bold]x[/]", ":smile:", "\ud800", "σ→∞ 中",
]  # fmt: skip
anything = st.text() | st.sampled_from(NASTY) | st.lists(st.sampled_from(NASTY)).map("".join)


class Tags(html.parser.HTMLParser):
    """Notes the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(anything)
def test_plain_text_is_one_line_without_control_or_formatting_characters(text: str) -> None:
    kinds = {unicodedata.category(c) for c in escape.plain_text(text)}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    escape.plain_text(text).encode()


def test_plain_text_is_left_as_it_is() -> None:
    assert escape.plain_text("dpm-solver++ η=0.5 (größer) 中") == "dpm-solver++ η=0.5 (größer) 中"


@given(anything)
def test_html_shows_the_text_in_an_element_and_in_an_attribute(text: str) -> None:
    page = Tags(f"<p>{escape.html_text(text)}</p>")
    assert page.tags == ["p"]
    assert page.text == escape.plain_text(text)
    assert not set(escape.html_text(text)) & set("<>\"'")


@given(anything)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    line = f"| a |\n| --- |\n| x{escape.markdown_text(text)}x |\n"
    page = Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(line))
    assert page.tags == ["table", "thead", "tr", "th", "tbody", "tr", "td"]
    assert f"x{escape.plain_text(text)}x" in page.text


@pytest.mark.parametrize("text", ["http://a.b", "www.a.b", "WWW.a.b", "x@y.z", ":smile:", "$x$", "#12"])
def test_markdown_breaks_what_github_makes_links_mentions_emoji_or_formulas_of(text: str) -> None:
    shown = escape.markdown_text(text)
    assert not re.search(r"https?://|(?i:www\.)|(?<!\\)[@$#]|(?<!\\):\S", shown)
    assert re.sub(r"\\(?=[^\w\s])", "", shown) == text


@given(anything)
def test_latex_has_no_active_character_and_balanced_braces(text: str) -> None:
    shown = escape.latex_text(text)
    known = sorted({v for v in escape.LATEX_ESCAPES.values() if v.startswith("\\") or "$" in v}, key=len, reverse=True)
    bare = re.sub("|".join(map(re.escape, known)), "", shown)
    for grouped in ("{[}", "{]}", "{*}", "-{}"):
        bare = bare.replace(grouped, "")
    assert not set(bare) & set("\\{}$&#%_~^[]*")
    assert all(c < "\x7f" or c in escape.LETTERS for c in shown)
    assert "--" not in shown or set(text) & set("–—")


@given(anything)
def test_no_csv_field_is_a_formula_and_the_text_comes_back(text: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([escape.csv_text(text), "end"])
    (row,) = csv.reader(io.StringIO(file.getvalue()))
    assert row[0].removeprefix("'") in (escape.plain_text(text), escape.plain_text(text).removeprefix("'"))
    assert not row[0].lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert row[1] == "end"


@given(anything)
def test_the_terminal_shows_the_text_and_obeys_nothing_in_it(text: str) -> None:
    from benchbox.report.formats import rich_table
    from benchbox.report.leaderboard import Sheet, SheetCell
    from benchbox.report.table import compact_table

    console = Console(file=io.StringIO(), width=10_000, force_terminal=True, color_system=None, emoji=False)
    console.print(rich_table(Sheet(text, (text, "b"), frozenset(), ((SheetCell(text), SheetCell("end")),), (text,))))
    console.print(compact_table(text, [{"sampler": text, "b": text}]))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert not {unicodedata.category(c) for c in re.sub(r"\x1b\[[0-9;]*m|\n", "", said)} & {"Cc", "Cf", "Cs"}
    assert escape.plain_text(text).strip() in said
