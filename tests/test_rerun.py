"""Rows and stored configurations give back what they were made from, and are trusted in nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbox.bench import request as configuration
from benchbox.bench.cell import Cell
from benchbox.bench.external_code import loads
from benchbox.bench.rerun import differing_columns, find_row, obstacles, rebuild
from benchbox.bench.row import initial_row, missing_metrics
from benchbox.bench.settings import Setting, parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.errors import UsageError
from benchbox.registry import registry
from benchbox.store import schema
from benchbox.store.store import Store


def cell(*settings_: str, samplers: tuple[str, ...] = ("heun",), **request: Any) -> Cell:
    asked = {"nfe": [9], "models": ["gaussian"], "n_samples": 40, "batch_size": 16, "device": "cpu"} | request
    (made,) = expand(Request(samplers, **asked, settings=parse_settings(settings_)))
    return made


def row_of(made: Cell, **values: Any) -> dict[str, Any]:
    """The cell's row, before it is run, as it is read from a file."""
    row: dict[str, Any] = schema.table(
        initial_row(made, missing_metrics(made.metrics, made.model)) | values
    ).to_pylist()[0]
    return row


CELLS: list[Callable[[], Cell]] = [
    lambda: cell("s_churn=40", "s_max=inf", seeds=[2**62]),
    lambda: cell("predictor=heun", "pc.corrector_steps=2", samplers=("pc",), nfe=[50]),
    lambda: cell("method=dopri5", "rtol=1e-3", samplers=("ode",)),
    lambda: cell("frame=vp", samplers=("euler-maruyama",), schedules=["cosine"], grids=["leading"]),
    lambda: cell("eta=0.5", samplers=("ddim",), dtype="float64", final="none", noise_block=8, nfe_policy="exact"),
    lambda: cell("rho=3", "ve.sigma_max=50", schedules=["ve"], metrics=["sw2", "w2"]),
    lambda: cell("projections=8", "mixture.stds=1:2:3:4", models=["mixture"], metrics=["sw2"]),
    lambda: cell("gaussian.mean=1:2", "gaussian.eigenvalues=3:4", samplers=("annealed-langevin",), nfe=[20]),
    lambda: cell(nfe=[18], nfe_policy="skip"),
    lambda: cell(models=["mnist-ddpm"], samplers=("ancestral",), metrics=[]),
]


@pytest.mark.parametrize("make", CELLS)
def test_a_row_gives_back_its_cell(make: Callable[[], Cell]) -> None:
    made = make()
    row = row_of(made)
    again = rebuild(row)
    assert again.id == made.id
    assert set(again.metrics) == set(made.metrics)
    assert row_of(again) | {"started_at": ""} == row | {"started_at": ""}
    assert obstacles(row, again) == []
    assert loads(row) == []


@pytest.mark.parametrize("kind", ["schedule", "grid"])
def test_so_does_one_with_any_built_in(kind: str) -> None:
    for name in set(registry().names(kind)) - {"file"}:  # needs a file
        made = cell(**{f"{kind}s": [name]}, nfe=[5])
        assert rebuild(row_of(made)).id == made.id


def test_a_row_of_the_first_schema_had_blocks_of_16() -> None:
    made = cell()
    old = {name: None if name in schema.LATER else value for name, value in row_of(made).items()}
    assert rebuild(old).id == made.id
    assert differing_columns(old, row_of(made)) == []
    assert differing_columns(old | {"nfe": 9.0}, row_of(made, nfe=8.0)) == ["nfe"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("sampler_version", "0.0.1", "the sampler's package has another version"),
        ("benchbox", "0.0.1", "this is another version of benchbox"),
        ("model_sha256", "0" * 64, "the weights have changed"),
        ("device", "a GPU", "it was measured on another device"),
        ("steps", 77, "the sampler spends its budget on another number of steps"),
        ("contract", 0, "this benchbox has another contract"),
    ],
)
def test_why_a_cell_is_not_that_of_the_row(column: str, value: object, said: str) -> None:
    row = row_of(cell()) | {"cell": "0" * 16, column: value}
    (line,) = obstacles(row, rebuild(row))
    assert line.startswith(f"{column} was {value} and is ")
    assert said in line


def test_what_the_identity_does_not_tell_the_packages_may() -> None:
    row = row_of(cell()) | {"cell": "0" * 16}
    assert obstacles(row, rebuild(row)) == [
        "the row does not record what differs: the version of a plugin's package, or the contents of a file"
    ]
    (line,) = obstacles(row | {"packages": '{"benchbox-diffusion": "0.0.1 (git 12345)"}'}, rebuild(row))
    assert line.startswith("package benchbox-diffusion was 0.0.1 (git 12345) and is ")


