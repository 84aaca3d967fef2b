"""Worker processes: what a task does to its process is its own problem, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import worker_tasks
from worker_tasks import CHANGES, Loads, Stop, Task

from benchbox import threads
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.worker_warnings import WARNINGS_KEY, WorkerWarning, show_warnings
from benchbox.clusters import remote
from benchbox.errors import UsageError
from benchbox.executor import Lost
from benchbox.executors.local import Local
from benchbox.registry import registry
from benchbox.workers import memory
from benchbox.workers.ending import verdict
from benchbox.workers.wire import FAILED, RESULT, TICK, Corrupt, Frames, TaskMessage, frame

Make = Callable[..., Local]


@pytest.fixture(scope="module")
def shared() -> Iterator[Local]:
    """One worker, for tasks that do not mind who was there before."""
    local = Local(isolate=True, memory_gb=0.5)
    yield local
    local.shutdown()


@pytest.fixture
def make() -> Iterator[Make]:
    """Executors that are shut down, after which neither a process nor a descriptor of theirs is left."""
    me, made = psutil.Process(), list[Local]()
    before = me.num_fds(), threading.active_count(), me.children(recursive=True)
    yield lambda **options: made.append(Local(**options)) or made[-1]
    for local in made:
        local.shutdown()
    assert (me.num_fds(), threading.active_count(), me.children(recursive=True)) == before


def do(local: Local, what: str, given: Any = None, **options: Any) -> dict[str, Any]:
    part: ShardResult = local.submit(Task(what, **options), given).result()
    return part.report


def lost(local: Local, what: str, given: Any = None, **options: Any) -> Lost:
    with pytest.raises(Lost) as error:
        do(local, what, given, **options)
    return error.value


def is_gone(pid: int) -> bool:
    """Soon, at the latest: what a parent that is no more leaves is reaped by the system."""
    for _ in range(3000):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_task_runs_in_another_process_and_its_part_comes_back_whole(shared: Local) -> None:
    part: ShardResult = shared.submit(Task("echo"), [1, 2.5, "ü", None]).result()
    assert part.report["said"] == [1, 2.5, "ü", None]
    assert part.report["pid"] != os.getpid()
    assert np.array_equal(part.states["m"]["a"], np.arange(3))


def test_it_runs_here_unless_something_asks_for_a_process() -> None:
    for local in (Local(), Local(isolate=False)):
        assert do(local, "echo", packages="" if local.isolate is None else "other-package")["pid"] == os.getpid()
    assert not Local().isolated(Task("echo"))
    assert Local().isolated(Task("echo", packages="other-package"))
    assert Local().isolated(Task("echo", isolated=True))
    assert Local(isolate=True).isolated(Task("echo"))
    assert not Local(isolate=False).isolated(Task("echo", packages="other-package", isolated=True))


@pytest.mark.parametrize(
    "options", [{"workers": 2}, {"isolate": True}, {"threads": 2}, {"memory_gb": 1}, {"packages": "p"}], ids=str
)
def test_it_runs_in_a_worker_where_something_asks_for_one(make: Make, options: dict[str, Any]) -> None:
    packages = options.pop("packages", "")
    assert do(make(**options), "echo", packages=packages)["pid"] != os.getpid()


@pytest.mark.parametrize("options", [{"workers": 0}, {"threads": 0}, {"isolate": False, "memory_gb": 1}], ids=str)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^local: "):
        registry().get("executor", "local", options)


# ends


@pytest.mark.parametrize(
    ("what", "given", "reason"),
    [
        ("kill", signal.SIGSEGV, "its process was ended by signal 11 (SIGSEGV)"),
        ("kill", signal.SIGKILL, "its process was ended by signal 9 (SIGKILL)"),
        ("leave", 0, "its process ended with exit status 0 before it was done"),
        ("leave", 3, "its process ended with exit status 3 before it was done"),
        ("hang_up", None, "its process closed its connection to benchbox before it was done"),
        ("raise_", Stop, "Stop: so it is"),
        ("raise_", KeyboardInterrupt, "KeyboardInterrupt: so it is"),
        ("raise_", SystemExit, "SystemExit: so it is"),
        ("talk", b"what is this", "its process sent what cannot be read"),
        ("talk", frame(RESULT, b"no part"), "its process sent what cannot be read"),
        ("talk", frame(FAILED, b"[]"), "its process sent what cannot be read"),
        ("talk", struct.pack("!cQ", RESULT, 2**60), "its process sent what cannot be read"),
    ],
)  # fmt: skip
def test_how_a_process_ends_is_the_reason_and_the_next_task_has_a_new_one(
    shared: Local, what: str, given: Any, reason: str
) -> None:
    before = do(shared, "echo")["pid"]
    error = lost(shared, what, given)
    assert (error.status, str(error)) == ("failed", reason)
    assert do(shared, "echo")["pid"] != before
    assert is_gone(before)


HALF = frame(RESULT, bytes(100))[:50]


@pytest.mark.parametrize("half", [HALF, HALF[:5]], ids=["half of a frame", "half of its head"])
def test_a_process_that_hangs_after_half_a_message_runs_into_its_timeout(make: Make, half: bytes) -> None:
    error = lost(make(isolate=True), "talk", half, timeout=0.2)
    assert (error.status, str(error)) == ("timeout", "it ran longer than 0.2 s")


def test_a_process_that_is_killed_after_half_a_message_says_how_it_ended(shared: Local) -> None:
    assert str(lost(shared, "talk_and_kill", HALF)) == "its process was ended by signal 9 (SIGKILL)"


def test_the_traceback_is_kept(shared: Local) -> None:
    assert "worker_tasks.py" in lost(shared, "raise_", Stop).details
    crash = lost(shared, "kill", signal.SIGSEGV).details
    assert "Segmentation fault" in crash
    assert "in kill" in crash


SAID = ["UserWarning: so be warned", "theirs.loading: 2 weights are random"]


def test_what_libraries_warn_of_comes_back_with_the_part_once(shared: Local) -> None:
    assert shared.submit(Task("warn"), "so be warned").result().report[WARNINGS_KEY] == SAID
    assert WARNINGS_KEY not in shared.submit(Task("echo"), None).result().report


def test_a_task_that_silences_warnings_silences_no_other_task(shared: Local) -> None:
    before = do(shared, "silence")["pid"]
    warned = shared.submit(Task("warn"), "so be warned").result().report
    assert (warned["pid"], warned[WARNINGS_KEY]) == (before, SAID)


def test_a_task_of_rays_brings_its_warnings_back_too() -> None:
    try:
        answer = remote.perform_remotely(TaskMessage.of(Task("warn"), "so be warned"), remote.WorkerLimits(1, 0.5, 1))
    finally:
        if remote.remote_worker.worker:
            remote.remote_worker.worker.close()
    assert answer.open().report[WARNINGS_KEY] == SAID


def test_a_warning_of_a_worker_is_told_once() -> None:
    said = {"status": "done", WARNINGS_KEY: ["a: told once", "a: told once", "b: told too"]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        show_warnings(said)
        show_warnings({WARNINGS_KEY: ["a: told once"]})
    assert {warning.category for warning in caught} == {WorkerWarning}
    assert [str(warning.message) for warning in caught] == ["a: told once", "b: told too"]
    assert said == {"status": "done"}
    show_warnings({WARNINGS_KEY: "not a list"})


def test_a_task_without_memory_says_so(shared: Local) -> None:
    assert lost(shared, "raise_", MemoryError).status == "oom"


def test_a_task_that_cannot_be_pickled_is_lost(shared: Local) -> None:
    assert str(lost(shared, "echo", lambda: None)).startswith("it cannot be handed to a worker process: ")


def test_a_hang_ends_at_the_timeout_and_shows_where_it_was(shared: Local) -> None:
    begin = time.monotonic()
    error = lost(shared, "hang", timeout=0.5)
    assert (error.status, str(error)) == ("timeout", "it ran longer than 0.5 s")
    assert 2.5 <= time.monotonic() - begin < 60
    assert "in hang" in error.details


def test_a_hang_before_the_start_ends_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchbox.workers.process.LOADING", 1.0)
    with pytest.raises(Lost, match=r"^it ran longer than 0.5 s$"):
        make(isolate=True).submit(Loads("never", timeout=0.5), None).result()


def test_what_a_task_says_on_stdout_and_the_end_of_stdout_are_harmless(shared: Local) -> None:
    assert do(shared, "print_")["said"] is None
    assert do(shared, "echo", 1)["said"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_a_cluster_sends_to_all_processes_are_left_to_the_first(shared: Local, number: int) -> None:
    before = do(shared, "kill", number)["pid"]
    assert do(shared, "echo")["pid"] == before
    assert is_gone(do(shared, "kill_fork", number)["said"])


def test_ticks_come_through_whatever_their_number(shared: Local) -> None:
    ticks: list[int] = []
    do(shared, "tick", 1000, tick=lambda: ticks.append(1))
    assert len(ticks) == 1000


# descendants


def test_of_a_task_that_forks_one_result_comes_and_the_fork_ends(shared: Local) -> None:
    for delay in (0.0, 3600.0):
        first = do(shared, "fork", delay)
        assert first["said"] != 0
        assert is_gone(first["said"])
        assert do(shared, "echo", delay)["said"] == delay


def test_a_fork_that_outlives_a_crash_does_not_hide_it_and_is_ended(shared: Local) -> None:
    error = lost(shared, "fork_and_die")
    assert str(error) == "its process ended with exit status 7 before it was done"
    assert is_gone(int(error.details.splitlines()[0]))


def test_a_process_that_leaves_the_group_is_ended(shared: Local) -> None:
    pid = do(shared, "daemon")["said"]
    do(shared, "echo")
    assert is_gone(pid)


# memory


@pytest.mark.parametrize("what", ["allocate", "child_allocates"])
def test_who_allocates_without_end_is_ended_at_the_limit(shared: Local, what: str) -> None:
    error = lost(shared, what)
    assert (error.status, str(error)) == ("oom", "it used more than 0.5 GiB of memory")


def test_the_limit_is_a_share_of_what_there_is(make: Make) -> None:
    pool, free = make(workers=2).pool, memory.available()
    assert pool._memory() == pytest.approx(0.45 * free, rel=0.2)


def test_a_control_group_limits_what_there_is(tmp_path: Path) -> None:
    inner = tmp_path / "slice" / "job"
    inner.mkdir(parents=True)
    for folder, most, used in ((inner, "max", 100), (inner.parent, "1000", 300)):
        (folder / "memory.max").write_text(f"{most}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text("anon 5\ninactive_file 50\nactive_file 70\n")
    assert list(memory.left_in_groups(inner)) == [750]


def test_a_kill_by_the_system_is_told_from_others() -> None:
    assert verdict(-signal.SIGKILL, out_of_memory=True)[0] == "oom"
    assert verdict(-signal.SIGKILL, out_of_memory=False)[0] == "failed"
    assert verdict(-signal.SIGSEGV, out_of_memory=True)[0] == "failed"
    assert memory.oom_kills() >= 0


# a clean start


def test_a_process_is_used_again_for_the_same_packages_alone(make: Make) -> None:
    local = make(isolate=True)
    first = do(local, "echo", packages="a")["pid"]
    assert do(local, "echo", packages="a")["pid"] == first
    other = do(local, "echo", packages="b")["pid"]
    assert other != first
    assert is_gone(first)
    assert do(local, "echo", packages="a")["pid"] not in (first, other)


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_task_changes_ends_its_process(shared: Local, what: str) -> None:
    before = do(shared, "change", what)["pid"]
    assert do(shared, "echo")["pid"] != before


def test_a_process_changed_by_loading_is_kept_for_the_same_task(make: Make) -> None:
    local = make(isolate=True)
    first, again = (local.submit(Loads("echo"), i).result().report["pid"] for i in range(2))
    assert first == again
    assert do(local, "echo")["pid"] != first


def test_the_global_generators_do_not_remember_what_ran_before(shared: Local) -> None:
    first, again, other = (do(shared, "draw", given)["said"] for given in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


def test_threads_are_shared_among_the_workers(make: Make) -> None:
    assert do(make(threads=3), "variable", "OMP_NUM_THREADS")["said"] == "3"
    assert do(make(workers=64), "variable", "OMP_NUM_THREADS")["said"] == "1"


@pytest.mark.parametrize("user", [None, "GOMP_SPINCOUNT"])
def test_threads_of_a_worker_wait_passively_unless_the_user_says_otherwise(
    make: Make, monkeypatch: pytest.MonkeyPatch, user: str | None
) -> None:
    for name in threads.CHOICES:
        monkeypatch.delenv(name, raising=False)
    if user:
        monkeypatch.setenv(user, "9")
    waits = do(make(isolate=True), "variable", "OMP_WAIT_POLICY")["said"]
    assert waits == (None if user else "passive")


# several at once


def test_two_workers_run_at_once_and_a_lost_one_does_not_touch_the_other(make: Make, tmp_path: Path) -> None:
    local = make(workers=2)
    lasting = local.submit(Task("meet"), (str(tmp_path), 2))
    crash = local.submit(Task("meet"), (str(tmp_path), 2, signal.SIGSEGV))
    with pytest.raises(Lost, match="SIGSEGV"):
        crash.result()
    assert lasting.result().report["said"] == 2


def test_a_shutdown_in_the_middle_ends_all_and_can_be_repeated(make: Make, tmp_path: Path) -> None:
    local = make(workers=2)
    futures = [local.submit(Task("mark"), str(tmp_path / str(i))) for i in range(4)]
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    local.shutdown()
    local.shutdown()
    assert [f.cancelled() for f in futures] == [False, False, True, True]
    assert [str(f.exception()) for f in futures[:2]] == ["it was stopped before it was done"] * 2


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = f"""import sys; sys.path.append({str(Path(worker_tasks.__file__).parent)!r})
from worker_tasks import Task
from benchbox.executors.local import Local
print(Local(isolate=True).submit(Task("echo"), 0).result().report["pid"], flush=True)
sys.stdin.read()"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert is_gone(pid)


# frames


def test_frames_come_whole_out_of_any_pieces() -> None:
    data = frame(TICK, b"\0\1") + frame(RESULT) + frame(RESULT, bytes(1000))
    for size in (1, 7, 100, len(data)):
        frames = Frames(1000)
        found = [f for i in range(0, len(data), size) for f in frames.feed(data[i : i + size])]
        assert found == [(TICK, b"\0\1"), (RESULT, b""), (RESULT, bytes(1000))]


@pytest.mark.parametrize("data", [b"x" * 9, frame(RESULT, bytes(11)), frame(b"?")], ids=["text", "too long", "unknown"])
def test_bytes_that_are_no_frames_are_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        list(Frames(10).feed(data))
