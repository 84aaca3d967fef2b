"""Fixtures of the machinery's tests: packages as if installed, and the command line in this process."""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import HealthCheck

from benchbox.registry import registry
from benchbox.threads import passive

if TYPE_CHECKING:
    from benchbox.bench.plan import PlannedCell

os.environ.update(passive(os.environ))  # as the command line does, so that the suite runs beside other programs
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes of pytest-xdist share the cores
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it for its workers: tables are as wide as in a file
os.environ["BENCHBOX_PLUGINS"] = "off"  # whatever is installed: a test of packages asks for `installed`
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")

SLOWEST = ("test_docs", "test_plugin_packages", "test_hostile", "test_certificates", "test_style", "test_training")
"""Files that take half a minute or more. They start first, so that none is alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST))


Install = Callable[..., None]
"""(distribution, module, source or None where the module is there already, version="1.0")."""


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """A function that writes a package with an entry point of benchbox's group where Python finds installed ones.

    benchbox sees the packages that it has written and no others.
    """
    site = tmp_path_factory.mktemp("site")
    before = set(sys.modules)
    written: list[str] = []
    monkeypatch.syspath_prepend(str(site))

    def install(distribution: str, module: str, source: str | None, version: str = "1.0") -> None:
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[benchbox]\n{module} = {module}\n")
        if source is not None:
            (site / f"{module}.py").write_text(source)
        written.append(distribution)
        monkeypatch.setenv("BENCHBOX_PLUGINS", ",".join(written))
        importlib.invalidate_caches()
        registry.cache_clear()

    yield install
    registry.cache_clear()
    forget_modules(site, before)


def forget_modules(folder: Path, before: set[str]) -> None:
    """Another test may write a module of the same name: in a new process it would be imported anew."""
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times count as valid here, however busy the machine is that runs the tests."""
    monkeypatch.setattr("benchbox.bench.meter.BUSY_SHARE", math.inf)


@dataclass
class Watcher:
    """Notes what there was to do for each cell, and counts the ticks."""

    todo: list[str] = field(default_factory=list)
    ticks: int = 0

    def start(self, planned: PlannedCell) -> None:
        self.todo.append(planned.todo)

    def tick(self, cell: object) -> None:
        self.ticks += 1

    def reach(self, cell: object, n: int) -> None: ...

    def wait(self, cells: object, holder: str) -> None: ...

    def finish(self, planned: object, row: object) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was said on stderr: exactly one line, no traceback."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("benchbox: "), self.err
        assert "Traceback" not in self.err
        return lines[0]


Command = Callable[..., Outcome]


@pytest.fixture
def benchbox(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Command]:
    """A function that runs the command line in this process, in an empty folder whose modules are forgotten."""
    from benchbox.cli import common
    from benchbox.cli.main import main

    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    for console in (common.console, common.error_console):
        monkeypatch.setattr(console, "_width", 140)

    def command(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["benchbox", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    yield command
    forget_modules(tmp_path, before)
