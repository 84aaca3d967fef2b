"""Escaping: text of rows and plugins for the terminal, HTML, LaTeX, Markdown and CSV. It is never interpreted."""

from __future__ import annotations

import html as standard
import re
import unicodedata

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "\0": "{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "–": "--", "—": "---", "’": "'", "…": r"\dots{}", "±": r"$\pm$", "×": r"$\times$", "−": "$-$", "≤": r"$\le$",
    "≥": r"$\ge$", "→": r"$\to$", "∞": r"$\infty$", "α": r"$\alpha$", "β": r"$\beta$", "η": r"$\eta$",
    "θ": r"$\theta$", "κ": r"$\kappa$", "λ": r"$\lambda$", "μ": r"$\mu$", "ρ": r"$\rho$", "σ": r"$\sigma$",
    "τ": r"$\tau$", "Δ": r"$\Delta$", "Σ": r"$\Sigma$",
}  # fmt: skip
"""Brackets and stars are wrapped: a line break would take them as arguments. A NUL prevents a ligature of hyphens."""

LETTERS = frozenset(map(chr, range(0xC0, 0x100))) - frozenset("×÷ÐðÞþ")
"""Non-ASCII letters that every LaTeX font has."""

MARKDOWN = re.compile(r"[\\`*_\[\]#|~$@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)
"""Markup within a line, including GitHub's extensions: mathematics, mentions, emoji and bare links."""

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""First characters of a cell that a spreadsheet evaluates as a formula."""


def plain_text(text: str) -> str:
    """Text on one line, without control and formatting characters (such as right-to-left marks) and surrogates."""
    return text if text.isprintable() else "".join(_plain_character(c) for c in text)


def _plain_character(c: str) -> str:
    if c.isspace():
        return " "
    return "" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c


def html_text(text: str) -> str:
    """For the content of an element or a quoted attribute."""
    return standard.escape(plain_text(text), quote=True)


def latex_text(text: str) -> str:
    """For a paragraph or a table cell; a character that LaTeX fonts may lack is written as its code point."""
    separated = re.sub("-(?=-)", "-\0", plain_text(text))
    return "".join(
        LATEX_ESCAPES.get(c) or (c if ord(c) < 0x7F or c in LETTERS else f"U+{ord(c):04X}") for c in separated
    )


def markdown_text(text: str) -> str:
    """For a line or a table cell."""
    return MARKDOWN.sub(r"\\\g<0>", standard.escape(plain_text(text), quote=False))


def csv_text(text: str) -> str:
    """For a field, before quoting: text that a spreadsheet would evaluate is prefixed with an apostrophe."""
    text = plain_text(text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text
