"""A console that can show less, or is not there, costs no work and no traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command

from benchbox.cli.common import NARROWEST, _console
from benchbox.cli.streams import Stream, ascii_text


def test_text_is_spelled_in_what_the_encoding_has() -> None:
    assert ascii_text("W2 of σ² − 0.5 ≤ ‖x‖ … Müller, ᾱ, 猫") == "W2 of sigma2 - 0.5 <= ||x|| ... Muller, alpha, ?"
    for encoding, shown in (("ascii", b"sigma - e"), ("cp1252", b"sigma - \xe9"), ("utf-8", "σ − é".encode())):
        under = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        stream = Stream(under)
        stream.write("σ − é")
        stream.flush()
        assert under.buffer.getvalue() == shown  # type: ignore[attr-defined]


def ended(arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of a shell, $B being benchbox."""
    line = arguments.replace("$B", f"{sys.executable} -m benchbox")
    return subprocess.run(
        line, shell=True, cwd=cwd, capture_output=True, text=True, timeout=300, env=os.environ | environment
    )


RUN = "$B run --sampler heun --nfe 3 --model gaussian --metric w2 --samples 8 --results r"


def test_a_run_whose_console_knows_ascii_alone_ends_well(tmp_path: Path) -> None:
    done = ended(RUN, tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert "heun" in done.stdout


def test_a_run_goes_on_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    done = ended(f"({RUN}; echo $? > status) 2>&1 | true", tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "status").read_text() == "0\n"
    assert len(list((tmp_path / "r").glob("*.parquet"))) == 1


def test_closed_streams_are_no_error_and_no_file_takes_their_place(tmp_path: Path) -> None:
    done = ended(f"{RUN} <&- >&- 2>&-; echo $?", tmp_path)
    assert done.stdout == "0\n"
    assert len(list((tmp_path / "r").glob("*.parquet"))) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_under_the_output_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    done = ended("$B list samplers > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "benchbox: the output cannot be written: No space left on device.\n"


def test_the_version_is_shown(benchbox: Command) -> None:
    done = benchbox("--version")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("benchbox ")


@pytest.mark.parametrize("columns", ["1", "20", "0", "many"])
def test_a_table_is_never_narrower_than_its_words(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert _console(stderr=False).width >= NARROWEST
