"""Errors for the user: one sentence that says what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class Told(Exception):
    """An error whose text is a complete sentence for the user."""


class UsageError(Told):
    """A mistake of the user; its text is one sentence. The command line exits with status 2."""


def sentence(error: BaseException, whole: bool = False) -> str:
    """The first line of an error (whole: all lines, joined), with its type unless it is a sentence for the user."""
    text = str(error) if isinstance(error, Told) else f"{type(error).__name__}: {error}"
    text = text.strip() or type(error).__name__
    return " ".join(text.split()) if whole else text.splitlines()[0].rstrip(".:")


def no_gradients(title: str, error: RuntimeError) -> UsageError | None:
    """The error for a model that needs gradients while they are off; None where `error` has another cause."""
    text = str(error)
    if not any(words in text for words in ("requires_grad", "require grad", "nference tensor", "grad_fn")):
        return None
    return UsageError(
        f"model {title} takes gradients inside: its Model must say needs_grad = True (--set needs_grad=true for a "
        "network without one)."
    )


def similar_names(name: str, names: Sequence[str]) -> list[str]:
    """At most three of the names, the most similar first."""
    return get_close_matches(name, names, n=3, cutoff=0.5)


def unknown(kind: str, name: str, valid: Iterable[str]) -> UsageError:
    """The error for a name that is not valid: the most similar valid names, or all where none is similar."""
    names = sorted(valid)
    similar = similar_names(name, names)
    hint = f"did you mean {' or '.join(similar)}?" if similar else f"there is {', '.join(names) or 'none'}."
    return UsageError(f"unknown {kind} {name!r}: {hint}")
