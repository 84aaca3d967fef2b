"""A throw-away virtual environment that sees this one's packages, and commands typed in it without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOOLS = {"pip": "pip", "pytest": "pytest", "benchbox": "benchbox_here"}
"""Commands, and the modules that they run."""

FEWER = """
import inspect
import benchbox.cli.run

run = benchbox.cli.run.run
names = list(inspect.signature(run).parameters)[-len(run.__defaults__):]
run.__defaults__ = tuple({samples} if n == "samples" else d for n, d in zip(names, run.__defaults__))
"""
"""Sets how many samples `benchbox run` makes where the command does not say."""

HERE = """
import fewer, runpy

runpy.run_module("benchbox", run_name="__main__", alter_sys=True)
"""

SERVER = """
import importlib, json, math, os, signal, site, socket, sys, sysconfig, traceback
import fewer, matplotlib.pyplot, pandas, pyarrow.parquet, scipy.stats, torch_fidelity
import benchbox.bench.meter, benchbox.bench.run, benchbox.exact.certificate, benchbox.metrics.features
from benchbox.cli.main import main

benchbox.bench.meter.BUSY_SHARE = math.inf  # times count as valid, however busy the machine is that runs the tests


def command(connection):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode, closefd=False) for n, mode in enumerate("rww"))
    folder, absent, *sys.argv = json.loads(message)
    sys.modules.update(dict.fromkeys(absent.split()))
    os.chdir(folder)
    site.addsitedir(sysconfig.get_path("purelib"))  # what was installed since this process started
    importlib.invalidate_caches()
    status = 1
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    connection.send(bytes([status]))
    os._exit(0)


server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks: no zombies
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    if os.fork() == 0:
        command(connection)
    connection.close()
"""
"""A process that has imported what takes long, and is forked for each command."""

CLIENT = """
import json, os, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
words = [os.getcwd(), os.environ.get("ABSENT", ""), "benchbox", *sys.argv[1:]]
socket.send_fds(server, [json.dumps(words).encode()], [0, 1, 2])
sys.exit(server.recv(1)[0])
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment; `folder` is where commands are typed."""

    folder: Path
    variables: dict[str, str]

    def as_installed(self) -> Environment:
        """The same where the commands of a served environment cannot import what `pip install .` does not install."""
        return replace(self, variables=self.variables | {"ABSENT": " ".join(optional_modules())})

    def run(self, command: str, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
        """The command as a shell runs it."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=self.folder, env=self.variables, text=True,
            capture_output=True, check=False, timeout=timeout,
        )  # fmt: skip

    def succeeds(self, command: str) -> str:
        """What the command prints; AssertionError, with all that it said, where it fails."""
        done = self.run(command)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout


@cache
def optional_modules() -> list[str]:
    """Modules that are installed here, but neither by `python -m venv` nor by `pip install .`."""
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    needed = {"pip", "setuptools", "benchbox-diffusion"}
    while lines:
        wanted = [r for r in map(Requirement, lines) if r.marker is None or r.marker.evaluate({"extra": ""})]
        new = {canonicalize_name(r.name) for r in wanted} - needed
        needed |= new
        lines = [line for name in new for line in requires(name) or ()]
    providers = packages_distributions().items()
    return sorted(module for module, names in providers if not needed & {canonicalize_name(name) for name in names})


def create(path: Path, samples: int = 1000) -> Environment:
    """An environment in path/venv, its commands typed in path/work, its caches in path/cache.

    samples: how many `benchbox run` makes where the command does not say.
    """
    venv.create(path / "venv", with_pip=False, symlinks=True)
    site = path / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "outer.pth").write_text(
        f"import site, sys; site.addsitedir({sysconfig.get_path('purelib')!r}); sys.path.insert(0, {str(ROOT)!r})\n"
    )
    (site / "fewer.py").write_text(FEWER.replace("{samples}", str(samples)))
    (site / "benchbox_here.py").write_text(HERE)
    bin_ = path / "venv" / "bin"
    for tool, module in TOOLS.items():
        (bin_ / tool).write_text(f'#!/bin/sh\nexec {bin_}/python -P -m {module} "$@"\n')
        (bin_ / tool).chmod(0o755)
    (path / "work").mkdir()
    drop = {"PYTHONPATH", "BENCHBOX_PLUGINS", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"}
    variables = {k: v for k, v in os.environ.items() if k not in drop} | {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": str(path / "cache"),
        "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1", "PIP_QUIET": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "140",
        "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive",
    }  # fmt: skip
    return Environment(path / "work", variables)


@contextmanager
def served(here: Environment) -> Iterator[Environment]:
    """The same environment, where `benchbox` costs no imports: each command is a fork of one process."""
    place = here.folder.parent
    address, python = str(place / "socket"), str(place / "venv" / "bin" / "python")
    (place / "server.py").write_text(SERVER)
    (place / "client.py").write_text(CLIENT.format(address=address))
    tool = place / "venv" / "bin" / "benchbox"
    tool.write_text(f'#!/bin/sh\nexec {python} -ISE {place}/client.py "$@"\n')
    command = [python, "-P", str(place / "server.py"), address]
    with subprocess.Popen(command, env=here.variables, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield here
        finally:
            server.terminate()
