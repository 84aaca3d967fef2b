"""A worker process: receives tasks from a socket, runs them one after the other, and sends the results back.

The socket is separate from the standard streams: stdin is empty, and a task's output goes to stderr, a pipe.
Tasks arrive pickled from benchbox; results are not pickled.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from zlib import crc32

from benchbox.bench.worker_warnings import WARNINGS_KEY, WarningRecorder
from benchbox.workers.ending import failure_bytes
from benchbox.workers.globals import Globals, seed, snapshot
from benchbox.workers.wire import CHANGED, COUNT, FAILED, HEAD, LOADED, RESULT, TICK, frame

PR_SET_PDEATHSIG = 1
TICK_S = 0.1
"""Seconds between two progress messages."""


class Channel:
    """The socket to benchbox. Only this process writes to it; a fork that tries to is ended."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self.socket, self.pid = socket.socket(fileno=fd), os.getpid()
        self.stream = self.socket.makefile("rb")

    def receive(self) -> bytes | None:
        """The next task; None if there are no more."""
        head = self.stream.read(HEAD.size)
        return self.stream.read(HEAD.unpack(head)[1]) if len(head) == HEAD.size else None

    def send(self, kind: bytes, data: bytes = b"") -> None:
        if os.getpid() != self.pid:
            os._exit(1)
        self.socket.sendall(frame(kind, data))


class Ticker:
    """Counts a task's ticks, and sends the count periodically."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.count, self.sent = channel, 0, time.monotonic()

    def __call__(self) -> None:
        self.count += 1
        if time.monotonic() - self.sent > TICK_S:
            self.flush()

    def flush(self) -> None:
        self.channel.send(TICK, COUNT.pack(min(self.count, 2**16 - 1)))
        self.count, self.sent = 0, time.monotonic()


def serve_parent(fd: int, parent: int) -> None:
    """Serve the process `parent` over the socket `fd` until there are no more tasks."""
    be_expendable(parent)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as on stderr: a plugin may print any character
    with suppress(OSError):
        serve(Channel(fd))
    os._exit(0)  # without waiting for threads or exit handlers of a task


def be_expendable(parent: int) -> None:
    """End with the parent, write no core file, and be the first to be killed when memory runs out."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave_to_parent(os.getpid()))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def leave_to_parent(pid: int) -> Callable[[int, FrameType | None], None]:
    """A handler that ignores signals in process `pid`, because the parent handles them; in a fork they act as usual."""

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() != pid:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    return handle


def serve(channel: Channel) -> None:
    """Run tasks until one fails."""
    start: Globals | None = None
    while (message := channel.receive()) is not None:
        module, task, shard = pickle.loads(message)
        try:
            import_module(module)  # of benchbox, so that the snapshot precedes the import of any plugin
            if module.startswith("benchbox."):
                import_module("torch")  # which these tasks need, and whose settings are part of the snapshot
            start = start or snapshot()
            data = perform(channel, task, shard, start)
        except BaseException as error:  # a plugin may raise anything
            channel.send(FAILED, failure_bytes(error))
            return
        channel.send(RESULT, data)


def perform(channel: Channel, pickled: bytes, shard: bytes, start: Globals) -> bytes:
    """The result of a task with its warnings; first, a message if the task changed the state of the process."""
    number, ticker = crc32(shard), Ticker(channel)
    seed(number)
    with WarningRecorder() as recorder:
        task = pickle.loads(pickled)
        object.__setattr__(task, "tick", ticker)
        with suppress(BaseException):  # the task raises it again, and reports it
            task.prepare()
        loaded = snapshot()
        channel.send(LOADED)
        seed(number)
        result = task(pickle.loads(shard))
    if recorder.texts:
        result.report[WARNINGS_KEY] = list(recorder.texts)
    data = result.to_bytes()
    ticker.flush()
    if snapshot() != loaded:
        channel.send(CHANGED, b"run")
    elif loaded != start:
        channel.send(CHANGED, b"load")
    return data
