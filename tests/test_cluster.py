"""The submission script for Slurm: what is put into it stays one word, and it runs from the first line to the last."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

from benchbox.clusters.slurm import SlurmJob
from benchbox.errors import UsageError

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a'b",
    'a"b',
    "; touch pwned",
    "a\nb\n#SBATCH --x",
    "$HOME",
    "\\",
    "*",
    "",
]

FAKES = {
    "scontrol": r"printf 'one\ntwo\nthree\n'",
    "srun": 'echo "srun $*" >> log; while [[ $1 == -* ]]; do shift; done; exec "$@"',
    "ray": 'echo "ray $* $RAY_AUTH_MODE ${#RAY_AUTH_TOKEN}" >> log; exec sleep 600',
    "benchbox": """
        if [[ $1 == cluster ]]; then
          until [[ $(grep -cs ^ray log) == 2 ]]; do sleep 0.05; done
          echo "$@" >> log; exit "${LATE:-0}"
        fi
        trap 'echo heard >> log; sleep 0.2; exit 143' TERM
        printf '%s\\0' "$@" > words
        for ((i = 0; i < ${LONG:-1}; i++)); do sleep 0.05; done
        exit 3""",
}
"""Stand-ins for Slurm's commands, Ray's and ours; a step of three nodes is run once, here."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a script runs as on the first of three nodes."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tmp").mkdir()
    for name, text in FAKES.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "12345")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "node[1-3]")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(script: str) -> subprocess.Popen[str]:
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    Path("job.sh").write_text(script)
    return subprocess.Popen(["bash", "job.sh"], stderr=subprocess.PIPE, text=True, start_new_session=True)


def job(*more: str, **options: Any) -> SlurmJob:
    return SlurmJob(["run", "--sampler", "heun", *more], **{"nodes": 3, "time": "12:00:00"} | options)


def test_a_job_starts_ray_everywhere_runs_the_sweep_and_ends(node: Path) -> None:
    where = {"partition": "gpu,big", "account": "a.b@c"}
    options: dict[str, Any] = {"cpus": 6, "gpus": 2, "setup": """echo "it's" >s""", **where}
    script = job(*HOSTILE, **options).script()
    head = [line for line in script.splitlines() if line.startswith("#SBATCH ")]
    assert {"--nodes=3", "--cpus-per-task=6", "--gpus-per-node=2", "--partition=gpu,big", "--account=a.b@c"} <= {
        line.removeprefix("#SBATCH ") for line in head
    }
    ended = start(script)
    assert ended.communicate(timeout=600)[1] == ""
    assert ended.returncode == 3, "the sweep's exit status"
    words = (node / "words").read_text().split("\0")[:-1]
    more = ["--set", "ray.num_gpus=1", "--device", "cuda", "--executor", "ray", "--address", "one:22345"]
    assert words == ["run", "--sampler", "heun", *HOSTILE, *more]
    log = (node / "log").read_text()
    assert "ray start --num-cpus=6 --num-gpus=2 --block --head --port=22345" in log
    assert "ray start --num-cpus=6 --num-gpus=2 --block --address=one:22345 token 64" in log
    assert "srun --nodes=1 --nodelist=one " in log
    assert "srun --nodes=2 --exclude=one " in log
    assert "cluster wait --nodes 3 --address one:22345" in log
    assert (node / "s").read_text() == "it's\n"
    assert sorted(p.name for p in node.iterdir()) == ["bin", "job.sh", "log", "s", "tmp", "words"]
    assert list((node / "tmp").iterdir()) == []
    gone(ended.pid)


def test_a_job_that_is_told_to_end_passes_it_on_and_waits(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONG", "1000")
    running = start(job().script())
    end = time.monotonic() + 600
    while not (node / "words").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=600)
    assert running.returncode == 143
    assert "heard" in (node / "log").read_text()
    gone(running.pid)


def test_a_job_whose_nodes_do_not_come_ends_without_a_sweep(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATE", "2")
    ended = start(job().script())
    ended.communicate(timeout=600)
    assert ended.returncode == 2
    assert not (node / "words").exists()
    gone(ended.pid)


def gone(group: int) -> None:
    """No process of the job's is left."""
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("options", [{}, {"nodes": 1, "gpus": 1, "setup": "true", "partition": "p", "account": "a"}])
def test_shellcheck_finds_nothing(options: dict[str, Any]) -> None:
    script = job(**options).script()
    done = subprocess.run(["shellcheck", "-"], input=script, capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize(
    "options",
    [
        {"time": "soon"}, {"time": "1:2"}, {"time": "10\n"}, {"partition": "a b"}, {"partition": "a\n#SBATCH --x"},
        {"partition": ""}, {"account": "$(id)"}, {"account": "a;b"}, {"setup": "a\nb"}, {"setup": ""}, {"words": []},
        {"words": ["leaderboard"]}, {"words": ["run", "--executor", "local"]}, {"words": ["run", "--address=a:1"]},
    ],
)  # fmt: skip
def test_what_does_not_belong_into_a_script_is_refused(options: dict[str, Any]) -> None:
    given = {"words": ["run"], "nodes": 1, "time": "10"} | options
    with pytest.raises(UsageError):
        SlurmJob(**given)


@pytest.mark.parametrize("time", ["30", "30:00", "12:00:00", "2-12", "2-12:30", "2-12:30:00"])
def test_times_as_slurm_writes_them(time: str) -> None:
    assert f"#SBATCH --time={time}\n" in job(time=time).script()


def test_the_command_prints_or_writes_the_script(benchbox: Command, tmp_path: Path) -> None:
    asked = ("cluster", "slurm", "--nodes", 3, "--time", "12:00:00", "--", "run", "--sampler", "heun")
    assert benchbox(*asked).out == job().script()
    done = benchbox("cluster", "slurm", "--output", "job.sh", *asked[2:])
    assert done.out.split() == ["wrote", "job.sh:", "sbatch", "job.sh"]
    assert (tmp_path / "job.sh").read_text() == job().script()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--sampler", "heun", "--nfes", "3"], "--nfe"), (["--nfe", "3"], "--sampler"), (["--sampler", "a", "b"], "b")],
)
def test_a_sweep_that_cannot_be_read_is_refused_before_it_is_in_the_queue(
    benchbox: Command, words: list[str], said: str
) -> None:
    done = benchbox("cluster", "slurm", "--nodes", 1, "--time", 10, "--", "run", *words)
    assert done.status == 2
    assert said in done.sentence
