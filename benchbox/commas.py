"""Comma lists, whose items may themselves hold commas."""

from __future__ import annotations

import csv
import os

from benchbox.errors import UsageError


def comma_list(text: str) -> list[str]:
    """The items of a comma list.

    A comma belongs to an item where it stands in double quotes, as in CSV, and where a file of that name is there:
    FILE or PLUGIN:FILE. UsageError for quotes that do not end.
    """
    if '"' not in text:
        return [item.strip() for item in _files(text.split(","))]
    try:
        return [item.strip() for item in next(csv.reader([text], skipinitialspace=True, strict=True))]
    except csv.Error as error:
        raise UsageError(f"{text!r} is no comma list: {error}.") from None


def quoted(item: str) -> str:
    """An item as `comma_list` reads it back."""
    return '"' + item.replace('"', '""') + '"' if "," in item or '"' in item else item


def _files(parts: list[str]) -> list[str]:
    """Neighbours that are the name of a file together made one."""
    found = []
    while parts:
        sizes = range(len(parts), 1, -1)
        taken = next((n for n in sizes if _is_file(",".join(parts[:n]).strip())), 1)
        found.append(",".join(parts[:taken]))
        parts = parts[taken:]
    return found


def _is_file(name: str) -> bool:
    places = (name, name.partition(":")[2])
    return any(place and os.path.exists(os.path.expanduser(place)) for place in places)
