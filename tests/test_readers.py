"""Whatever lies in a file that a user gives, it is read, or refused in one sentence."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Command
from damage import FEW, damaged, mistyped, read_or_told
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from stored_rows import row
from test_page import BUDGETS, CERTIFICATE, CHECK

from benchbox import get
from benchbox.bench import request as configuration
from benchbox.card import Card, read_card
from benchbox.cli.config import read_config
from benchbox.errors import UsageError
from benchbox.files import array_in, tensors_in, text_in
from benchbox.metrics.reference import read_reference, write_arrays
from benchbox.report.page.evidence import checks_in, picture
from benchbox.store.store import Store

VECTORS = np.random.default_rng(0).standard_normal((20, 3))
STATISTICS = {"mu": VECTORS.mean(0), "sigma": np.cov(VECTORS, rowvar=False)}


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def torch_saved(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


class Halves(torch.nn.Module):
    def forward(self, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return y / 2


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Halves()), file)
    return file.getvalue()


def png() -> bytes:
    from PIL import Image, PngImagePlugin

    said, file = PngImagePlugin.PngInfo(), io.BytesIO()
    said.add_text("Title", "Samples")
    Image.new("L", (4, 4)).save(file, "PNG", pnginfo=said)
    return file.getvalue()


CARD = {
    "name": "mine", "dataset": "d", "licence": "", "shape": [1, 8, 8], "data_range": [-1.0, 1.0],
    "architecture": {"net": "unet", "channels": 1, "widths": [16]}, "prediction": "edm",
    "schedule": {"name": "edm"}, "sigma_data": 0.5, "weights": "mine.safetensors",
}  # fmt: skip

TOML = b"""sampler = ["ddim", "heun"]
nfe = [5, 7]
results = "~/results"
force = true
timeout = 1.5
[set]
ddim.eta = [0.0, 0.5]
"""


def of_reference(path: Path) -> None:
    found = read_reference(path, vectors=True)
    assert found.mu.shape * 2 == found.sigma.shape
    assert np.isfinite(found.mu).all()
    assert np.isfinite(found.sigma).all()


def of_config(path: Path) -> None:
    import typer

    from benchbox.cli.main import app

    run = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    context = run.make_context("run", ["--sampler", "heun"])
    read_config(context, path)
    assert all(isinstance(v, str | list) for v in context.default_map.values())


def of_points(path: Path) -> None:
    assert np.isfinite(get("model", "empirical", data=path).points).all()


def of_script(path: Path) -> None:
    model = get("model", "torchscript", file=path, prediction="eps", schedule="vp", shape="2")
    model.network("cpu")


def of_check(path: Path) -> None:
    assert all(isinstance(found, dict) for found in checks_in([path]))


def of_rows(path: Path) -> None:
    store = Store(path.parent)
    table = store.table()
    assert len(table) == 2 or store.problems
    assert all(problem.isprintable() for problem in store.problems)
    assert None not in table["cell"].to_pylist()


def rows_of_pandas() -> bytes:
    file = io.BytesIO()
    pd.DataFrame([row(1), row(2)]).to_parquet(file)
    return file.getvalue()


CHECKS = json.dumps([CERTIFICATE | {"checks": [CHECK]}, BUDGETS]).encode()

READERS: dict[str, tuple[Callable[[Path], Any], str, bytes]] = {
    "a reference": (of_reference, "r.npz", npz(**STATISTICS, n=20, dataset="d", vectors=VECTORS.astype(np.float32))),
    "features of score_sde": (of_reference, "p.npz", npz(pool_3=VECTORS)),
    "statistics of torch": (of_reference, "r.pt", torch_saved({n: torch.tensor(a) for n, a in STATISTICS.items()})),
    "statistics of EDM2": (of_reference, "r.pkl", pickle.dumps({"fid": STATISTICS}, protocol=4)),
    "a card": (read_card, "c.json", json.dumps(CARD, indent=2).encode()),
    "certificates": (of_check, "c.json", CHECKS),
    "a TOML": (of_config, "c.toml", TOML),
    "numbers": (lambda path: get("model", "gaussian", mean=path).shape, "m.npy", npy(np.arange(4.0))),
    "points": (of_points, "d.npz", npz(x_train=np.zeros((3, 4, 4), np.uint8))),
    "safetensors": (tensors_in, "w.safetensors", save({"a": torch.zeros(3), "b": torch.ones(2, 2)})),
    "TorchScript": (of_script, "n.pt", scripted()),
    "rows": (of_rows, "rows.parquet", rows_of_pandas()),
    "a picture": (picture, "p.png", png()),
}  # fmt: skip


@pytest.mark.parametrize("what", READERS)
def test_a_whole_file_is_read(tmp_path: Path, what: str) -> None:
    read, name, data = READERS[what]
    (tmp_path / name).write_bytes(data)
    read(tmp_path / name)


@pytest.mark.parametrize("what", READERS)
@FEW
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, what: str, data: st.DataObject
) -> None:
    read, name, whole = READERS[what]
    folder = tmp_path_factory.getbasetemp() / what.replace(" ", "-")
    folder.mkdir(exist_ok=True)
    read_or_told(read, folder / name, data.draw(damaged(whole)))


@FEW
@given(values=mistyped(CARD))
def test_a_card_of_wrong_types_is_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, values: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "card.json"
    card = read_or_told(read_card, path, json.dumps(values).encode())
    if card is not None:
        assert all(isinstance(size, int) for size in card.shape)
        assert card.data_range[0] < card.data_range[1]
        model = read_or_told(lambda p: get("model", "card", path=p).schedule, path, json.dumps(values).encode())
        assert model is None or model.name == values["schedule"]["name"]


@FEW
@given(checks=mistyped(json.loads(CHECKS)))
def test_certificates_of_wrong_types_are_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, checks: Any
) -> None:
    read_or_told(of_check, tmp_path_factory.getbasetemp() / "checks.json", json.dumps(checks).encode())


@FEW
@given(data=st.data())
def test_a_damaged_configuration_is_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.getbasetemp() / "configured"
    (directory / "sweeps").mkdir(parents=True, exist_ok=True)
    said = {
        "format": configuration.CONFIGURATION_FORMAT,
        "benchbox": "0.1.0",
        "request": {"samplers": ["heun"]},
        "plugins": {},
    }
    for left in (directory / "sweeps").iterdir():
        left.unlink()
    name = configuration.save_configuration(said, directory)
    path = directory / "sweeps" / f"{name}.json"
    found = read_or_told(
        lambda _: configuration.load_configuration(directory, name), path, data.draw(damaged(path.read_bytes()))
    )
    assert found is None or found == said


# what damage is in words


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not words: it is empty."),
        (b"version https://git-lfs.github.com/spec/v1\n\xff", "it is a git-lfs pointer instead of the file"),
        (b"<!DOCTYPE html>\xff", "it is a web page"),
        (b"\xff\xfe\xff", "is not words: 'utf-16-le' codec can't decode"),
    ],
)
def test_what_lies_in_the_place_of_a_file_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UsageError) as error:
        tensors_in(tmp_path / "f", "words") if b"\xff\xfe" not in content else text_in(tmp_path / "f", "words")
    assert says in str(error.value)


def test_folders_and_missing_files_are_said_to_be_such(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not an array: it is a folder"):
        array_in(tmp_path, "an array")
    with pytest.raises(UsageError, match=r"there is no file .*none\.npy"):
        array_in(tmp_path / "none.npy", "an array")


def test_a_huge_text_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UsageError, match="it has more than 134,217,728 bytes"):
        text_in(tmp_path / "f", "a text")


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_with_a_byte_order_mark_is_read(tmp_path: Path, code: str) -> None:
    (tmp_path / "f").write_text("größe = 1", encoding=code)
    assert text_in(tmp_path / "f", "a text") == "größe = 1"


# references of others


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickled_statistics_are_read_without_running_anything(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "r.pkl").write_bytes(pickle.dumps({"fd_dinov2": {}, "fid": STATISTICS}, protocol=protocol))
    found = read_reference(tmp_path / "r.pkl")
    assert np.array_equal(found.mu, STATISTICS["mu"])
    assert np.array_equal(found.sigma, STATISTICS["sigma"])


@pytest.mark.parametrize("kind", [torch.tensor, np.asarray])
def test_statistics_that_torch_saved_are_read(tmp_path: Path, kind: Callable[[Any], Any]) -> None:
    (tmp_path / "r.pt").write_bytes(torch_saved({name: kind(value) for name, value in STATISTICS.items()}))
    found = read_reference(tmp_path / "r.pt")
    assert np.array_equal(found.mu, STATISTICS["mu"])
    assert np.array_equal(found.sigma, STATISTICS["sigma"])


def test_pool_3_features_become_a_reference_with_features(benchbox: Command, tmp_path: Path) -> None:
    (tmp_path / "stats.npz").write_bytes(npz(pool_3=VECTORS.astype(np.float32), logits=np.zeros(3)))
    done = benchbox("reference", "import", "stats.npz", "-o", "ours.npz", "--dataset", "cifar10")
    assert done.status == 0, done.err
    found = read_reference(tmp_path / "ours.npz", vectors=True)
    assert found.n == 20
    assert np.allclose(found.sigma, STATISTICS["sigma"], atol=1e-6)
    assert found.vectors is not None
    assert np.array_equal(found.vectors, VECTORS.astype(np.float32))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"mu": [0.0, np.nan], "sigma": np.eye(2)}, "its mu has values that are not finite"),
        ({"mu": [0.0, 0.0], "sigma": [[1.0, np.inf], [0.0, 1.0]]}, "its sigma has values that are not finite"),
        ({"mu": [0.0, 0.0], "sigma": [[1.0, 0.5], [0.0, 1.0]]}, "its sigma is not symmetric"),
        ({"mu": [0.0, 0.0], "sigma": [[-1.0, 0.0], [0.0, 1.0]]}, "its sigma has a variance below 0"),
        ({"mu": [0.0, 0.0], "sigma": np.eye(2), "vectors": np.zeros((2, 3))}, r"its vectors have shape \(2, 3\)"),
        ({"mu": ["a"], "sigma": [["b"]]}, "its mu is of <U1"),
    ],
)
def test_what_is_no_mean_and_covariance_is_refused(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    write_arrays(tmp_path / "r.npz", arrays)
    with pytest.raises(UsageError, match=says):
        read_reference(tmp_path / "r.npz", vectors=True)


def test_a_card_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for wrong, says in (
        ({"shape": "28x28"}, 'its shape is "28x28", which is not list[int]'),
        ({"data_range": [1, -1]}, "its data_range is [1, -1], where [low, high] is needed"),
        ({"prediction": "epsilon"}, "its prediction is 'epsilon', where one of eps, x0"),
        ({"schedule": {}}, "its schedule has no name"),
        ({"format": 9}, "its format 9 is newer than this benchbox's 2"),
    ):
        path.write_text(json.dumps(CARD | wrong))
        with pytest.raises(UsageError) as error:
            read_card(path)
        assert says in str(error.value)
    Card(**CARD).write(path)  # type: ignore[arg-type]
    assert read_card(path) == Card(**CARD)  # type: ignore[arg-type]
