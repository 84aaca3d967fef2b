"""A worker process, seen from benchbox: its messages, its limits of time and memory, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from benchbox.bench.shard_result import ShardResult
from benchbox.executor import Lost
from benchbox.threads import passive
from benchbox.workers.ending import STOPPED, read_failure, verdict
from benchbox.workers.link import Link
from benchbox.workers.memory import Family, oom_kills
from benchbox.workers.wire import CHANGED, COUNT, FAILED, LOADED, RESULT, TICK, Corrupt, TaskMessage, read_result

MAIN = """import sys; numbers = map(int, sys.argv[1:3]); sys.path[:] = sys.argv[3:]; del sys.argv[1:]
from benchbox.workers.child import serve_parent; serve_parent(*numbers)"""
"""The code of a worker: it has the search path of this process, without the working directory."""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LOADING, GRACE = 60.0, 2.0
"""Additional seconds: for loading, and then for a task to stop itself at its time limit."""
LOOK, LOOKS = 0.1, 5
"""Seconds between two checks of the process; checks between two searches for new descendants, which are slow."""
GIB = 2**30


class Worker:
    """A process that runs tasks of the same `packages`, one at a time, on `threads` threads and within `memory` bytes.

    `only`: the one group that it may still serve (None: any). `usable`: whether it may run more tasks.
    """

    def __init__(self, packages: str, threads: int, memory: int) -> None:
        self.packages, self.memory, self.kills = packages, memory, oom_kills()
        self.only: bytes | None = None
        self.status: int | None = None
        self.spoilt = self.changed = self.stopped = False
        self.link = Link()
        fd, words = self.link.theirs.fileno(), self.link.their_stderr
        numbers, paths = (str(fd), str(os.getpid())), map(str, sys.path)
        command = [sys.executable, "-P", "-u", "-X", "faulthandler", "-c", MAIN, *numbers, *paths]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, pass_fds=[fd], start_new_session=True,
                env=os.environ | passive(os.environ) | dict.fromkeys(THREADS, str(threads)),
            )  # fmt: skip
        except OSError as error:
            self.link.close()
            raise Lost("failed", f"no worker process can be started: {error.strerror}") from error
        finally:
            self.link.started()
        self.family = Family(self.process.pid)

    @property
    def usable(self) -> bool:
        return not self.spoilt and self.link.open and self.process.poll() is None

    def fits(self, message: TaskMessage) -> bool:
        return self.packages == message.packages and self.only in (None, message.group)

    def run(self, message: TaskMessage, tick: Callable[[], None]) -> ShardResult:
        """Run a task. Lost where the process ends, fails, or exceeds its time or memory; it is not used again then."""
        was, self.spoilt = self.spoilt, True
        try:
            result = self._run(message, tick)
        except Corrupt:
            raise self.lost("failed", "its process sent what cannot be read") from None
        self.spoilt = was or self.changed or self.family.look() > 0
        return result

    def _run(self, message: TaskMessage, tick: Callable[[], None]) -> ShardResult:
        self.link.say(memoryview(message.frame), self.memory)
        timeout = message.timeout
        deadline = None if timeout is None else monotonic() + timeout + LOADING
        looks, due = 0, 0.0
        while True:
            if over := not self.link.open or self.process.poll() is not None:
                self.wait_and_kill()
            for kind, data in self.link.hear(0 if over else LOOK):
                if kind == RESULT:
                    return read_result(data)
                if kind == LOADED and timeout is not None:
                    deadline = monotonic() + timeout + GRACE
                self.heed(message, tick, kind, data)
            if over:
                raise self.lost(*STOPPED if self.stopped else verdict(self.status, oom_kills() > self.kills))
            if deadline is not None and monotonic() > deadline:
                self.dump()
                raise self.lost("timeout", f"it ran longer than {timeout:g} s")
            if monotonic() > due:
                looks, due = looks + 1, monotonic() + LOOK
                self.weigh(search=looks % LOOKS == 1)

    def heed(self, message: TaskMessage, tick: Callable[[], None], kind: bytes, data: bytes) -> None:
        """Handle a message other than the result."""
        if kind == TICK and len(data) == COUNT.size:
            for _ in range(*COUNT.unpack(data)):
                tick()
        elif kind == CHANGED:
            self.changed = data != b"load"
            self.only = message.group
        elif kind == FAILED:
            raise self.lost(*read_failure(data))

    def weigh(self, search: bool) -> None:
        """Lost where it and its descendants exceed their memory."""
        if search:
            self.family.look()
        if self.family.bytes() > self.memory:
            raise self.lost("oom", f"it used more than {self.memory / GIB:.3g} GiB of memory")

    def wait_and_kill(self) -> None:
        """Wait briefly for it to exit, so that its own exit status is known, then kill it."""
        with suppress(subprocess.TimeoutExpired):
            self.status = self.process.wait(LOOK * LOOKS)
        self.family.kill()

    def lost(self, status: str, reason: str, details: str = "") -> Lost:
        """The error for a lost task, with the end of its standard error."""
        return Lost(status, reason, details + self.link.words.decode(errors="replace"))

    def dump(self) -> None:
        """Make it write its stack to standard error, and end it."""
        with suppress(Corrupt):
            self.process.send_signal(signal.SIGABRT)
            until = monotonic() + LOOK * LOOKS
            while self.process.poll() is None and monotonic() < until:
                deque(self.link.hear(LOOK), maxlen=0)
            self.family.kill()
            deque(self.link.hear(0), maxlen=0)

    def stop(self) -> None:
        """End it, from a thread other than the one that runs it and will close it."""
        self.stopped = True
        self.family.kill()

    def close(self) -> None:
        """End it with all its descendants, and release its resources."""
        self.family.look()
        self.family.kill()
        with suppress(subprocess.TimeoutExpired):  # it may hang in a driver's call
            self.process.wait(GRACE)
        self.link.close()
