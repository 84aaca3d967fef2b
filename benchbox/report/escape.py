"""Text of rows and plugins in the terminal, HTML, LaTeX, Markdown and CSV: it is shown, and does nothing."""

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
"""Brackets and stars would be arguments of the line break before them. Of two hyphens a NUL keeps the dash away."""

LETTERS = frozenset(map(chr, range(0xC0, 0x100))) - frozenset("×÷ÐðÞþ")
"""Letters beyond ASCII that LaTeX has in any font."""

MARKDOWN = re.compile(r"[\\`*_\[\]#|~$@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)
"""What is markup somewhere in a line, also as GitHub reads it: mathematics, mentions, emoji and bare links."""

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""With what a cell begins that a spreadsheet calculates."""


def plain_text(text: str) -> str:
    """Text on one line: no control or formatting characters (escape sequences, right-to-left marks), no surrogates."""
    return text if text.isprintable() else "".join(_plain_character(c) for c in text)


def _plain_character(c: str) -> str:
    if c.isspace():
        return " "
    return "" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c


def html_text(text: str) -> str:
    """For an element's content or a quoted attribute's value."""
    return standard.escape(plain_text(text), quote=True)


def latex_text(text: str) -> str:
    """For a paragraph or a table's cell; a character that LaTeX's own fonts may lack is named by its number."""
    apart = re.sub("-(?=-)", "-\0", plain_text(text))
    return "".join(LATEX_ESCAPES.get(c) or (c if ord(c) < 0x7F or c in LETTERS else f"U+{ord(c):04X}") for c in apart)


def markdown_text(text: str) -> str:
    """For a line or a table's cell."""
    return MARKDOWN.sub(r"\\\g<0>", standard.escape(plain_text(text), quote=False))


def csv_text(text: str) -> str:
    """For a field, before the quoting: what a spreadsheet would take for a formula begins with an apostrophe."""
    text = plain_text(text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text
