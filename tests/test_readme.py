"""The README says what is true: CI runs its set-up, its sampler is Euler's, its tables are those of the rows."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

import benchbox
from benchbox.store import schema

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_there_are_two_set_up_commands_and_ci_runs_the_second() -> None:
    one, two = (text.strip() for kind, text in BLOCKS if kind == "sh" and "-m venv" in text)
    assert one.count("\n") == two.count("\n") == 0
    assert "benchbox run --sampler heun --nfe 18,35,50" in one
    assert two in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_sampler_in_the_readme_is_euler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = (text for kind, text in BLOCKS if kind == "python" and "hookimpl" in text)
    assert len(source.splitlines()) <= 30
    (tmp_path / "my_sampler_of_the_readme.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    (cls,) = import_module("my_sampler_of_the_readme").benchbox_samplers()
    ours = benchbox.get("sampler", "ddim")
    levels = benchbox.Levels.cut(benchbox.get("schedule", "edm"), benchbox.get("grid", "karras"), 8)
    x = 80 * torch.randn(5, 4, dtype=torch.float64)
    denoise = benchbox.get("model", "gaussian").denoiser("cpu")
    *_, mine = cls()(denoise, x, levels, None)
    *_, reference = ours(denoise, x, levels, None)
    assert torch.allclose(mine, reference, rtol=1e-10)


def test_the_leaderboards_are_those_of_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    measured = import_module("measured")
    for rows, place in ((measured.ROWS, ROOT / "results"), (measured.SURVEY, measured.SURVEY)):
        assert measured.board(rows, tmp_path / "board.md") == (place / "leaderboard.md").read_text()
    assert measured.MARKS.search(README)[0].strip() == measured.table(tmp_path).strip()


def test_every_column_of_the_schema_is_in_the_documentation() -> None:
    words = set(re.findall(r"[a-z0-9_]+", (ROOT / "docs" / "results.md").read_text()))
    assert set(schema.ORDER) <= words


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 900
