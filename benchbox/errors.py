"""What a user can do wrong, and how it is said: one sentence, with what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class Told(Exception):
    """An error whose text is a sentence for the user, which says all there is to say."""


class UsageError(Told):
    """A mistake in what was asked; its text is one sentence for the user. The command line exits with status 2."""


def sentence(error: BaseException, whole: bool = False) -> str:
    """The first line of an error (whole: all of it), its kind named unless it was raised in so many words."""
    text = str(error) if isinstance(error, Told) else f"{type(error).__name__}: {error}"
    text = text.strip() or type(error).__name__
    return " ".join(text.split()) if whole else text.splitlines()[0].rstrip(".:")


def no_gradients(title: str, error: RuntimeError) -> UsageError | None:
    """What to tell of a model that failed because it takes gradients, and none are kept; None for another failure."""
    text = str(error)
    if not any(words in text for words in ("requires_grad", "require grad", "nference tensor", "grad_fn")):
        return None
    return UsageError(
        f"model {title} takes gradients inside: its Model must say needs_grad = True (--set needs_grad=true for a "
        "network without one)."
    )


def unknown(what: str, name: str, valid: Iterable[str]) -> UsageError:
    """The error for a name that is not among the valid ones, with the nearest of these."""
    names = sorted(valid)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names) or 'none'}."
    return UsageError(f"unknown {what} {name!r}: {hint}")
