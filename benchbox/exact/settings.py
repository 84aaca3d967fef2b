"""The settings of the options that a sampler is examined under: each value of each option, and every two together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, get_args, get_origin

from benchbox.coercion import alternatives
from benchbox.errors import UsageError
from benchbox.options import hints
from benchbox.registry import get
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

MOST_SETTINGS = 64
"""A covering set ends here: its first settings change one option, so what is left out are pairs."""

Values = dict[str, Any]
"""Option names to values; what is not named stays as it is."""


@dataclass(frozen=True)
class Variant:
    """A sampler under a setting: the options that differ from the sampler's own."""

    sampler: Sampler
    values: Values

    def __str__(self) -> str:
        given = ", ".join(f"{k}={getattr(v, 'name', v)}" for k, v in self.values.items())
        return given or "its own options"

    @property
    def prefix(self) -> str:
        """How a message about it begins; nothing for the sampler as it is."""
        return f"with {self}: " if self.values else ""

    @property
    def named(self) -> bool:
        """Whether one option has another of its named choices, or is switched: a variant of the method."""
        return len(self.values) == 1 and all(isinstance(v, str | bool) for v in self.values.values())

    @property
    def biased(self) -> bool:
        """Whether an option that is declared to change the law is not at its own value."""
        return any(option in self.sampler.biased_by for option in self.values)


def other_values(sampler: Sampler) -> dict[str, list[Any]]:
    """Two or three other values of each option, as its type allows; choices and booleans in full."""
    return {
        option: [v for v in dict.fromkeys(_candidates(hint, getattr(sampler, option))) if v != getattr(sampler, option)]
        for option, hint in hints(type(sampler)).items()
    }


def _candidates(hint: Any, value: Any) -> Iterator[Any]:
    for kind in alternatives(hint):
        if get_origin(kind) is Literal:
            yield from get_args(kind)
        elif kind is bool:
            yield not value
        elif kind is float:
            yield from _numbers(value)
        elif kind is int:
            yield from ((value or 0) + 1, 2, 0)
        elif kind is Schedule:
            yield from (get("schedule", "vp"), get("schedule", "flow"))
        elif kind is Sampler:
            yield from (get("sampler", "ddim"), get("sampler", "ancestral"))
        elif kind is type(None):
            yield None


def _numbers(value: float | None) -> tuple[float, float, float]:
    """Values around a default; of one below 1, which may be a fraction, none above 1."""
    if not value or not math.isfinite(value):
        return 0.5, 1.0, 0.1
    return value / 2, min(2 * value, (1 + value) / 2) if 0 < value < 1 else 2 * value, value / 10


def made(sampler: Sampler, values: Mapping[str, Any]) -> Sampler | None:
    """The sampler with these options; None where it refuses them, or exact data, which it is examined on."""
    try:
        variant = replace(sampler, **values)  # type: ignore[type-var]  # a sampler is a dataclass
        variant.check(get("model", "gaussian"))
        return variant
    except (ValueError, UsageError):
        return None


def covering_settings(sampler: Sampler) -> list[Variant]:
    """The sampler as it is, each value of each option alone, then settings that cover the pairs of values.

    Options that are declared to change the law stay as they are in the pairs, so that the law can be examined there.
    Pairs are covered greedily (Cohen et al. 1997, AETG, without random restarts): the set is the same each time.
    """
    every = other_values(sampler)
    alone = [{o: v} for o, values in every.items() for v in values]
    paired = {o: [v for v in vs if made(sampler, {o: v})] for o, vs in every.items() if o not in sampler.biased_by}
    settings = [{}, *alone, *_pairs(sampler, paired)]
    return [Variant(s, values) for values in settings[:MOST_SETTINGS] if (s := made(sampler, values))]


def _pairs(sampler: Sampler, values: Mapping[str, list[Any]]) -> Iterator[Values]:
    """Settings that together hold every pair of values of two options, but for those that exclude each other."""
    left = {
        frozenset({(a, i), (b, j)}): None
        for a, b in combinations(values, 2)
        for i in range(len(values[a]))
        for j in range(len(values[b]))
    }
    while left:
        pair = dict(sorted(next(iter(left))))
        for chosen in (_widened(pair, values, left), pair):
            setting = {o: values[o][i] for o, i in chosen.items()}
            for covered in combinations(chosen.items(), 2):
                left.pop(frozenset(covered), None)
            if made(sampler, setting):
                yield setting
                break


def _widened(
    pair: dict[str, int], values: Mapping[str, list[Any]], left: Mapping[frozenset[tuple[str, int]], None]
) -> dict[str, int]:
    """A pair, and of each other option the value that makes most of the pairs that are left."""
    chosen = dict(pair)
    for option in values:
        if option not in chosen and values[option]:
            gains = [
                sum(frozenset({(option, i), c}) in left for c in chosen.items()) for i in range(len(values[option]))
            ]
            if max(gains):
                chosen[option] = gains.index(max(gains))
    return chosen
