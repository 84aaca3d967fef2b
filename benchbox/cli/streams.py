"""The standard streams of a command: text goes to whatever is there, and no work is lost over a word."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

SPELLED = {
    "–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "÷": "/", "·": "*", "→": "->", "←": "<-", "↦": "->", "≤": "<=",
    "≥": ">=", "±": "+-", "‖": "||", "√": "sqrt", "∞": "inf", "’": "'", "∫": "integral", "∂": "d", "⟨": "<", "⟩": ">",
    "§": "section ", "ᵀ": "^T",
}  # fmt: skip
"""What benchbox writes beside ASCII, as ASCII; Greek letters are written by their names."""

PLAIN = "benchbox.plain"
"""The name of the error handler, as `str.encode` takes it."""


def ascii_text(text: str) -> str:
    """Text in ASCII, as near as can be."""
    return "".join(_ascii(c) for c in text)


def _ascii(c: str) -> str:
    if c.isascii() or c in SPELLED:
        return SPELLED.get(c, c)
    name = unicodedata.name(c, "")
    if name.startswith("GREEK"):
        letter = name.split(" WITH ")[0].split()[-1]
        return letter.lower() if "SMALL" in name else letter.capitalize()
    return unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() or (
        "" if name.startswith("COMBIN") else "?"
    )


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_text(error.object[error.start : error.end]), error.end


codecs.register_error(PLAIN, _spell)


class Stream:
    """A stream that takes what its encoding has no letters for, and drops what nobody reads any more.

    lost: the first error of another kind, such as a full disk.
    """

    def __init__(self, under: Any) -> None:
        self.under, self.lost = under, ""
        if isinstance(under, io.TextIOWrapper):
            under.reconfigure(errors=PLAIN)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)

    def write(self, text: str) -> int:
        try:
            self.under.write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.under.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Send this and all that follows nowhere: a command goes on without a reader."""
        if error.errno != errno.EPIPE:
            self.lost = self.lost or error.strerror or type(error).__name__
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.under.fileno())
            os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Have the standard streams take anything inside. Exit status 2 where stdout could not be written to the end."""
    _open_closed_ones()
    before = sys.stdout, sys.stderr
    out, err = sys.stdout, sys.stderr = Stream(sys.stdout), Stream(sys.stderr)
    try:
        yield
    finally:
        out.flush()
        if out.lost:
            print(f"benchbox: the output cannot be written: {out.lost}.", file=err)
        err.flush()
        sys.stdout, sys.stderr = before
        if out.lost:
            raise SystemExit(2)


def _open_closed_ones() -> None:
    """A stream that was closed from the start goes nowhere; else the next file that is opened would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)
                continue
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            setattr(sys, name, open(opened, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
