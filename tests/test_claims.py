"""Claims on cells: one holder at a time, the dead's are taken over at once, the silent's after a while."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchbox.store.claims import Claims
from benchbox.store.process import place, runs, started

CELL = "0123456789abcdef"

HOLD = """
import sys, time
from pathlib import Path
from benchbox.store.claims import Claims
claims = Claims(Path(sys.argv[1]), beat=0.05)
print(claims.take(sys.argv[2]), flush=True)
time.sleep(60)
"""

RACE = """
import sys, time
from pathlib import Path
from benchbox.store.claims import Claims
folder, start, rounds = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
claims = Claims(folder)
for i in range(rounds):
    time.sleep(max(0.0, start + 0.03 * i - time.time()))
    if claims.take(f"{i:016x}"):
        print(i, flush=True)
input()
"""


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[Claims]:
    with Claims(tmp_path) as made:
        yield made


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write(folder: Path, age: float = 0, **said: object) -> None:
    """A claim of this process, unless said otherwise, touched `age` seconds ago."""
    pid = os.getpid()
    mine = {"token": "a" * 32, "host": "here", "place": place(), "pid": pid, "started": started(pid)}
    path = folder / f".{CELL}.claim"
    path.write_text(json.dumps(mine | said))
    os.utime(path, (time.time() - age, time.time() - age))


def test_a_cell_is_taken_by_one_and_given_back(claims: Claims, tmp_path: Path) -> None:
    other = Claims(tmp_path)
    assert claims.take(CELL)
    assert claims.take(CELL)
    assert not other.take(CELL)
    assert other.holder(CELL) == claims.holder(CELL) == f"process {os.getpid()} on {os.uname().nodename}"
    other.release(CELL)
    assert files(tmp_path) == [f".{CELL}.claim"]
    claims.release(CELL)
    assert claims.holder(CELL) is None
    assert other.take(CELL)
    other.close()
    assert files(tmp_path) == []


def test_the_claim_of_a_killed_process_is_taken_over_at_once(claims: Claims, tmp_path: Path) -> None:
    holder = python(HOLD, tmp_path, CELL)
    assert line(holder) == "True"
    assert not claims.take(CELL)
    holder.send_signal(signal.SIGKILL)
    while started(holder.pid) not in {None, 0.0}:  # a moment, until the kernel has ended it; then it is a zombie
        time.sleep(0.01)
    assert claims.take(CELL)
    holder.wait()
    claims.close()
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("age", "said", "taken"),
    [
        (0, {}, False),
        (100, {}, False),
        (200, {}, True),  # alive, and silent for too long: it hangs, or cannot write
        (0, {"started": 1.0}, True),  # another process has the number
        (0, {"place": "elsewhere", "pid": 2**22 + 1}, False),
        (100, {"place": "elsewhere"}, False),
        (200, {"place": "elsewhere"}, True),
        (100, {"token": "../../x"}, False),
        (200, {"token": "../../x"}, True),
        (100, {"pid": "no number"}, False),
        (200, {"pid": "no number"}, True),
    ],
)
def test_who_is_gone_and_who_is_only_silent(
    claims: Claims, tmp_path: Path, age: float, said: dict[str, object], taken: bool
) -> None:
    write(tmp_path, age, **said)
    assert (claims.holder(CELL) is None) is taken
    assert claims.take(CELL) is taken
    assert files(tmp_path) == [f".{CELL}.claim"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"text"', "\ud800", "[" * 3000])
def test_a_claim_that_cannot_be_read_is_somebodys_until_it_is_old(claims: Claims, tmp_path: Path, text: str) -> None:
    path = tmp_path / f".{CELL}.claim"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert not claims.take(CELL)
    os.utime(path, (0, 0))
    assert claims.take(CELL)


def test_the_age_is_by_the_clock_of_the_file_system(
    claims: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 10, place="elsewhere")
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert not claims.take(CELL)


def test_several_processes_that_find_dead_claims_share_them_without_a_clash(tmp_path: Path) -> None:
    rounds = 40
    for i in range(rounds):
        write(tmp_path, started=1.0)
        (tmp_path / f".{CELL}.claim").rename(tmp_path / f".{i:016x}.claim")
    racers = [python(RACE, tmp_path, time.time() + 1.5, rounds) for _ in range(3)]
    time.sleep(1.5 + 0.03 * rounds + 0.5)
    said = [racer.communicate("\n")[0].split() for racer in racers]
    assert Counter(i for numbers in said for i in numbers) == Counter(map(str, range(rounds)))


def test_who_dies_while_taking_over_stops_nobody(claims: Claims, tmp_path: Path) -> None:
    write(tmp_path, started=1.0)
    (tmp_path / f".{CELL}.claim").rename(tmp_path / f".{CELL}.{'a' * 32}.claim")  # the right to take it over
    write(tmp_path, started=1.0)
    assert claims.take(CELL)
    assert files(tmp_path) == [f".{CELL}.claim"]


def test_a_slow_taker_finds_that_another_was_faster(
    claims: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, started=1.0)
    slow = Claims(tmp_path)
    seen, read = [slow._read(CELL)], slow._read
    assert claims.take(CELL)
    monkeypatch.setattr(slow, "_read", lambda cell: seen.pop() if seen else read(cell))
    assert not slow._take_over(CELL)
    assert claims.holder(CELL)
    assert files(tmp_path) == [f".{CELL}.claim"]


def test_a_held_claim_is_touched_and_written_again_where_somebody_deletes_it(tmp_path: Path) -> None:
    path = tmp_path / f".{CELL}.claim"
    with Claims(tmp_path, beat=0.02) as claims:
        claims.take(CELL)
        text = path.read_text()
        os.utime(path, (0, 0))
        wait(lambda: path.stat().st_mtime > 0)
        path.unlink()
        wait(path.exists)
        wait(lambda: path.read_text() == text)
    assert files(tmp_path) == []


def test_who_lost_a_claim_leaves_it_to_its_new_holder(tmp_path: Path) -> None:
    with Claims(tmp_path, beat=0.02) as claims:
        claims.take(CELL)
        write(tmp_path, place="elsewhere")
        wait(lambda: CELL not in claims.held)
    assert json.loads((tmp_path / f".{CELL}.claim").read_text())["place"] == "elsewhere"


def wait(true: object) -> None:
    """Until it is true. AssertionError after 5 s."""
    assert callable(true)
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not become true")


def test_what_the_dead_left_behind_is_swept(claims: Claims, tmp_path: Path) -> None:
    for name in (CELL, f"{CELL}.{'b' * 32}"):
        write(tmp_path, started=1.0)
        (tmp_path / f".{CELL}.claim").rename(tmp_path / f".{name}.claim.kept")
    for path in tmp_path.iterdir():
        path.rename(path.with_suffix(""))
    write_other = tmp_path / ".fedcba9876543210.claim"
    write_other.write_text("")
    claims.take("1" * 16)
    claims.sweep()
    assert files(tmp_path) == [".1111111111111111.claim", write_other.name]


def test_a_forked_process_gives_nothing_back(claims: Claims, tmp_path: Path) -> None:
    claims.take(CELL)
    if (child := os.fork()) == 0:
        claims.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert files(tmp_path) == [f".{CELL}.claim"]


def test_processes_by_number_and_start() -> None:
    pid = os.getpid()
    assert runs(pid, started(pid))
    assert not runs(pid, 1.0)
    done = subprocess.Popen([sys.executable, "-c", ""])
    since = started(done.pid)
    done.wait()
    assert not runs(done.pid, since)
