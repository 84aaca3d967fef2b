"""Standard streams that never abort a command: any encoding, closed pipes, full disks."""

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
"""ASCII replacements of the non-ASCII characters that benchbox writes; Greek letters are spelled out."""

PLAIN_TEXT = "benchbox.plain"
"""Name of the encoding error handler."""


def ascii_text(text: str) -> str:
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


codecs.register_error(PLAIN_TEXT, _spell)


class Stream:
    """A text stream that replaces characters outside its encoding, and ignores a closed pipe.

    lost: the message of the first other error, such as a full disk; "" if there was none.
    """

    def __init__(self, wrapped: Any) -> None:
        self.wrapped, self.lost = wrapped, ""
        if isinstance(wrapped, io.TextIOWrapper):
            wrapped.reconfigure(errors=PLAIN_TEXT)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def write(self, text: str) -> int:
        try:
            self.wrapped.write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.wrapped.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Redirect the stream to the null device, so that the command goes on without a reader."""
        if error.errno != errno.EPIPE:
            self.lost = self.lost or error.strerror or type(error).__name__
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.wrapped.fileno())
            os.close(null)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Wrap stdout and stderr in a `Stream`. Exit status 2 if stdout could not be written completely."""
    _reopen_closed()
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


def _reopen_closed() -> None:
    """Open a closed standard stream on the null device; otherwise the next opened file would take its descriptor."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)
                continue
            opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor: this one
            setattr(sys, name, open(opened, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 (it stays open)
