"""What installed packages offer, remembered between processes, so that a name is known without importing its package.

One small JSON file per entry point in the user's cache directory (XDG_CACHE_HOME, else ~/.cache). A file is believed
only while all that a listing depends on is unchanged: the package's files, its version and those of what it requires,
benchbox, and Python. It can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from benchbox.hookspecs import CONTRACT
from benchbox.plugin import BASES, Listing, own_version
from benchbox.store.atomic import write_bytes


@dataclass(frozen=True)
class Slot:
    """The file that remembers one entry point's listings, and the state of the world that they hold for."""

    path: Path
    state: str

    @classmethod
    def of(cls, entry: EntryPoint) -> Slot | None:
        """None where the files of the module cannot be found without importing it."""
        try:
            files = fingerprint(entry.value.split(":")[0].split(".")[0])
        except (ImportError, ValueError, AttributeError, OSError):
            return None
        dist = entry.dist
        state = [
            CONTRACT, own_version(), core(), sys.version_info[:2], dist and dist.version, entry.value,
            files, [(name, installed(name)) for name in requirements(dist.requires if dist else None)],
        ]  # fmt: skip
        name = digest([sys.prefix, dist and dist.name, entry.name, entry.value])
        return cls(directory() / f"{name}.json", digest(state))

    def read(self) -> list[Listing] | None:
        """The listings; None where there are none, or not of this state, or where the file is not one of ours."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["state"] == self.state:
                return [checked(Listing(**item)) for item in found["plugins"]]
        except (OSError, ValueError, TypeError, KeyError):
            pass
        return None

    def write(self, plugins: Iterable[Listing]) -> None:
        """Remember the listings; a cache that cannot be written is none."""
        text = json.dumps({"state": self.state, "plugins": [asdict(p) for p in plugins]}, ensure_ascii=False)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(self.path, text.encode())

    def clear(self) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def directory() -> Path:
    """Where listings are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~/.cache"))) / "benchbox" / "listings"


def checked(item: Listing) -> Listing:
    """The listing. TypeError where a value is not of its type."""
    words = (item.kind, item.name, item.what, *item.aliases, *(option["name"] for option in item.options))
    if item.kind not in BASES or not all(isinstance(word, str) for word in words):
        raise TypeError(f"{item} is not a listing")
    return item


def fingerprint(module: str) -> str:
    """Of all files of a top-level module or package: paths, sizes and times of change.

    ImportError, ValueError: it has no files that can be found without importing it.
    """
    spec = find_spec(module)
    if spec is None:
        raise ImportError(module)
    if spec.submodule_search_locations:
        paths = sorted(path for folder in spec.submodule_search_locations for path in _files(folder))
    elif spec.origin and os.path.isfile(spec.origin):
        paths = [spec.origin]
    else:
        raise ImportError(module)
    return digest([(path, (stat := os.stat(path)).st_mtime_ns, stat.st_size) for path in paths])


@cache
def core() -> str:
    """The fingerprint of benchbox itself, which decides how a plugin is checked and listed."""
    return fingerprint("benchbox")


def _files(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(place, name) for name in names)


def requirements(lines: list[str] | None) -> list[str]:
    """The names of the distributions that one requires, also those that it can do without."""
    found = set()
    for line in lines or ():
        with suppress(InvalidRequirement):
            found.add(Requirement(line).name)
    return sorted(found)


def installed(name: str) -> str | None:
    """The installed version of a distribution; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")).hexdigest()[:32]
