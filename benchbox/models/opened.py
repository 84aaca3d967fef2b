"""Which files a piece of code reads, from Python's audit events and the native readers of torch and safetensors."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, wraps
from importlib import import_module
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

NATIVE_READERS = ("safetensors.safe_open", "safetensors.torch.safe_open", "torch.jit.load", "torch.export.load")
"""Readers that open a file in native code, which raises no audit event."""

_watching: list[set[str]] = []


@contextmanager
def opened_files() -> Iterator[set[str]]:
    """The files that this process opens for reading while it lasts; see `own` for those that count."""
    _listen()
    files: set[str] = set()
    with ExitStack() as stack:
        for name in NATIVE_READERS:
            stack.enter_context(_announced(*name.rsplit(".", 1)))
        _watching.append(files)
        try:
            yield files
        finally:
            _watching[:] = [others for others in _watching if others is not files]


def users_files(files: set[str]) -> set[str]:
    """Those that are the user's: they exist, and are not of Python, of an installed package or of benchbox.

    Compiled modules are replaced by their sources.
    """
    return {f for f in map(_source, files) if os.path.isfile(f) and not f.startswith(_not_own())}


def _source(file: str) -> str:
    with suppress(ValueError):  # not a compiled module, or not beside its source
        return source_from_cache(file)
    return file


@cache
def _listen() -> None:
    """Install the audit hook, which cannot be removed: once in a process, idle unless somebody is watching."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event != "open" or isinstance(arguments[0], int):
        return
    path, mode, flags = arguments
    reads = flags & os.O_ACCMODE != os.O_WRONLY if mode is None else "r" in mode
    if reads:
        for files in _watching:
            files.add(os.path.realpath(os.fsdecode(path)))


@contextmanager
def _announced(module_name: str, name: str) -> Iterator[None]:
    """While it lasts, the reader of that name raises an audit event for each file that it is given."""
    module = import_module(module_name)
    reader: Callable[..., Any] = getattr(module, name)

    @wraps(reader, updated=())
    def read(*arguments: Any, **options: Any) -> Any:
        for value in (*arguments, *options.values()):
            if isinstance(value, str | os.PathLike):
                sys.audit("open", os.fspath(value), "r", os.O_RDONLY)
        return reader(*arguments, **options)

    setattr(module, name, read)
    try:
        yield
    finally:
        setattr(module, name, reader)


@cache
def _not_own() -> tuple[str, ...]:
    """Where the files lie that are not the user's."""
    folders = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    folders = [folder for folder in folders if Path(folder).name.startswith(("python", "site-", "dist-"))]
    folders += [str(Path(__file__).parents[1]), "/proc", "/sys", "/dev"]
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)
