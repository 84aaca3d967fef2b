"""Leases on cells: one holder at a time, the dead's are taken over at once, the silent's after a while."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchbox.store.leases import COMPACTION, DURATION, UNWRITTEN, Leases

CELL = "0123456789abcdef"
ELSEWHERE = "filelock/2\npid={pid}\nhost={host}\nmode=lease\ntoken={token}\nduration={duration!r}\n"

HOLD = """
import sys
from pathlib import Path
from benchbox.store.leases import Leases
leases = Leases(Path(sys.argv[1]))
print(leases.take(sys.argv[2]), flush=True)
input()
"""

RACE = """
import sys
from pathlib import Path
from benchbox.store.leases import Leases
leases = Leases(Path(sys.argv[1]))
print("ready", flush=True)
input()
for i in range(int(sys.argv[2])):
    if leases.take(f"{i:016x}"):
        print(i, flush=True)
input()
"""


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[Leases]:
    with Leases(tmp_path) as made:
        yield made


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def write(folder: Path, host: str = "elsewhere", duration: float = DURATION) -> Path:
    """The lease of a process of another machine."""
    path = folder / f".{CELL}.lease"
    path.write_text(ELSEWHERE.format(pid=os.getpid(), host=host, token="a" * 32, duration=duration))
    return path


def test_a_cell_is_taken_by_one_and_given_back(leases: Leases, tmp_path: Path) -> None:
    other = Leases(tmp_path)
    assert leases.take(CELL)
    assert leases.take(CELL)
    assert not other.take(CELL)
    assert other.holder(CELL) == leases.holder(CELL) == f"process {os.getpid()} on {os.uname().nodename}"
    assert (other.live(), leases.live()) == ([CELL], [])
    other.release(CELL)
    assert files(tmp_path) == [f".{CELL}.lease"]
    leases.release(CELL)
    assert leases.holder(CELL) is None
    assert other.take(CELL)
    other.close()
    assert files(tmp_path) == []


def test_the_lease_of_a_live_process_is_refused_and_that_of_a_killed_one_taken_over_at_once(
    leases: Leases, tmp_path: Path
) -> None:
    holder = python(HOLD, tmp_path, CELL)
    assert line(holder) == "True"
    assert not leases.take(CELL)
    kill(holder)
    assert leases.take(CELL)
    leases.close()
    assert files(tmp_path) == []


def test_another_machines_lease_is_taken_over_once_it_is_not_refreshed_any_more(tmp_path: Path) -> None:
    """Not before, though no process here has its number; its age is by this process's own clock."""
    with Leases(tmp_path, duration=0.3) as leases:
        path = write(tmp_path, duration=0.3)
        for i in range(20):
            os.utime(path, (i, i))
            assert not leases.take(CELL)
            assert leases.live() == [CELL]
            time.sleep(0.02)
        wait(lambda: leases.take(CELL))
        assert leases.holder(CELL) == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_held_lease_is_refreshed(tmp_path: Path) -> None:
    with Leases(tmp_path, duration=0.3) as leases:
        leases.take(CELL)
        path = tmp_path / f".{CELL}.lease"
        os.utime(path, (0, 0))
        wait(lambda: path.stat().st_mtime > 0)


def test_who_lost_a_lease_leaves_it_to_its_new_holder(tmp_path: Path) -> None:
    with Leases(tmp_path) as leases:
        leases.take(CELL)
        (tmp_path / f".{CELL}.lease").unlink()
        write(tmp_path)
    assert "elsewhere" in (tmp_path / f".{CELL}.lease").read_text()


def test_the_holders_name_is_harmless_on_a_terminal(leases: Leases, tmp_path: Path) -> None:
    write(tmp_path, host="\x1b[2Jhost")
    assert leases.holder(CELL) == f"process {os.getpid()} on \\x1b[2Jhost"


@pytest.mark.parametrize("text", [b"{", b"\xff", b"filelock/2\npid=1\n", b"x" * 5000])
def test_a_lease_that_cannot_be_read_is_somebodys_for_a_while(leases: Leases, tmp_path: Path, text: bytes) -> None:
    (tmp_path / f".{CELL}.lease").write_bytes(text)
    assert not leases.take(CELL)
    wait(lambda: leases.take(CELL))


def test_an_empty_lease_is_of_a_process_that_died_while_making_it(leases: Leases, tmp_path: Path) -> None:
    path = tmp_path / f".{CELL}.lease"
    path.touch()
    assert not leases.take(CELL)
    written = time.time() - UNWRITTEN
    os.utime(path, (written + 5, written + 5))
    assert not leases.take(CELL)
    os.utime(path, (written - 1, written - 1))
    assert leases.take(CELL)


def test_several_processes_that_find_dead_leases_share_them_without_a_clash(tmp_path: Path) -> None:
    rounds, dead = 40, python("print()")
    dead.communicate()
    with Leases(tmp_path) as leases:
        leases.take(CELL)
        mine = (tmp_path / f".{CELL}.lease").read_text()
    for i in range(rounds):
        (tmp_path / f".{i:016x}.lease").write_text(mine.replace(f"pid={os.getpid()}", f"pid={dead.pid}"))
    racers = [python(RACE, tmp_path, rounds) for _ in range(3)]
    assert [line(racer) for racer in racers] == ["ready"] * 3
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    missing = Counter(map(str, range(rounds)))
    taken = [racer.communicate("\n")[0].split() for racer in racers]
    assert Counter(i for numbers in taken for i in numbers) <= missing
    with Leases(tmp_path) as leases:
        assert leases.live() == []


def test_the_files_of_dead_processes_are_removed(leases: Leases, tmp_path: Path) -> None:
    holder = python(HOLD, tmp_path, CELL)
    assert line(holder) == "True"
    kill(holder)
    live = tmp_path / ".fedcba9876543210.lease"
    live.write_text(ELSEWHERE.format(pid=1, host="elsewhere", token="b" * 32, duration=DURATION))
    leases.take("1" * 16)
    assert leases.live() == ["fedcba9876543210"]
    assert files(tmp_path) == [".1111111111111111.lease", live.name]


def test_no_cell_is_taken_while_the_directory_is_compacted(leases: Leases, tmp_path: Path) -> None:
    with Leases(tmp_path) as compacting:
        assert compacting.take(COMPACTION)
        assert not leases.take(CELL)
        assert files(tmp_path) == [f".{COMPACTION}.lease"]
    assert leases.take(CELL)


def test_a_forked_process_gives_nothing_back(leases: Leases, tmp_path: Path) -> None:
    leases.take(CELL)
    if (child := os.fork()) == 0:
        leases.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert files(tmp_path) == [f".{CELL}.lease"]


def wait(true: object) -> None:
    """Until it is true. AssertionError after many seconds."""
    assert callable(true)
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not become true")


def test_what_a_killed_take_over_left_is_removed_once_the_lease_is_released(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stray = tmp_path / f".{'0' * 16}.lease.break.{gone.pid}.{'a' * 32}"
    stray.write_text("")
    with Leases(tmp_path) as leases:
        assert leases.take("0" * 16)
        Leases(tmp_path).close()
        assert stray.exists()  # it may hold the record of the lease that is live
    assert not stray.exists()
