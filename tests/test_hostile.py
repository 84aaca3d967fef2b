"""Hostile plugins in one sweep with good neighbours: each ends in the right status, and touches nobody else's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import hostile
import pandas as pd
import pytest
import torch
from conftest import Watcher
from sweeping import run_cells

import benchbox
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.executors.local import Local
from benchbox.registry import registry
from benchbox.store.schema import MEASURED
from benchbox.store.store import Store
from benchbox.workers.globals import snapshot
from benchbox.workers.pool import SHARE
from benchbox.workers.process import GIB

TIMEOUT, PATIENCE = 0.5, 600
"""Seconds for the one that never comes back, and for all others, however busy the machine is."""
NEIGHBOURS = ("heun", "good", "ddim", "ancestral", "euler-maruyama", "pc")

ENDS = {
    "segfault": ("failed", "its process was ended by signal 11 (SIGSEGV)"),
    "leaves": ("failed", "its process ended with exit status 0 before it was done"),
    "loops": ("timeout", f"it ran longer than {TIMEOUT} s"),
    "allocates": ("oom", "it used more than 2 GiB of memory"),
    "nan": ("diverged", "samples 0 to 15 are not all finite"),
    "shape": ("failed", "SamplerError: shape yielded torch.float32 (16, 1) for a start of torch.float32 (16, 4)"),
    "dtype": ("failed", "SamplerError: dtype yielded torch.float64 (16, 4) for a start of torch.float32 (16, 4)"),
    "device": ("failed", None),
    "overspends": ("dishonest", "11 evaluations were spent of a budget of 9"),
    "deletes": ("done", None),
    "seeds": ("done", None),
    "doubles": ("done", None),
    "threads": ("done", None),
    "mute": ("done", None),
    "raises-base": ("failed", "Stop: here"),
    "forks": ("done", None),
}
"""Each sampler's status, and how its reason begins; None: whatever it is."""

ORDER = [
    "heun", "segfault", "leaves", "good", "ddim", "allocates", "nan", "shape", "dtype",
    "ancestral", "device", "overspends", "deletes", "euler-maruyama", "seeds", "doubles", "threads", "pc", "mute",
    "raises-base", "forks",
]  # fmt: skip


class Sweep(NamedTuple):
    """What a sweep yielded, by sampler; its directory, and what was said of it."""

    rows: dict[str, dict[str, Any]]
    directory: Path
    problems: list[str]


def run(directory: Path, samplers: list[str], timeout: float = PATIENCE) -> Sweep:
    request = Request(
        samplers, [9], ["gaussian"], metrics=["w2"], n_samples=48, batch_size=16,
        settings=[Setting(name, "where", [str(directory)]) for name in ("overwrites", "deletes") if name in samplers],
    )  # fmt: skip
    store, local = Store(directory), Local()
    store.prepare()
    try:
        rows = list(run_cells(expand(request), store, local, Watcher(), timeout=timeout, count=1))
    finally:
        local.shutdown()
    return Sweep({row["sampler"]: row for row in rows}, directory, store.problems)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sweep, Sweep]]:
    """The sweep of all, and that of the neighbours alone."""
    site = tmp_path_factory.mktemp("site")
    info = site / "hostile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[benchbox]\nhostile = hostile\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("BENCHBOX_PLUGINS", "hostile")
        patch.setattr("benchbox.workers.pool.available", lambda: int(2.0 * GIB / SHARE) + 1)
        registry.cache_clear()
        everyone = tmp_path_factory.mktemp("all")
        endless, others = run(everyone, ["loops"], TIMEOUT), run(everyone, ORDER)
        both = Sweep(endless.rows | others.rows, everyone, endless.problems + others.problems)
        yield both, run(tmp_path_factory.mktemp("alone"), list(NEIGHBOURS))
    registry.cache_clear()


def test_the_package_holds_what_is_asked_for() -> None:
    assert {cls.name for cls in hostile.benchbox_samplers()} == ENDS.keys() | {"good", "overwrites"}
    assert {"loops", *ORDER} == ENDS.keys() | set(NEIGHBOURS)


