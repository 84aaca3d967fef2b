"""Sheets for the terminal, Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchbox.report import escape
from benchbox.report.leaderboard import LEGEND, Sheet, SheetCell

WHOLE = 24
"""Letters of the names of samplers that a narrow terminal does not break, unless some are longer."""


def rich_tables(sheets: Iterable[Sheet]) -> list[RenderableType]:
    """For a rich console, with the legend at the end."""
    return [*map(rich_table, sheets), Text(LEGEND, style="dim")]


def rich_table(sheet: Sheet) -> RenderableType:
    """One sheet for a rich console, without markup."""
    table = Table()
    for i, column in enumerate(sheet.columns):
        whole = column == "sampler" and max(len(line[i].text) for line in sheet.lines) <= WHOLE
        table.add_column(escape.plain_text(column), justify=_side(sheet, column), overflow="fold", no_wrap=whole)
    for line in sheet.lines:
        table.add_row(*(Text(escape.plain_text(cell.text), style=cell.style) for cell in line))
    title = Text(escape.plain_text(sheet.title), style="italic")
    return Group(title, *([table] if sheet.lines else []), *(Text(escape.plain_text(note)) for note in sheet.notes))


def _side(sheet: Sheet, column: str) -> Literal["left", "right"]:
    return "left" if column in sheet.words else "right"


def markdown(sheets: Iterable[Sheet]) -> str:
    """Tables in GitHub's Markdown."""
    marks = {"": "", "bold": "**", "italic": "_"}

    def cell(c: SheetCell) -> str:
        return f"{marks[c.style]}{escape.markdown_text(c.text)}{marks[c.style]}" if c.text else ""

    def section(sheet: Sheet) -> str:
        rules = ["---" if c in sheet.words else "---:" for c in sheet.columns]
        rows = [
            [escape.markdown_text(c) for c in sheet.columns],
            rules,
            *([cell(c) for c in line] for line in sheet.lines),
        ]
        lines = [f"| {' | '.join(row)} |" for row in rows] if sheet.lines else []
        notes = [f"- {escape.markdown_text(note)}" for note in sheet.notes]
        return "\n\n".join(filter(None, [escape.markdown_text(sheet.title), "\n".join(lines), "\n".join(notes)]))

    return "\n\n".join([*map(section, sheets), escape.markdown_text(LEGEND)]) + "\n"


LATEX_DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\noindent %s
\end{document}
"""


def latex(sheets: Iterable[Sheet]) -> str:
    """A complete document with one table environment per sheet; for a paper, copy the tables and load booktabs."""
    commands = {"": "%s", "bold": r"\textbf{%s}", "italic": r"\textit{%s}"}

    def row(texts: Iterable[str]) -> str:
        return f"{' & '.join(texts)} \\\\"

    def section(sheet: Sheet) -> str:
        sides = "".join(_side(sheet, c)[0] for c in sheet.columns)
        lines = [row(commands[c.style] % escape.latex_text(c.text) for c in line) for line in sheet.lines]
        head = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", row(map(escape.latex_text, sheet.columns)), r"\midrule"]
        body = [*head, *lines, r"\bottomrule", r"\end{tabular}"] if lines else []
        notes = [rf"\par\footnotesize {escape.latex_text(note)}" for note in sheet.notes]
        inner = [r"\centering", rf"\caption{{{escape.latex_text(sheet.title)}}}", r"\small", *body, *notes]
        return "\n".join([r"\begin{table}[htbp]", *inner, r"\end{table}", r"\clearpage"])

    return LATEX_DOCUMENT % ("\n\n".join(map(section, sheets)), escape.latex_text(LEGEND))


HTML_DOCUMENT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leaderboard</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
.board { overflow-x: auto; margin: 2rem 0 }
table { border-collapse: collapse }
caption { text-align: left; font-weight: 600; padding: .5rem 0 }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #8886; white-space: nowrap }
.word { text-align: left }
</style>
<main>
<h1>Leaderboard</h1>
%s
<p>%s</p>
</main>
</html>
"""


def html(sheets: Sequence[Sheet]) -> str:
    """One page without scripts; for a whole site: `benchbox leaderboard --format html --output DIR/`."""
    return HTML_DOCUMENT % ("\n".join(html_table(sheet) for sheet in sheets), escape.html_text(LEGEND))


def html_table(sheet: Sheet) -> str:
    """A table with its caption, and the notes as a list."""
    tags = {"": "%s", "bold": "<strong>%s</strong>", "italic": "<em>%s</em>"}

    def cell(tag: str, column: str, text: str) -> str:
        kind = ' class="word"' if column in sheet.words else ""
        return f"<{tag}{kind}>{text}</{tag.split()[0]}>"

    head = "".join(cell('th scope="col"', c, escape.html_text(c)) for c in sheet.columns)
    rows = [
        "".join(
            cell("td", c, tags[v.style] % escape.html_text(v.text)) for c, v in zip(sheet.columns, line, strict=True)
        )
        for line in sheet.lines
    ]
    caption = f"<caption>{escape.html_text(sheet.title)}</caption>"
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    notes = "".join(f"<li>{escape.html_text(note)}</li>\n" for note in sheet.notes)
    note_list = f"<ul>\n{notes}</ul>" if notes else ""
    table = f"<table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
    return f'<div class="board" tabindex="0">\n{table}\n{note_list}</div>'
