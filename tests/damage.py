"""Damaged and hostile versions of a real file, for the property tests of whatever reads what users supply."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchbox.errors import UsageError

LONGEST = 1200
"""Characters of a sentence, with two paths in it."""


class Bomb:
    """Raises when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


OTHERS = (
    b"",
    b"\0" * 64,
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    b"<!DOCTYPE html><html><title>404</title></html>",
    b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
    b"\x1f\x8b\x08" + b"\0" * 20,
    b"PK\x05\x06" + b"\0" * 18,  # a zip archive of nothing
    b"PAR1" + b"\xff" * 16 + b"PAR1",
    b"\xff" * 8 + b"{}",  # safetensors with a header of 2^64 - 1 bytes
    b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False, 'shape': (99999999999,), }".ljust(128) + b"\n",
    b"null", b"[]", b"{}", b"1e999", b'"text"', b"[" * 100_000, b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0",
    "ключ = значение".encode("koi8-r"),
    pickle.dumps(Bomb()),
)  # fmt: skip
"""Files of other kinds, as they are found in the place of the right one."""


def truncated(data: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(0, max(len(data) - 1, 0)).map(lambda n: data[:n])


def flipped(data: bytes) -> st.SearchStrategy[bytes]:
    """Some bits are others."""

    def flip(places: list[int]) -> bytes:
        changed = bytearray(data)
        for place in places:
            changed[place // 8] ^= 1 << place % 8
        return bytes(changed)

    # most of what a reader decides on stands at the two ends
    last = 8 * len(data) - 1
    near = st.one_of(st.integers(0, min(last, 4096)), st.integers(max(last - 4096, 0), last), st.integers(0, last))
    return st.lists(near, min_size=1, max_size=8).map(flip)


def spliced(data: bytes) -> st.SearchStrategy[bytes]:
    """Other bytes stand in the middle."""
    return st.tuples(st.integers(0, len(data)), st.integers(0, 40), st.binary(max_size=40)).map(
        lambda t: data[: t[0]] + t[2] + data[t[0] + t[1] :]
    )


def recoded(data: bytes) -> st.SearchStrategy[bytes]:
    """The text in another encoding."""
    text = data.decode("latin-1")
    return st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-7"]).map(lambda code: text.encode(code))


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Versions of a file of at least one byte: cut off, with bits flipped, spliced, recoded, doubled, or another."""
    return st.one_of(
        truncated(data), flipped(data), spliced(data), recoded(data), st.sampled_from([*OTHERS, data + data]),
        st.binary(max_size=200),
    )  # fmt: skip


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5),
    st.lists(st.integers(-1, 9), max_size=3), st.dictionaries(st.text(max_size=2), st.none(), max_size=2),
)  # fmt: skip
"""JSON values of any type."""


def mistyped(value: Any) -> st.SearchStrategy[Any]:
    """A JSON value in which one part, at any depth, is of another type, or is missing."""
    if isinstance(value, dict) and value:
        return st.sampled_from(sorted(value)).flatmap(
            lambda key: st.one_of(
                mistyped(value[key]).map(lambda other: value | {key: other}),
                st.just({k: v for k, v in value.items() if k != key}),
            )
        )
    if isinstance(value, list) and value:
        inside = st.integers(0, len(value) - 1).flatmap(
            lambda i: mistyped(value[i]).map(lambda other: [*value[:i], other, *value[i + 1 :]])
        )
        return st.one_of(inside, VALUES)
    return VALUES


def read_or_told(read: Callable[[Path], Any], path: Path, content: bytes) -> Any:
    """What is read from a file of these bytes, or None where it is refused: in one printable sentence.

    AssertionError where it is refused otherwise.
    """
    path.write_bytes(content)
    try:
        return read(path)
    except UsageError as error:
        told = " ".join(str(error).split())
        assert told.endswith((".", ")")), told
        assert len(told) < LONGEST, told
        return None
