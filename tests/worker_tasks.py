"""Tasks for worker processes, without torch: what each does to its process is in its name."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchbox.bench.shard_result import ShardResult


def nothing() -> None: ...


@dataclass(frozen=True)
class Task:
    """Does `what` with what it is given, a function of this module, and says the process that it ran in."""

    what: str
    packages: str = ""
    isolated: bool = False
    exclusive: bool = False
    device: str = ""
    timeout: float | None = 30
    tick: Callable[[], None] = field(default=nothing, compare=False)

    @property
    def group(self) -> Task:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"tick": nothing}

    def __call__(self, given: Any) -> ShardResult:
        said = globals()[self.what](self, given)
        return ShardResult({"pid": os.getpid(), "said": said}, {"m": {"a": np.arange(3)}})


@dataclass(frozen=True)
class Loads(Task):
    """Has something to prepare: the environment, or a sleep."""

    def prepare(self) -> None:
        if self.what == "echo":
            os.environ["PREPARED"] = "yes"
        time.sleep(0 if self.what == "echo" else 3600)


class Stop(BaseException):
    """Neither an Exception nor known to anybody."""


def echo(task: Task, given: Any) -> Any:
    return given


def kill(task: Task, given: int) -> None:
    os.kill(os.getpid(), given)


def leave(task: Task, given: int) -> None:
    os._exit(given)


def hang(task: Task | None, given: Any) -> None:
    while True:
        time.sleep(0.01)


def allocate(task: Task, given: Any) -> None:
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1)) * 2**24)
        time.sleep(0.01)


def child_allocates(task: Task, given: Any) -> None:
    if os.fork() == 0:
        allocate(task, given)
    hang(task, given)


def raise_(task: Task, given: type[BaseException]) -> None:
    raise given("so it is")


def print_(task: Task, given: Any) -> None:
    print("p\0\0\0\0\0\0\0\1x" * 1000, flush=True)
    os.write(1, os.urandom(100_000))
    sys.stdout.close()
    os.closerange(0, 3)


def talk(task: Task, given: bytes) -> None:
    """Write to every socket that the process has."""
    for fd in range(3, 64):
        try:
            socket.socket(fileno=os.dup(fd)).sendall(given)
        except OSError:
            continue
    hang(task, given)


def talk_and_kill(task: Task, given: bytes) -> None:
    """Write to every socket, and die."""
    for fd in range(3, 64):
        try:
            socket.socket(fileno=os.dup(fd)).sendall(given)
        except OSError:
            continue
    os.kill(os.getpid(), signal.SIGKILL)


def hang_up(task: Task, given: Any) -> None:
    os.closerange(3, 256)
    hang(task, given)


def fork(task: Task, given: float) -> int:
    pid = os.fork()
    if pid == 0:
        time.sleep(given)
    return pid


def forked(work: Callable[[], object]) -> int:
    """A fork that hangs after the work, which is done when this returns."""
    done, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        work()
        os.write(says, b".")
        hang(None, None)
    os.read(done, 1)
    os.close(done)
    os.close(says)
    return pid


def kill_fork(task: Task, given: int) -> int:
    pid = forked(nothing)  # Python forgets signals that come while it forks
    os.kill(pid, given)
    os.waitpid(pid, 0)
    return pid


def daemon(task: Task, given: Any) -> int:
    return forked(os.setsid)


def fork_and_die(task: Task, given: Any) -> None:
    pid = os.fork()
    if pid == 0:
        hang(task, given)
    os.write(2, f"{pid}\n".encode())
    os._exit(7)


def meet(task: Task, given: tuple[str, int, int] | tuple[str, int]) -> int:
    """Wait for so many to be in a folder; then be killed by a signal, where one is given."""
    folder, n, *signals = given
    (Path(folder) / str(os.getpid())).touch()
    while len(found := list(Path(folder).iterdir())) < n:
        time.sleep(0.01)
    for number in signals:
        kill(task, int(number))
    time.sleep(0.3)
    return len(found)


def silence(task: Task, given: Any) -> None:
    warnings.simplefilter("ignore")
    logging.disable()


def warn(task: Task, given: str) -> None:
    """A warning, a word of a library's logger that keeps it from the root's, and one that is none of weight."""
    logger = logging.getLogger("theirs.loading")
    logger.propagate = False
    for _ in range(3):
        warnings.warn(given, stacklevel=1)
        logger.warning("%d weights\nare random", 2)
        logger.info("nothing")


def tick(task: Task, given: int) -> None:
    for _ in range(given):
        task.tick()


def draw(task: Task, given: Any) -> list[float]:
    return [random.random(), float(np.random.rand())]


def variable(task: Task, given: str) -> str | None:
    return os.environ.get(given)


def mark(task: Task, given: str) -> None:
    Path(given).touch()
    hang(task, given)


CHANGES: dict[str, Callable[[], Any]] = {
    "environment": lambda: os.environ.update(CHANGED="yes"),
    "working directory": lambda: os.chdir("/"),
    "umask": lambda: os.umask(0o123),
    "sys.path": lambda: sys.path.append("here"),
    "standard streams": lambda: setattr(sys, "stdout", sys.stderr),
    "file descriptors 0 to 2": lambda: os.close(0),
    "signal handlers": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "threads": lambda: threading.Thread(target=time.sleep, args=(3600,), daemon=True).start(),
    "timers": lambda: signal.setitimer(signal.ITIMER_REAL, 3600),
    "recursion limit": lambda: sys.setrecursionlimit(4321),
    "numpy's error handling": lambda: np.seterr(all="ignore"),
}


def change(task: Task, given: str) -> None:
    CHANGES[given]()
