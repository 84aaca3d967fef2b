"""The socket and the standard error of a worker process, without blocking."""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

from benchbox.workers.wire import Frames

MOST_STDERR = 2**16
"""The last bytes of the standard error that are kept."""
PIECE = 2**20
"""Most bytes read or written at once."""
DRAIN = 1.0
"""Most seconds for reading what has arrived, since a process may write without end."""


class Link:
    """Our end of a worker's socket and standard error; `words` is the end of its error output in the current task."""

    def __init__(self) -> None:
        self.socket, self.theirs = socket.socketpair()
        self.stderr, self.their_stderr = os.pipe()
        self.socket.setblocking(False)
        os.set_blocking(self.stderr, False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)
        self.selector.register(self.stderr, selectors.EVENT_READ)
        self.open, self.words = True, b""

    def started(self) -> None:
        """Close our copies of the process's ends, so that its exit is seen as end of file."""
        self.theirs.close()
        os.close(self.their_stderr)

    def say(self, message: memoryview, most: int) -> None:
        """Begin to send a message; the frames of the answer have at most `most` bytes."""
        self.rest, self.frames, self.words = message, Frames(most), b""
        if self.open:
            self.selector.modify(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def hear(self, wait: float) -> Iterator[tuple[bytes, bytes]]:
        """The frames that arrive within `wait` seconds; 0: those that have arrived. Corrupt for other bytes."""
        until = monotonic() + DRAIN
        while self.selector.get_map() and monotonic() < until and (ready := self.selector.select(wait)):
            for key, events in ready:
                if key.fileobj is not self.socket:
                    self._read_words()
                    continue
                if events & selectors.EVENT_WRITE:
                    self._write()
                if events & selectors.EVENT_READ:
                    yield from self.frames.feed(self._read())
            if wait:
                return

    def _write(self) -> None:
        with suppress(OSError):  # the process has ended: noticed on reading
            self.rest = self.rest[self.socket.send(self.rest[:PIECE]) :]
        if not self.rest:
            self.selector.modify(self.socket, selectors.EVENT_READ)

    def _read(self) -> bytes:
        try:
            data = self.socket.recv(PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.open = False
            self.selector.unregister(self.socket)
        return data

    def _read_words(self) -> None:
        try:
            data = os.read(self.stderr, PIECE)
        except BlockingIOError:
            return
        if not data:
            self.selector.unregister(self.stderr)
        self.words = (self.words + data)[-MOST_STDERR:]

    def close(self) -> None:
        self.selector.close()
        self.socket.close()
        os.close(self.stderr)
