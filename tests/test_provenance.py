"""What a row says of the machine and of the packages, and whether its times are those of a machine at rest."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Install

from benchbox.bench import hardware, meter, provenance
from benchbox.bench.meter import Meter
from benchbox.store import leases
from benchbox.store.leases import exclusive

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    caches = (provenance._version, provenance.git_state, provenance.driver)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one commit, with a package in a folder of it."""
    folder = tmp_path / "my repository" / "package"
    folder.mkdir(parents=True)
    (folder / "code.py").write_text("x = 1\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-qm", "first")
    return folder


def origin(distribution: str, said: object) -> None:
    """Say where an installed package came from."""
    (info,) = (found for p in sys.path if (found := Path(p) / f"{distribution}-1.0.dist-info").is_dir())
    (info / "direct_url.json").write_text(said if isinstance(said, str) else json.dumps(said))


def version(name: str) -> str:
    return str(json.loads(provenance.package_versions([name]))[name])


def test_an_editable_install_is_traced_to_its_commit_and_to_its_changes(installed: Install, checkout: Path) -> None:
    installed("mine", "never_imported", "raise RuntimeError")
    origin("mine", {"url": checkout.as_uri(), "dir_info": {"editable": True}})
    commit = git(checkout, "rev-parse", "--short", "HEAD")
    (checkout.parent / "elsewhere.txt").write_text("not in the package")
    assert version("mine") == f"1.0 (git {commit})"
    (checkout / "code.py").write_text("x = 2\n")
    assert version("mine") == f"1.0 (git {commit})"  # once in a process: what it has loaded does not change
    provenance._version.cache_clear()
    provenance.git_state.cache_clear()
    assert version("mine") == f"1.0 (git {commit}+)"
    assert "never_imported" not in sys.modules


def test_of_benchbox_itself_the_code_that_is_loaded_counts(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    monkeypatch.setattr(provenance, "OWN_CODE", checkout)
    commit = git(checkout, "rev-parse", "--short", "HEAD")
    assert version("benchbox-diffusion").endswith(f" (git {commit})")
    assert provenance.machine("cpu")["git"] == commit


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef"}}, "1.0 (git 0123456789ab)"),  # noqa: E501
        ({"url": "file:///nowhere", "dir_info": {"editable": True}}, "1.0"),
        ({"url": "file:///", "dir_info": {}}, "1.0"),
        ({"dir_info": {"editable": True}}, "1.0"),
        ([], "1.0"),
        ("{", "1.0"),
        ({"dir_info": None}, "1.0"),
    ],
)  # fmt: skip
def test_an_install_that_is_not_editable_has_its_version(installed: Install, said: object, expected: str) -> None:
    installed("mine", "never_imported", "")
    origin("mine", said)
    assert version("mine") == expected


def test_every_row_names_what_always_takes_part() -> None:
    said = json.loads(provenance.package_versions(["no-such-package"]))
    assert said["torch"] == torch.__version__.partition("+")[0]
    assert said["no-such-package"] == "not installed"
    assert {"benchbox-diffusion", "numpy", "torchdiffeq", "torch-fidelity"} < said.keys()


def test_a_folder_that_git_ignores_has_no_commit(checkout: Path) -> None:
    (checkout.parent / ".gitignore").write_text("venv\n")
    (checkout.parent / "venv").mkdir()
    (checkout.parent / "venv" / "file.py").write_text("")
    assert provenance.git_state(checkout.parent / "venv") is None


def test_flags_are_those_of_the_moment() -> None:
    before = json.loads(provenance.machine("cpu")["flags"])
    assert before["deterministic_algorithms"] is False
    torch.use_deterministic_algorithms(True)
    try:
        assert json.loads(provenance.machine("cpu")["flags"]) == before | {"deterministic_algorithms": True}
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_machine_of_a_cpu_has_no_driver() -> None:
    said = provenance.machine("cpu")
    assert said["driver"] is None
    assert said["cuda"] is None
    assert said["threads"] == torch.get_num_threads()


