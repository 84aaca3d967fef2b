"""Waiting for the machines of a cluster, each of which takes its own time to join."""

from __future__ import annotations

import time

from benchbox.clusters.connection import connect, knock, library
from benchbox.errors import UsageError

PAUSE = 1.0
"""Seconds between two looks."""


def wait(address: str, machines: int, seconds: float) -> None:
    """Return once so many machines are in the cluster. UsageError where they are not within so many seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            knock(address)
            break
        except UsageError:
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE)
    joined, ray = connect(address), library()
    try:
        while (there := sum(node["Alive"] for node in ray.nodes())) < machines:
            if time.monotonic() > end:
                raise UsageError(f"{there} of {machines} machines are in the Ray cluster at {address} by now.")
            time.sleep(PAUSE)
    finally:
        if joined:
            ray.shutdown()
