"""The commands and files of the pages, in the order in which a reader meets them; and a reader who types them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from environment import ROOT, Environment

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "plugins" / "README.md",
    *sorted((ROOT / "plugins").glob("*/README.md")),
]

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- not run by the tests \((.+?)\): (.+?) -->")
"""In a page: why no test runs the commands that begin like this."""

FILE = re.compile(r"[\w./-]+\.(?:py|toml)\b")


@dataclass(frozen=True)
class Block:
    """A block of code, and the text before it."""

    language: str
    text: str
    before: str

    @property
    def lines(self) -> list[str]:
        """The commands of a shell block, comments removed, continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [re.sub(r"\s+# .*", "", line).strip() for line in joined.splitlines() if line.strip()]

    @property
    def file(self) -> str | None:
        """The file that the block is to be: its first line says so, or the last sentence before it."""
        first = re.match(r"# (\S+)\n", self.text)
        named = FILE.findall(self.before.strip().splitlines()[-1]) if self.before.strip() else []
        return first[1] if first and FILE.fullmatch(first[1]) else named[-1] if named else None


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def blocks(self) -> Iterator[Block]:
        end = 0
        for found in BLOCK.finditer(self.text):
            yield Block(found[1], found[2], MARK.sub("", self.text[end : found.start()]))
            end = found.end()

    @property
    def commands(self) -> list[str]:
        return [line for block in self.blocks if block.language == "sh" for line in block.lines]

    @property
    def marks(self) -> dict[str, str]:
        """How commands begin that no test runs, and why."""
        return {begin: why for why, begin in MARK.findall(self.text)}

    def runs(self, command: str) -> bool:
        return not any(command.startswith(begin) for begin in self.marks)


REPEATABLE = ("benchbox check ", "benchbox plot --kind ")
"""Commands that do and print the same whenever they are typed."""


def read(
    page: Page, here: Environment, stand_in: dict[str, str] | None = None, before: dict[str, str] | None = None
) -> dict[str, str]:
    """Do what a page says, in its order; what each command printed. AssertionError for a command that fails.

    stand_in: what stands for something of the reader's own or takes long, and what it is here; of samples, 8 at most
    are made. before: what the commands printed that the reader has typed; one that is repeatable is not typed again.
    """
    printed = dict(before or {})
    for block in page.blocks:
        if block.language in ("python", "toml"):
            if block.file:
                (here.folder / block.file).parent.mkdir(exist_ok=True)
                (here.folder / block.file).write_text(block.text)
            if block.language == "python" and page.runs(block.text):
                (here.folder / "block.py").write_text(block.text)
                here.succeeds("python block.py")
        for line in block.lines if block.language == "sh" else []:
            if page.runs(line) and not (line in printed and line.startswith(REPEATABLE)):
                typed = re.sub(r"--samples \d{2,}", "--samples 8", f"{line} ")
                for word, meant in (stand_in or {}).items():
                    typed = typed.replace(word, meant)
                printed[line] = here.succeeds(typed)
    return printed
