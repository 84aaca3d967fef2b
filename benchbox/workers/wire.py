"""Messages between benchbox and a worker process: frames of a kind, a length and bytes.

`multiprocessing.connection` has frames, too, but its `recv_bytes` and `send_bytes` wait for the rest of a frame: a
worker that hangs after half of one, or does not read, would hold up its timeout and its memory limit.
"""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchbox.bench.shard_result import ShardResult
from benchbox.errors import sentence
from benchbox.executor import Executable, Lost

HEAD, COUNT = struct.Struct("!cQ"), struct.Struct("!H")
"""A frame's kind and length; the payload of TICK."""

TASK, LOADED, TICK, CHANGED, RESULT, FAILED = b"j", b"l", b"t", b"c", b"r", b"f"
"""To the worker: a task. From it: the task is loaded; it ticked, so many times; it left the process changed, how; its
result; why there is none."""

MESSAGE_KINDS = {TASK, LOADED, TICK, CHANGED, RESULT, FAILED}


class Corrupt(Exception):
    """Bytes that are no frames."""


def frame(kind: bytes, data: bytes = b"") -> bytes:
    return HEAD.pack(kind, len(data)) + data


class Frames:
    """Frames out of bytes that come in pieces; one of more than `most` bytes is Corrupt, and never made room for."""

    def __init__(self, most: int) -> None:
        self.most, self.data = most, bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The kind and the payload of each frame that is whole by now."""
        self.data += data
        while len(self.data) >= HEAD.size:
            kind, n = HEAD.unpack_from(self.data)
            if kind not in MESSAGE_KINDS or n > self.most:
                raise Corrupt
            end = HEAD.size + n
            if len(self.data) < end:
                return
            payload = bytes(memoryview(self.data)[HEAD.size : end])
            del self.data[:end]
            yield kind, payload


@dataclass(frozen=True)
class TaskMessage:
    """The frame of a task, and what those on its way need to know: packages, timeout, and a hash of its group."""

    packages: str
    timeout: float | None
    group: bytes
    frame: bytes

    @classmethod
    def of(cls, task: Executable, shard: Any) -> TaskMessage:
        """Lost where it cannot be pickled."""
        try:
            pickled, argument, group = map(pickle.dumps, (task, shard, task.group))
        except Exception as error:  # an option of a plugin may be anything
            raise Lost("failed", f"it cannot be handed to a worker process: {sentence(error)}") from error
        data = frame(TASK, pickle.dumps((type(task).__module__, pickled, argument)))
        return cls(task.packages, task.timeout, hashlib.sha256(group).digest(), data)


def read_result(data: bytes) -> ShardResult:
    """The result in a message. Corrupt where it cannot be read."""
    try:
        return ShardResult.from_bytes(data)
    except Exception as error:  # any exception, for such bytes
        raise Corrupt from error