@pytest.mark.parametrize("name", ENDS)
def test_each_ends_in_the_right_status(both: tuple[Sweep, Sweep], name: str) -> None:
    row, (status, reason) = both[0].rows[name], ENDS[name]
    assert row["status"] == status, row["reason"]
    assert reason is None or row["reason"].startswith(reason)


def test_a_row_that_a_plugin_overwrote_is_named_and_measured_again(both: tuple[Sweep, Sweep], tmp_path: Path) -> None:
    first, samplers = run(tmp_path, ["heun", "overwrites"]), ["heun", "overwrites"]
    store = Store(tmp_path)
    assert store.table()["sampler"].to_pylist() == ["overwrites"]
    assert f"{first.rows['heun']['cell']}.parquet was left out" in store.problems[0]
    again = run(tmp_path, samplers)
    assert again.problems
    rows = [{k: v for k, v in sweep.rows["heun"].items() if k not in MEASURED} for sweep in (both[1], again)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", ["segfault", "loops", "device", "raises-base"])
def test_the_traceback_is_in_a_side_file(both: tuple[Sweep, Sweep], name: str) -> None:
    log = (both[0].directory / f"{both[0].rows[name]['cell']}.log").read_text()
    assert "hostile.py" in log
    assert "strike" in log or name == "device"


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_the_rows_of_the_neighbours_are_those_of_a_sweep_without(both: tuple[Sweep, Sweep], name: str) -> None:
    rows = [{k: v for k, v in sweep.rows[name].items() if k not in MEASURED} for sweep in both]
    assert rows[0]["status"] == "done"
    assert rows[0] == rows[1]


def test_the_files_of_the_neighbours_are_those_of_a_sweep_without(both: tuple[Sweep, Sweep]) -> None:
    frames = [benchbox.load_results(str(sweep.directory)).set_index("sampler") for sweep in both]
    found, wanted = (f.loc[list(NEIGHBOURS)].drop(columns=[*MEASURED & set(f.columns)]) for f in frames)
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_nothing_is_left_beside_rows_statistics_and_logs(both: tuple[Sweep, Sweep]) -> None:
    assert {path.suffix for path in both[0].directory.iterdir()} <= {".parquet", ".safetensors", ".log", ".damaged"}
    assert {path.suffix for path in both[1].directory.iterdir()} <= {".parquet", ".safetensors"}


SETTINGS: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "torch's default dtype": (torch.set_default_dtype, torch.float64, torch.float32),
    "torch's default device": (torch.set_default_device, "meta", None),
    "torch's threads": (torch.set_num_threads, torch.get_num_threads() + 1, torch.get_num_threads()),
    "torch's gradient mode": (torch._C._set_grad_enabled, False, True),
    "torch's deterministic algorithms": (torch.use_deterministic_algorithms, True, False),
    "torch's matmul precision": (torch.set_float32_matmul_precision, "medium", "highest"),
    "torch's TF32": (partial(setattr, torch.backends.cudnn, "allow_tf32"), False, True),
    "torch's cuDNN": (partial(setattr, torch.backends.cudnn, "benchmark"), True, False),
    "torch's oneDNN": (torch.backends.mkldnn.set_flags, False, True),
    "torch's autocast": (partial(torch.set_autocast_enabled, "cpu"), True, False),
    "torch's attention": (torch.backends.cuda.enable_math_sdp, False, True),
    "torch's anomaly detection": (torch.autograd.set_detect_anomaly, True, False),
    "subnormal numbers": (torch.set_flush_denormal, True, False),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_worker_sees_a_setting_of_torch_that_a_sampler_has_changed(what: str) -> None:
    change, value, usual = SETTINGS[what]
    before = snapshot()
    try:
        change(value)
        assert what in {name for name, found in snapshot().items() if found != before[name]}
    finally:
        change(usual)
    assert snapshot() == before
