"""Comma lists, as they are given on the command line."""

from __future__ import annotations

import csv
import os
import re

from benchbox.errors import UsageError

MOST_NUMBERS = 10_000
"""The most numbers in a list, and the most evaluations in a budget: more is a typing mistake."""


def comma_list(text: str) -> list[str]:
    """The items of a comma list. UsageError for an unclosed quote.

    An item with a comma is in double quotes, as in CSV, or is FILE or PLUGIN:FILE of a file that exists.
    """
    if '"' not in text:
        return [item.strip() for item in (_files(text.split(",")) if "," in text else [text])]
    try:
        return [item.strip() for item in next(csv.reader([text], skipinitialspace=True, strict=True))]
    except csv.Error as error:
        raise UsageError(f"{text!r} is not a comma list: {error}.") from None


def quoted(item: str) -> str:
    """An item as `comma_list` reads it back."""
    return '"' + item.replace('"', '""') + '"' if "," in item or '"' in item else item


def integers(text: str, option: str, least: int) -> list[int]:
    """A comma list of integers and of ranges a-b or a-b:step. UsageError for another text or a number below `least`."""
    numbers: list[int] = []
    for item in text.split(","):
        match = re.fullmatch(r"\s*(-?\d{1,20})(?:-(\d{1,20})(?::(\d{1,20}))?)?\s*", item)
        if not match:
            raise UsageError(
                f"{option} {item!r} is not valid: give integers such as 18,35,50 or a range such as 18-50:8."
            )
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first:
            raise UsageError(f"{option} {item!r} is a backward range: write {last}-{first}.")
        if first < least or step < 1:
            smallest = least if first < least else "a step of 1"
            raise UsageError(f"{option} {item!r} is not valid: the smallest is {smallest}.")
        if len(values := range(first, last + 1, step)) > MOST_NUMBERS:
            raise UsageError(f"{option} {item!r} stands for {len(values):,} numbers: the most is {MOST_NUMBERS:,}.")
        numbers += values
    return list(dict.fromkeys(numbers))


def _files(items: list[str]) -> list[str]:
    """The items, neighbours joined where together they name a file that exists."""
    joined = []
    while items:
        sizes = range(len(items), 1, -1)
        n = next((n for n in sizes if _is_file(",".join(items[:n]).strip())), 1)
        joined.append(",".join(items[:n]))
        items = items[n:]
    return joined


def _is_file(name: str) -> bool:
    plugin, _, path = name.partition(":")
    paths = (name,) if "," in plugin else (name, path)
    return any(path and os.path.exists(os.path.expanduser(path)) for path in paths)


def metric_names(metrics: str) -> list[str]:
    return [] if metrics.strip() == "none" else name_list(metrics, "--metric")


def name_list(text: str | None, option: str) -> list[str]:
    """A comma list. UsageError for an empty item."""
    if text is None:
        return []
    names = comma_list(text)
    if not all(names):
        raise UsageError(f"{option} {text!r} has an empty name: write a comma list such as heun,ddim.")
    return list(dict.fromkeys(names))