CODE = """
from pathlib import Path
Path("executed").touch()
shape, schedule = (4,), "edm"
def network(y, t):
    return 0 * y
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trojan.py").write_text(CODE)
    (tmp_path / "net.pt").touch()
    np.savez(tmp_path / "x.npz", x=np.zeros(4))
    np.save(tmp_path / "mean", np.zeros(4))
    return tmp_path


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"model": "py:trojan:network", "model_options": '{"function": "trojan:network"}'}, "function=trojan:network"),
        ({"model": "torchscript:net", "model_options": '{"file": "net.pt"}'}, "file=net.pt"),
        ({"model": "mine", "model_options": '{"path": "models/mine.json"}'}, "path=models/mine.json"),
        ({"model": "gaussian", "model_options": '{"mean": "mean"}'}, "mean=mean"),
        ({"metric_options": '{"fid": {"reference": "x.npz"}}'}, "reference=x.npz"),
        ({"sampler_options": '{"frame": {"name": "vp", "file": "/etc/passwd"}}'}, "file=/etc/passwd"),
        ({"schedule_options": '{"files": [["a/b"]]}'}, "files=a/b"),
    ],
)
def test_what_names_code_or_files_is_not_loaded_at_the_rows_word(
    folder: Path, benchbox: Command, columns: dict[str, str], named: str
) -> None:
    store = Store(Path("results"))
    store.prepare()
    row = row_of(cell()) | columns
    store.put(row)
    assert named in "; ".join(loads(row))
    said = benchbox("rerun", row["cell"][:8])
    assert said.status == 2
    assert "--trust" in said.sentence
    assert named in said.sentence
    assert not Path("executed").exists()


def test_with_trust_it_is(folder: Path, benchbox: Command) -> None:
    options = ("--set", "py.shape=4", "--set", "py.prediction=x0", "--set", "py.schedule=edm")
    run = ("run", "--sampler", "heun", "--nfe", "3", "--samples", "20", "--device", "cpu")
    done = benchbox(*run, "--model", "py:trojan:network", *options)
    assert done.status == 0, done.err
    (path,) = Path("results").glob("*.parquet")
    assert benchbox("rerun", path.stem[:5]).status == 2
    again = benchbox("rerun", path.stem[:5], "--trust")
    assert again.status == 0, again.err
    assert "Reproduced" in again.out


def ran(benchbox: Command, *more: str) -> Path:
    done = benchbox("run", "--sampler", "ddim", "--nfe", "5", "--model", "gaussian", "--samples", 40, "--device", "cpu",
                    *more)  # fmt: skip
    assert done.status == 0, done.err
    (path,) = Path("results").glob("*.parquet")
    return path


def test_a_rerun_repeats_and_says_so(benchbox: Command) -> None:
    path = ran(benchbox, "--set", "eta=0.5", "--noise-block", "8", "--seed", "3")
    before = pq.read_table(path).to_pylist()[0]
    again = benchbox("rerun", path.stem[:6])
    assert again.status == 0, again.err
    assert "Reproduced" in again.out
    assert "ddim eta=0.5" in again.err  # what will run is shown
    after = pq.read_table(path).to_pylist()[0]
    assert differing_columns(before, after) == []
    assert after["command"] == f"benchbox rerun {path.stem[:6]}"
    assert sorted(Path("results").glob("*.parquet")) == [path]


def test_what_does_not_repeat_is_named(benchbox: Command) -> None:
    path = ran(benchbox)
    row = pq.read_table(path).to_pylist()[0]
    Store(Path("results")).put(row | {"w2": row["w2"] + 1, "torch": "1.0"})
    again = benchbox("rerun", path.stem)
    assert again.status == 1
    assert f"differs: w2: {row['w2'] + 1} → {row['w2']}" in again.out
    assert "environment differs: torch: 1.0 → " in again.out
    assert pq.read_table(path).to_pylist()[0]["w2"] == row["w2"]


def test_a_rerun_that_fails_leaves_the_row(benchbox: Command) -> None:
    path = ran(benchbox)
    before = pq.read_table(path).to_pylist()[0]
    again = benchbox("rerun", path.stem, "--timeout", "0")
    assert again.status == 1
    assert "this run ended as timeout; the stored row is unchanged" in again.err
    assert pq.read_table(path).to_pylist()[0] == before


def test_what_cannot_be_run_as_it_was_is_run_only_anyway(benchbox: Command) -> None:
    path = ran(benchbox)
    row = pq.read_table(path).to_pylist()[0] | {"cell": "a" * 16, "device": "a GPU"}
    Store(Path("results")).put(row)
    path.unlink()
    again = benchbox("rerun", "aaaa")
    assert again.status == 2
    assert "device was a GPU and is " in again.sentence
    anyway = benchbox("rerun", "aaaa", "--anyway")
    assert "this is not the cell of the row" in anyway.err
    assert {file.stem for file in Path("results").glob("*.parquet")} == {"a" * 16, path.stem}


def test_a_row_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    store, one = Store(tmp_path), row_of(cell())
    for name in ("1234" + "0" * 12, "1235" + "0" * 12):
        store.put(one | {"cell": name})
    published = schema.table(one | {"cell": "9" * 16})
    pq.write_table(published, tmp_path / "published.parquet")
    assert find_row(store, "1234")["cell"] == "1234" + "0" * 12
    assert find_row(store, "9" * 16)["cell"] == "9" * 16
    for text, said in (
        ("123", "2 cells"),
        ("77", "no row"),
        ("../x", "not the id of a cell"),
        ("", "not the id of a cell"),
    ):
        with pytest.raises(UsageError, match=said):
            find_row(store, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
READ = ("sampler", "sampler_options", "model", "model_options", "schedule", "schedule_options", "grid", "grid_options",
        "metric_options", "packages", "dtype", "final", "nfe_policy", "noise_device", "guidance", "cuda")  # fmt: skip
NUMBERS = ("seed", "n_samples", "batch_size", "noise_block", "nfe_requested")


@settings(max_examples=150, deadline=None)
@given(
    texts=st.dictionaries(st.sampled_from(READ), st.none() | st.text(max_size=8) | JSON.map(json.dumps), max_size=3),
    numbers=st.dictionaries(st.sampled_from(NUMBERS), st.none() | st.integers(-(2**63), 2**63 - 1), max_size=2),
)
def test_any_row_is_rebuilt_or_refused(texts: dict[str, Any], numbers: dict[str, Any]) -> None:
    row = row_of(cell()) | texts | numbers
    with suppress(UsageError):
        loads(row)
        obstacles(row, rebuild(row))


REQUEST = Request(
    ["heun", "pc"], [9, 30], ["gaussian"], grids=["karras"], n_samples=50, seeds=[0, 5], noise_block=8,
    settings=parse_settings(["rho=3,7", "pc.predictor=heun", "gaussian.eigenvalues=1:2:3:4"]),
)  # fmt: skip


def test_a_stored_configuration_gives_back_the_request(tmp_path: Path) -> None:
    cells = expand(REQUEST)
    made = configuration.resolved(REQUEST, cells)
    name = configuration.save_configuration(made, tmp_path)
    assert configuration.save_configuration(made, tmp_path) == name
    assert [p.name for p in (tmp_path / "sweeps").iterdir()] == [f"{name}.json"]
    read = configuration.load_configuration(tmp_path, name)
    assert read == made
    asked = dict(read["request"])
    made_of = [Setting(s["prefix"], s["option"], s["values"]) for s in asked.pop("settings")]
    assert [c.id for c in expand(Request(**asked, settings=made_of))] == [c.id for c in cells]
    assert [grid["rho"] for grid in read["plugins"]["grids"]] == [3, 7]
    assert read["plugins"]["metrics"]  # the model's own, though none was asked for
    assert "command" not in read["request"]


def test_other_settings_are_another_configuration(tmp_path: Path) -> None:
    other = Request(["heun"], [9], ["gaussian"])
    assert configuration.save_configuration(
        configuration.resolved(other, expand(other)), tmp_path
    ) != configuration.save_configuration(configuration.resolved(REQUEST, expand(REQUEST)), tmp_path)


@pytest.mark.parametrize("damage", [lambda text: text.replace("50", "60"), lambda text: text[:-9], lambda text: "[]"])
def test_a_configuration_that_was_changed_is_refused(tmp_path: Path, damage: Any) -> None:
    name = configuration.save_configuration(configuration.resolved(REQUEST, expand(REQUEST)), tmp_path)
    path = tmp_path / "sweeps" / f"{name}.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(UsageError, match=name):
        configuration.load_configuration(tmp_path, name)


@pytest.mark.parametrize("name", ["../x", "0" * 16, "", "A" * 16, "0" * 15 + "/"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UsageError):
        configuration.load_configuration(tmp_path, name)
