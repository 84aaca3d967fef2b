"""Ray: the same answers as on one machine, from a cluster whose machines die."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from conftest import Watcher
from hypothesis import given
from hypothesis import strategies as st
from ray_tasks import Alone
from sweeping import run_cells
from worker_tasks import Task

import benchbox
from benchbox.bench.cell import Cell
from benchbox.bench.shard_result import ShardResult
from benchbox.bench.sweep import Request, expand
from benchbox.clusters import connection
from benchbox.clusters.connection import wait
from benchbox.clusters.demand import alone, fitting, parse, room
from benchbox.errors import UsageError
from benchbox.executor import Executor, Lost
from benchbox.executors.local import Local
from benchbox.executors.on_ray import Ray
from benchbox.store.schema import MEASURED
from benchbox.store.store import Store

PATIENCE = 600
"""Seconds for what takes two on an idle machine."""


# what needs no cluster


@given(st.dictionaries(st.from_regex(r"[a-zA-Z][\w:]{0,9}", fullmatch=True), st.integers(0, 99).map(float)))
def test_resources_are_read_as_they_are_written(amounts: dict[str, float]) -> None:
    assert parse(":".join(f"{name}={amount:g}" for name, amount in amounts.items())) == amounts


@pytest.mark.parametrize("text", ["a", "a=", "=1", "a=1:", "a=1,b=2", "a=-1", "a=x", " a=1"])
def test_resources_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="NAME=AMOUNT"):
        benchbox.get("executor", "ray", resources=text)


@pytest.mark.parametrize(
    "options",
    [{"num_cpus": 0}, {"num_cpus": 1.5}, {"num_gpus": -1}, {"num_gpus": 2.5}, {"memory_gb": 0}, {"retries": -1}],
)
def test_demands_that_ray_cannot_meet_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="ray: "):
        benchbox.get("executor", "ray", **options)


def test_room_on_a_machine() -> None:
    machine = {"CPU": 8.0, "GPU": 2.0, "memory": 16.0}
    assert room(machine, {"CPU": 3.0}) == 2
    assert room(machine, {"CPU": 1.0, "GPU": 0.5}) == 4
    assert room(machine, {"CPU": 0.1, "GPU": 0.0}) == 80
    assert room(machine, {"CPU": 1.0, "fast": 1.0}) == 0


def test_exclusive_is_a_whole_device_and_never_less_than_was_asked() -> None:
    small, large = {"CPU": 4.0}, {"CPU": 16.0, "GPU": 4.0}
    assert alone([small, large], {"CPU": 1.0}) == {"CPU": 16.0}
    assert alone([small, {"CPU": 4.0, "big": 1.0}, large], {"CPU": 1.0, "big": 1.0}) == {"CPU": 4.0, "big": 1.0}
    assert alone([small, large], {"CPU": 1.0, "GPU": 0.25}) == {"CPU": 1.0, "GPU": 1.0}
    assert alone([small, large], {"CPU": 1.0, "GPU": 2.0}) == {"CPU": 1.0, "GPU": 2.0}
    with pytest.raises(UsageError, match="2 GPU"):
        fitting([small], {"CPU": 1.0, "GPU": 2.0})


@pytest.mark.parametrize(
    ("gpus", "device", "said"), [(0, "cuda", "ray.num_gpus=1"), (1, "cuda:1", "chooses"), (1, "cpu", "hold a GPU")]
)
def test_a_device_that_ray_does_not_give(gpus: int, device: str, said: str) -> None:
    task: Any = SimpleNamespace(device=device)
    with pytest.raises(UsageError, match=said):
        Ray(num_gpus=gpus).submit(task, None)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that opens a port which answers with these bytes; its address."""
    opened: list[socket.socket] = []
    monkeypatch.setattr(connection, "PATIENCE", 0.3)

    def answer(data: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def serve() -> None:
            wire, _ = server.accept()
            opened.append(wire)
            wire.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield answer
    for server in opened:
        server.close()


def test_a_wrong_address_is_said_at_once(answers: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    start = time.monotonic()
    for address, said in {
        closed: "no Ray cluster answers", "no.such.host.invalid:6379": "no Ray cluster answers",
        "127.0.0.1:99999": "no Ray cluster answers", answers(b"HTTP/1.1 400 Bad Request\r\n"): "is not a Ray cluster",
        answers(b""): "no Ray cluster answers", "ray://a:1": "HOST:PORT", "here": "HOST:PORT",
    }.items():  # fmt: skip
        with pytest.raises(UsageError, match=said):
            _ = Ray(address=address).workers
    assert time.monotonic() - start < 60, "Ray itself tries for minutes"


def test_a_machine_without_ray_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install '\.\[ray\]'"):
        _ = Ray().workers


def test_only_who_uses_ray_imports_it() -> None:
    script = "import sys, benchbox; print(benchbox.get('executor', 'ray').retries); sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE)


# a cluster


@dataclass
class Machines:
    """A cluster of a head with one core and a second machine with two, which may be lost."""

    cluster: Any
    second: Any = None

    def lose_the_second(self) -> None:
        self.cluster.remove_node(self.second, allow_graceful=False)
        self.second = None


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        ray, me = connection.library(), psutil.Process()
        from ray.cluster_utils import Cluster

        before = set(me.children(recursive=True))
        soon = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
        head = {"num_cpus": 1, "resources": {"slot": 1}, "include_dashboard": False, "_system_config": soon}
        made = Cluster(initialize_head=True, head_node_args=head)
        yield Machines(made)
        ray.shutdown()
        made.shutdown()
        _, left = psutil.wait_procs(set(me.children(recursive=True)) - before, timeout=PATIENCE)
        assert left == []


@pytest.fixture
def machines(cluster: Machines) -> Machines:
    if not cluster.second:
        cluster.second = cluster.cluster.add_node(num_cpus=2, resources={"second": 1, "slot": 1})
    return cluster


@pytest.fixture
def ray(machines: Machines) -> Iterator[Ray]:
    made = Ray(address=machines.cluster.address)
    yield made
    made.shutdown()


def do(executor: Executor, what: str, given: Any = None, **options: Any) -> dict[str, Any]:
    part: ShardResult = executor.submit(Task(what, **options), given).result(PATIENCE)
    return part.report


def test_tasks_end_as_they_do_on_one_machine(machines: Machines, ray: Ray) -> None:
    assert ray.workers == 3
    ticks: list[int] = []
    there = Ray(address=machines.cluster.address, resources="second=0.6", num_cpus=2)
    assert there.workers == 1
    first = do(there, "echo", [1, "two"])
    assert first["said"] == [1, "two"]
    assert do(there, "variable", "OMP_NUM_THREADS") == first | {"said": "2"}, "in the process that is there already"
    assert do(there, "tick", 3, tick=lambda: ticks.append(1)) == first | {"said": None}
    assert sum(ticks) == 3
    assert do(there, "echo", packages="other-package")["pid"] != first["pid"]
    for what, timeout, status, reason in [
        ("leave", None, "failed", "exit status 7"), ("hang", 0.3, "timeout", "longer than 0.3 s"),
    ]:  # fmt: skip
        with pytest.raises(Lost, match=reason) as lost:
            do(there, what, 7, timeout=timeout)
        assert lost.value.status == status
    there.shutdown()
    with pytest.raises(UsageError, match="1 GPU"):
        _ = Ray(address=machines.cluster.address, num_gpus=1).workers


def test_waiting_for_machines(machines: Machines) -> None:
    wait(machines.cluster.address, 2, PATIENCE)
    with pytest.raises(UsageError, match="2 of 3 machines"):
        wait(machines.cluster.address, 3, 0)


def test_an_exclusive_task_has_its_machine_alone(machines: Machines, ray: Ray) -> None:
    there = Ray(address=machines.cluster.address, resources="second=0.01")
    assert there.workers == 2
    futures = [there.submit(Alone("span"), 0.2) for _ in range(3)]
    spans = sorted(future.result(PATIENCE).report["span"] for future in futures)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_task_of_a_machine_that_dies_is_done_elsewhere(machines: Machines, ray: Ray, tmp_path: Path) -> None:
    once = Ray(address=machines.cluster.address, resources="second=0.1", retries=0)
    given_up = once.submit(Task("mark"), str(tmp_path / "mark"))
    until((tmp_path / "mark").exists)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    futures = [ray.submit(Task("meet"), (str(folder), 2)) for folder in folders]
    until(lambda: all(len(list(folder.iterdir())) == 1 for folder in folders))
    pids = [int(next(folder.iterdir()).name) for folder in folders]
    machines.lose_the_second()
    until(lambda: sum(map(psutil.pid_exists, pids)) == 1)
    kept = [psutil.pid_exists(pid) for pid in pids].index(True)
    (folders[kept] / "another").touch()
    said = [future.result(PATIENCE).report for future in futures]
    assert [s["said"] for s in said] == [2, 2]
    assert {s["pid"] for s in said} == {pids[kept]}, "the process that is left has done both"
    with pytest.raises(Lost, match="died, once") as lost:
        given_up.result(PATIENCE)
    assert lost.value.status == "failed"


def test_a_sweep_that_loses_a_machine_has_the_rows_of_one_that_does_not(machines: Machines, tmp_path: Path) -> None:
    ray = Ray(address=machines.cluster.address, resources="slot=1")
    assert ray.workers == 2
    threads = torch.get_num_threads()
    torch.set_num_threads(int(ray.num_cpus))
    try:
        expected = lasting(run_cells(sweep(), store(tmp_path / "here"), Local(), Watcher()))
    finally:
        torch.set_num_threads(threads)
    rows = list[dict[str, Any]]()
    for row in run_cells(sweep(), store(tmp_path / "there"), ray, Watcher()):
        rows.append(row)
        if len(rows) == 2:
            machines.lose_the_second()
    ray.shutdown()
    assert lasting(rows) == expected
    assert {row["executor"] for row in rows} == {"ray"}


def store(directory: Path) -> Store:
    made = Store(directory)
    made.prepare()
    return made


def sweep() -> list[Cell]:
    """Cells of eight shards."""
    request = Request(["heun", "ancestral"], [9, 19, 35], ["gaussian"], n_samples=256, batch_size=16, metrics=["w2"])
    return expand(request)


def lasting(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is not measured of the rows, in an order of its own, without where they were run."""
    kept = [{k: v for k, v in row.items() if k not in {"executor", *MEASURED}} for row in rows]
    assert {row["status"] for row in kept} == {"done"}
    return sorted(kept, key=lambda row: row["cell"])


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
