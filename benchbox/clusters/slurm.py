"""The submission script of a Slurm job that runs a sweep on Ray."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from benchbox.errors import UsageError

TEMPLATE = Path(__file__).with_name("slurm.sh.j2")

PATTERNS = {
    "time": (r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}", "minutes, HH:MM:SS or DAYS-HH:MM:SS"),
    "partition": (r"[\w.,-]+", "names of letters, digits and . _ - with commas between"),
    "account": (r"[\w.@-]+", "a name of letters, digits and . _ @ -"),
    "setup": (r"[^\x00-\x08\x0a-\x1f\x7f]+", "one line of shell"),
}
"""What a text must be to go into the script, and in words."""

OWN = ("--executor", "--address", "--workers", "--dry-run")
"""Options of `benchbox run` that the script gives, or that have no meaning in it."""


@dataclass(frozen=True)
class SlurmJob:
    """A job of so many nodes with so many cores and GPUs each, and the time that it may take.

    words: the command, `run …`. setup: a line of shell before everything else. UsageError for what Slurm would not read
    as it is meant.
    """

    words: Sequence[str]
    nodes: int
    time: str
    cpus: int = 4
    gpus: int = 0
    partition: str | None = None
    account: str | None = None
    setup: str | None = None

    def __post_init__(self) -> None:
        for name, (pattern, words) in PATTERNS.items():
            text = getattr(self, name)
            if text is not None and not re.fullmatch(pattern, text, re.ASCII if name != "setup" else 0):
                raise UsageError(f"--{name} {text!r} is not valid: give {words}.")
        if not self.words or self.words[0] != "run":
            raise UsageError(
                "after -- comes the sweep, as in: benchbox cluster slurm … -- run --sampler heun --nfe 18."
            )
        given = [word.partition("=")[0] for word in self.words]
        if own := [option for option in OWN if option in given]:
            raise UsageError(f"{own[0]} is set by the script: leave it out after --.")

    @property
    def command(self) -> list[str]:
        """The sweep on Ray; where nodes have GPUs, each cell has one unless it is said otherwise."""
        gpu = self.gpus and not any(word.startswith("ray.num_gpus=") for word in self.words)
        device = self.gpus and not any(word.partition("=")[0] == "--device" for word in self.words)
        more = ["--set", "ray.num_gpus=1"] * bool(gpu) + ["--device", "cuda"] * bool(device)
        return ["benchbox", *self.words, *more, "--executor", "ray"]

    def script(self) -> str:
        """The script: whatever was given is in it as one word, or as a number, or checked letter by letter."""
        engine = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, autoescape=False)
        engine.filters["quote"] = shlex.quote
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return engine.from_string(TEMPLATE.read_text()).render(values | {"words": self.command})
