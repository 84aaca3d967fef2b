"""The shards of a cell."""

from __future__ import annotations

from benchbox.bench.cell import Cell
from benchbox.bench.shard_result import Shard

SHARDS = 8
"""Shards of a cell: a process that is killed loses at most one."""


def shards(cell: Cell, begin: int = 0, count: int = SHARDS) -> list[Shard]:
    """At most `count` shards of whole noise blocks and batches, without the samples before `begin`.

    Their boundaries do not depend on `begin`, so a resumed cell adds the same numbers in the same order.
    """
    units = -(-cell.n_samples // cell.unit)
    size = -(-units // count) * cell.unit
    ends = [*range(size, cell.n_samples, size), cell.n_samples]
    firsts = [max(begin, end - size if end % size == 0 else end - end % size) for end in ends]
    return [Shard(first, end - first) for first, end in zip(firsts, ends, strict=True) if first < end]
