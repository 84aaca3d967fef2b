"""What a task's samples are compared with, and what tells apart boards whose titles are equal otherwise."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from benchbox.report.board import BoardTask

TO_POSTERIOR = ("w2", "sw2", "sw1")
"""Metrics that, under an inverse problem, compare samples with its posterior."""

REFERENCE_LABEL = re.compile("(.+) ([0-9]+) ([0-9a-f]{8})")
"""`Reference.label`: data, number of images, and a hash, which titles leave out where they can."""


def reference_words(task: BoardTask) -> str:
    """What the samples of a task are compared with."""
    if task.problem and task.metric in TO_POSTERIOR:
        return "the exact posterior"
    if task.problem and task.metric == "psnr":
        return "the truths"
    labelled = REFERENCE_LABEL.fullmatch(task.reference)
    return f"{labelled[1]} ({int(labelled[2]):,} images)" if labelled else task.reference or task.dataset


def distinctions(titles: Sequence[Hashable], tasks: Sequence[BoardTask]) -> list[list[str]]:
    """The words that each title needs besides: checksums of reference and weights, where equal titles differ in them.

    tasks: one for each title.
    """

    def words(title: Hashable, task: BoardTask) -> list[str]:
        same_title = [other for name, other in zip(titles, tasks, strict=True) if name == title]
        labelled = REFERENCE_LABEL.fullmatch(task.reference)
        checksums = {
            "reference": labelled[3] if labelled and len({t.reference for t in same_title}) > 1 else "",
            "weights": task.model_sha256[:8] if len({t.model_sha256 for t in same_title}) > 1 else "",
        }
        return [f"{name} {checksum}" for name, checksum in checksums.items() if checksum]

    return [words(title, task) for title, task in zip(titles, tasks, strict=True)]
