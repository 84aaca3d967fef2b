"""Rows that somebody submits are verified, their samplers certified, and one of them is measured again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import Command, Install

from benchbox import load_results
from benchbox.cli.rows import rows_in
from benchbox.cli.submit import row_refusals
from benchbox.report.rows import write_rows
from benchbox.report.submission import chosen_row, differing_values, samplers_of

RUN = ("run", "--sampler", "ddim", "--nfe", "4,6", "--model", "gaussian", "--samples", "64", "--metric", "sw2")

NOISELESS = '''
from dataclasses import dataclass
from itertools import pairwise
from benchbox import Sampler, hookimpl

@dataclass(frozen=True)
class Slip(Sampler):
    """Euler's method with a step that is 5 % too long."""
    name = "slip"
    order = 1

    def __call__(self, denoise, x, grid, noise):
        for sigma, sigma_next in pairwise(grid.sigmas):
            x = x + 1.05 * (sigma_next - sigma) * (x - denoise(x, sigma)) / sigma
            yield x

@hookimpl
def benchbox_samplers():
    return [Slip]
'''


@pytest.fixture
def rows(benchbox: Command) -> pd.DataFrame:
    assert benchbox(*RUN).status == 0
    return load_results("results")


def resubmitted(rows: pd.DataFrame, **columns: object) -> Path:
    """The rows with other values in some columns, in a directory of their own."""
    shutil.rmtree("theirs", ignore_errors=True)
    Path("theirs").mkdir()
    write_rows(rows.assign(**columns), Path("theirs/rows.parquet"))
    return Path("theirs")


def test_honest_rows_are_accepted(benchbox: Command, rows: pd.DataFrame) -> None:
    done = benchbox("submit", "results", "--seed", 0)
    assert done.status == 0, done.err
    assert "ddim: certificate passed" in done.out
    assert "results: 2 rows, accepted." in done.out


def test_rows_that_are_not_read_are_named_not_verified(rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(resubmitted(rows, nfe_max=rows["nfe_max"] + 5), "results/dishonest")
    read = rows_in(Path("results"))
    assert len(read) == 2
    assert "results has rows of its own: those in results/dishonest are not read." in capsys.readouterr().err
    assert list(row_refusals(Path("results"), read)) == []
    assert len(list(row_refusals(Path("results/dishonest"), read))) == 2


def test_a_metric_that_is_not_reproduced_is_named(benchbox: Command, rows: pd.DataFrame) -> None:
    done = benchbox("submit", resubmitted(rows, sw2=rows["sw2"] / 2))
    assert done.status == 1
    assert "was measured again: sw2 was" in done.err
    assert "2 rows, not accepted." in done.out


def test_a_row_that_overspent_and_says_done_is_named(benchbox: Command, rows: pd.DataFrame) -> None:
    done = benchbox("submit", resubmitted(rows, nfe_max=rows["nfe_max"] + 5))
    assert done.status == 1
    assert "it is dishonest" in done.err


def test_a_sampler_that_fails_its_certificate_is_named(benchbox: Command, installed: Install) -> None:
    installed("slip", "slip_sampler", NOISELESS)
    assert benchbox(*RUN[:2], "slip", *RUN[3:], "--no-isolate").status == 0
    done = benchbox("submit", "results", "--seed", 0)
    assert done.status == 1
    assert "slip fails its certificate (" in done.err


def test_a_sampler_that_is_not_installed_is_named(rows: pd.DataFrame) -> None:
    ((name, error),) = samplers_of(rows.assign(sampler="unheard-of"))
    assert name == "unheard-of"
    assert "unknown sampler" in str(error)


def test_any_row_that_is_done_can_be_chosen_and_the_seed_repeats_the_choice(rows: pd.DataFrame) -> None:
    chosen = [chosen_row(rows, seed) for seed in range(20)]
    assert {row["cell"] for row in chosen if row} == set(rows["cell"])
    assert chosen_row(rows, 3) == chosen_row(rows, 3)
    assert chosen_row(rows.assign(status="failed")) is None


def test_counts_agree_exactly_and_metrics_within_the_tolerance(rows: pd.DataFrame) -> None:
    row = chosen_row(rows, 0)
    assert row
    assert differing_values(row, row, 0.0) == []
    assert differing_values(row, row | {"nfe": row["nfe"] + 1}, 0.5) == ["nfe"]
    assert differing_values(row, row | {"sw2": 1.009 * row["sw2"]}, 0.01) == []
    assert differing_values(row, row | {"sw2": 1.011 * row["sw2"]}, 0.01) == ["sw2"]
    assert differing_values(row, row | {"sw2": None}, 0.01) == ["sw2"]


def git(folder: Path | str, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_workflow_of_a_published_branch_checks_a_pull_request(
    benchbox: Command, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper publishes to a branch and pushes it; a stranger clones, adds rows, and the workflow's steps run."""
    for name, value in (("GIT_AUTHOR_NAME", "a"), ("GIT_COMMITTER_NAME", "a")):
        monkeypatch.setenv(name, value)
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "a@b")
    subprocess.run(["git", "init", "-q", "--bare", "remote.git"], check=True)
    subprocess.run(["git", "init", "-q", "keeper"], check=True)
    git("keeper", "commit", "-q", "--allow-empty", "-m", "start")
    assert benchbox("publish", "results", "--to", "git", "--output", "keeper").status == 0
    git("keeper", "push", "-q", "../remote.git", "gh-pages")
    subprocess.run(["git", "clone", "-q", "-b", "gh-pages", "remote.git", "stranger"], check=True)
    shutil.copytree(resubmitted(rows), "stranger/submissions/honest")
    Path("stranger/submissions/README.md").touch()
    git("stranger", "add", "-A")
    git("stranger", "commit", "-q", "-m", "rows")
    workflow = yaml.safe_load(Path("stranger/.github/workflows/submissions.yml").read_text())
    *_, install, check = workflow["jobs"]["check"]["steps"]
    tools = Path("tools").absolute()
    tools.mkdir()
    for name, line in (("benchbox", f'exec {sys.executable} -m benchbox "$@"'), ("pip", 'echo "pip $@"')):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    variables = os.environ | {"GITHUB_BASE_REF": "gh-pages", "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    def step(script: str = check["run"], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd="stranger",
            env=variables | workflow["env"] | more,
            capture_output=True,
            text=True,
            check=False,
        )

    unset = step(install["run"])
    assert (unset.returncode, unset.stdout.startswith("::error::Set BENCHBOX_SOURCE in ")) == (1, True)
    assert step(install["run"], BENCHBOX_SOURCE="./benchbox").stdout == "pip install ./benchbox\n"
    accepted = step()
    assert accepted.returncode == 0, accepted.stderr
    assert "submissions/honest: 2 rows, accepted." in accepted.stdout
    assert "README" not in accepted.stderr
    assert step(GITHUB_BASE_REF="no-such-branch").returncode != 0
    shutil.rmtree("stranger/submissions/honest")
    shutil.copytree(resubmitted(rows, sw2=9.0), "stranger/submissions/forged")
    git("stranger", "add", "-A")
    git("stranger", "commit", "-q", "-m", "more")
    refused = step()
    assert refused.returncode == 1
    assert "submissions/forged: 2 rows, not accepted." in refused.stdout
