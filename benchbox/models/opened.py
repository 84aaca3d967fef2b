"""The files that code reads, from Python's audit events and the native readers of torch and safetensors."""

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
"""Readers that open files in native code, without an audit event."""

_watching: list[set[str]] = []


@contextmanager
def opened_files() -> Iterator[set[str]]:
    """The files that this process opens for reading inside the context; see `users_files`."""
    _listen()
    files: set[str] = set()
    with ExitStack() as stack:
        for name in NATIVE_READERS:
            stack.enter_context(_audited(*name.rsplit(".", 1)))
        _watching.append(files)
        try:
            yield files
        finally:
            _watching[:] = [other for other in _watching if other is not files]


def users_files(files: set[str]) -> set[str]:
    """The existing files that do not belong to Python, to an installed package or to benchbox.

    Compiled modules are replaced by their sources.
    """
    return {file for file in map(_source, files) if os.path.isfile(file) and not file.startswith(_system_folders())}


def _source(file: str) -> str:
    with suppress(ValueError):  # not a compiled module
        return source_from_cache(file)
    return file


@cache
def _listen() -> None:
    """Install the audit hook once per process; it cannot be removed, and does nothing outside `opened_files`."""
    sys.addaudithook(_record)


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event != "open" or isinstance(arguments[0], int):
        return
    path, mode, flags = arguments
    reads = flags & os.O_ACCMODE != os.O_WRONLY if mode is None else "r" in mode
    if reads:
        for files in _watching:
            files.add(os.path.realpath(os.fsdecode(path)))


@contextmanager
def _audited(module_name: str, name: str) -> Iterator[None]:
    """Inside the context, this reader raises an audit event for each file that it is called with."""
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
def _system_folders() -> tuple[str, ...]:
    """Folders of files that do not belong to the user."""
    folders = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    folders = [folder for folder in folders if Path(folder).name.startswith(("python", "site-", "dist-"))]
    folders += [str(Path(__file__).parents[1]), "/proc", "/sys", "/dev"]
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)