def test_the_driver_is_asked_of_nvml_else_of_its_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvml = SimpleNamespace(nvmlInit=lambda: None, nvmlSystemGetDriverVersion=lambda: b"580.1")
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert provenance.driver() == "580.1"
    provenance.driver.cache_clear()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.driver() is None
    provenance.driver.cache_clear()
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 570.2\necho 570.2\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert provenance.driver() == "570.2"


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The clocks of a machine of 4 cores: seconds that pass, and CPU seconds of all, of this process, of children."""
    now = {"time": 100.0, "busy": 50.0, "own": 5.0, "children": 0.0}
    monkeypatch.setattr(meter, "time", SimpleNamespace(perf_counter=lambda: now["time"]))
    for name in ("busy", "own", "children"):
        monkeypatch.setattr(meter, f"{name}_seconds", lambda name=name: now[name])
    monkeypatch.setattr(meter, "usable_cores", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(meter, "BUSY_SHARE", 0.1)
    return now


@pytest.mark.parametrize(
    ("passed", "busy", "own", "children", "cores", "shared"),
    [
        (10, 10, 10, 0, 0.0, False),
        (10, 13, 10, 0, 0.3, False),
        (10, 15, 10, 0, 0.5, True),  # more than a tenth of 4 cores
        (10, 15, 10, 5, 0.0, False),  # a plugin's own helpers
        (10, 50, 10, 5, 3.5, True),
        (0.1, 0.2, 0.1, 0, 1.0, False),  # too short for the clocks
        (10, 9, 10, 0, 0.0, False),
    ],
)
def test_a_timing_is_of_a_shared_machine_where_others_take_a_tenth_of_it(
    clocks: dict[str, float], passed: float, busy: float, own: float, children: float, cores: float, shared: bool
) -> None:
    made = Meter(CPU)
    clocks.update(time=100 + passed, busy=50 + busy, own=5 + own, children=children)
    passed, taken = made.contention.seconds()
    assert taken / passed == pytest.approx(cores)
    assert made.contention.detected is shared


def test_the_work_of_another_process_is_seen_and_ones_own_is_not() -> None:
    start, used = meter.Contention(CPU), time.process_time()
    before = meter.busy_seconds(), meter.own_seconds()
    while time.process_time() - used < 0.3:
        pass
    mine = meter.own_seconds() - before[1]
    assert mine > 0.25
    assert meter.busy_seconds() - before[0] >= mine - 0.1  # it is within the machine's
    code = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass\nprint(flush=True); input()"
    helper = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert helper.stdout is not None
    helper.stdout.readline()
    assert meter.children_seconds() > 0.25
    seconds = start.seconds()[1]
    helper.communicate("\n")
    # once ended it is counted by `own`: the same result, but for what others did meanwhile
    assert meter.children_seconds() < 0.25
    assert start.seconds()[1] >= seconds - 0.15


def test_others_on_the_gpu_make_it_shared(monkeypatch: pytest.MonkeyPatch, clocks: dict[str, float]) -> None:
    running = [1]
    monkeypatch.setattr(hardware, "nvml_handle", lambda device: "handle")
    library = SimpleNamespace(
        nvmlDeviceGetComputeRunningProcesses=lambda _: running * running[0], NVMLError=RuntimeError
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    watch = meter.Contention(torch.device("cuda"))
    assert not watch.detected
    running[0] = 2
    assert watch.detected
    running[0] = 1
    assert watch.detected  # another process was there meanwhile


def test_who_asks_for_a_device_alone_waits_for_the_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path))
    told: list[str] = []

    def second() -> None:
        with exclusive("cpu"):
            told.append("second")

    thread = threading.Thread(target=second)
    with exclusive("cpu"):
        thread.start()
        time.sleep(0.2)
        told.append("first")
    thread.join()
    assert told == ["first", "second"]


def test_no_energy_and_no_processes_where_there_is_no_gpu() -> None:
    missing: list[Any] = [hardware.energy_counter(CPU), hardware.gpu_processes(CPU), hardware.nvml_handle(CPU)]
    assert missing == [None, None, None]


def test_a_gpu_that_torch_finds_is_never_missed_by_the_question_asked_without_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert hardware.may_find_gpu() or not torch.cuda.is_available()
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda name: None)  # a driver
    monkeypatch.setattr(hardware.runpy, "run_path", lambda path: {"cuda": "13.2", "hip": None})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.usable("auto") == "cuda"
