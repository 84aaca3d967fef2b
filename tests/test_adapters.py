"""Networks of other people: TorchScript files, code in the current folder, cards; and what the page about them says."""

from __future__ import annotations

import importlib
import json
import pickle
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command
from safetensors.torch import save_file
from torch import Tensor, nn

import benchbox
from benchbox.acceleration import PLAIN
from benchbox.bench.cell import Cell
from benchbox.bench.run import make_samples
from benchbox.bench.settings import parse_settings
from benchbox.bench.sweep import Request, expand
from benchbox.card import Card, sha256
from benchbox.denoiser import loaded_denoiser as loaded
from benchbox.models.importing import current_folder
from benchbox.models.opened import opened_files, users_files
from benchbox.prediction import edm_coefficients
from benchbox.registry import registry

PAGE = (Path(__file__).parents[1] / "docs" / "your-model.md").read_text()
VARIANCE = 4.0
"""Of the data, N(0, 4 I): the networks below are exact."""

SHAPE = "--set shape=3"
SIGMA = "--set prediction=x0 --set time=sigma"


class Denoiser(nn.Module):
    """D(x, σ)."""

    def __init__(self) -> None:
        super().__init__()
        self.variance = nn.Parameter(torch.tensor(VARIANCE))

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x * (self.variance / (self.variance + sigma[:, None] ** 2))


class Epsilon(nn.Module):
    """ε of y at step k of the ddpm schedule, from t = k − 1."""

    def __init__(self) -> None:
        super().__init__()
        log_sigmas = benchbox.get("schedule", "ddpm").log_sigmas
        self.register_buffer("sigmas", torch.as_tensor(np.exp(log_sigmas), dtype=torch.float32))

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        sigma = self.sigmas[t][:, None]
        return y * (1 + sigma**2).sqrt() * sigma / (VARIANCE + sigma**2)


class Preconditioned(nn.Module):
    """F of EDM with σ_data = 0.5, from c_noise = ¼ ln σ."""

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        sigma = (4 * t).exp()[:, None]
        c_skip, c_out, c_in = edm_coefficients(sigma, 0.5)
        x = y / c_in
        return (x * (VARIANCE / (VARIANCE + sigma**2)) - c_skip * x) / c_out


class Labelled(nn.Module):
    """D is the label, whatever x."""

    def forward(self, x: Tensor, sigma: Tensor, label: Tensor) -> Tensor:
        return 0 * x + label[:, None]


NETWORKS = [
    (Denoiser, torch.ones(2), "--set prediction=x0 --set time=sigma", "edm"),
    (Epsilon, torch.ones(2, dtype=torch.int64), "--set prediction=eps --set schedule=ddpm", "ddpm"),
    (Preconditioned, torch.ones(2), "--set prediction=edm --set sigma_data=0.5", "edm"),
]


def save(module: nn.Module, path: Path, *arguments: Tensor) -> None:
    """As TorchScript, traced."""
    with pytest.warns(FutureWarning):
        torch.jit.save(torch.jit.trace(module, (torch.ones(2, 3), *arguments)), path)


def cell(model: str, options: str = "", **request: Any) -> Cell:
    settings = parse_settings(options.replace("--set ", "").split())
    defaults: dict[str, Any] = {"samplers": ["ddim"], "nfe": [9], "n_samples": 8, "metrics": []}
    (found,) = expand(Request(models=[model], settings=settings, **defaults | request))
    return found


def exact(schedule: str, grid: str, **request: Any) -> Tensor:
    options = f"--set mean=0 --set eigenvalues={VARIANCE}:{VARIANCE}:{VARIANCE}"
    return make_samples(cell("gaussian", options, schedules=[schedule], grids=[grid], **request))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, empty; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).startswith(str(tmp_path))]:
        del sys.modules[name]


# they compute what the network says


@pytest.mark.parametrize(("network", "t", "options", "schedule"), NETWORKS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_torchscript_network_of_each_kind_samples_its_law(
    here: Path, network: type[nn.Module], t: Tensor, options: str, schedule: str
) -> None:
    save(network(), here / "net.pt", t)
    chosen = cell("torchscript:net.pt", f"{options} {SHAPE}")
    grid = "trailing" if schedule == "ddpm" else "karras"
    assert (chosen.schedule.name, chosen.grid.name) == (schedule, grid)
    assert torch.allclose(make_samples(chosen), exact(schedule, grid), rtol=1e-4, atol=1e-4)


def test_a_network_computes_in_the_type_that_the_run_asks_for(here: Path) -> None:
    save(Denoiser(), here / "net.pt", torch.ones(2))
    found = make_samples(cell("torchscript:net.pt", f"{SIGMA} {SHAPE}", dtype="float64"))
    assert found.dtype == torch.float64
    assert torch.allclose(found, exact("edm", "karras", dtype="float64"), rtol=1e-12, atol=1e-12)


def test_classes_are_made_in_turn(here: Path) -> None:
    save(Labelled(), here / "net.pt", torch.ones(2), torch.ones(2, dtype=torch.int64))
    found = make_samples(cell("torchscript:net.pt", f"{SIGMA} {SHAPE} --set classes=3", batch_size=5))
    assert found[:, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


CODE = """
from dataclasses import dataclass
import torch
import benchbox
from benchbox import Model
from helper_of_mine import VARIANCE

def network(y, t):
    return y * (VARIANCE / (VARIANCE + t[:, None] ** 2))

def make(device):
    from late_helper_of_mine import chosen
    return chosen(network)

@dataclass(frozen=True)
class Own(Model):
    name = "own"
    metrics = ()

    @property
    def shape(self):
        return (3,)

    @property
    def schedule(self):
        return benchbox.get("schedule", "edm")

    @property
    def grid(self):
        return "karras"

    def denoiser(self, device):
        return lambda x, sigma: x * (VARIANCE / (VARIANCE + sigma**2))

def raises(device):
    raise KeyError("weights")

def nothing(device):
    return None

def narrow(y, t):
    return y[:, :1]

def fails(y, t):
    return y.view(7)

def pair(y, t):
    return y, t

def lonely():
    return network

def energy(x, sigma):
    x.requires_grad_()
    e = (x**2).sum(1) / (VARIANCE + sigma**2) / 2
    return x - sigma[:, None] ** 2 * torch.autograd.grad(e.sum(), x)[0]

class Energy(Own):
    name = "energy"

    def denoiser(self, device):
        return lambda x, sigma: energy(x, torch.full((len(x),), sigma))

class SaidEnergy(Energy):
    needs_grad = True

number = 5
"""


@pytest.fixture
def code(here: Path) -> Path:
    (here / "code_of_mine.py").write_text(CODE)
    (here / "helper_of_mine.py").write_text(f"VARIANCE = {VARIANCE}\n")
    (here / "late_helper_of_mine.py").write_text("def chosen(network):\n    return network\n")
    return here


@pytest.mark.parametrize(
    ("function", "options"), [("network", f"{SIGMA} {SHAPE}"), ("make", f"{SIGMA} {SHAPE}"), ("Own", "")]
)
def test_code_of_each_form_samples_its_law(code: Path, function: str, options: str) -> None:
    before = list(sys.path)
    found = make_samples(cell(f"py:code_of_mine:{function}", options))
    assert torch.allclose(found, exact("edm", "karras"), rtol=1e-4, atol=1e-4)
    assert sys.path == before


def test_a_model_made_of_code_travels_to_another_process(code: Path) -> None:
    model = cell("py:code_of_mine:Own").model
    again = pickle.loads(pickle.dumps(model))
    assert (again, again.shape, again.sha256) == (model, (3,), model.sha256)


@pytest.mark.parametrize(
    ("function", "options"), [("energy", f"{SIGMA} {SHAPE} --set needs_grad=true"), ("SaidEnergy", "")]
)
def test_a_model_that_says_so_may_take_gradients(code: Path, function: str, options: str) -> None:
    """An energy model, D = x − σ² ∇E: under a plain sampler, and under one that takes gradients itself."""
    chosen = cell(f"py:code_of_mine:{function}", options)
    assert torch.allclose(make_samples(chosen), exact("edm", "karras"), rtol=1e-4, atol=1e-4)
    denoise = loaded(chosen.model, "cpu", "float32", PLAIN)
    x = torch.randn(4, 3)
    for mode in (torch.inference_mode(), torch.no_grad()):
        with mode:
            mine = x.clone()
            d = denoise(mine, 2.0)
        assert (d.requires_grad, mine.requires_grad) == (False, False)
        torch.testing.assert_close(d, x * VARIANCE / (VARIANCE + 4))


@pytest.mark.parametrize(("function", "options"), [("energy", f"{SIGMA} {SHAPE}"), ("Energy", "")])
def test_a_model_that_does_not_say_so_is_told_what_to_say(
    code: Path, benchbox: Command, function: str, options: str
) -> None:
    arguments = ["--nfe", "3", "--samples", "4", "--model", f"py:code_of_mine:{function}", *options.split()]
    done = benchbox("run", "--sampler", "ddim", *arguments)
    words = f"model py:code_of_mine:{function} takes gradients inside: its Model must say needs_grad = True"
    assert words in " ".join((done.out + done.err).split())
    assert "Traceback" not in done.out + done.err


# rows say what ran


def test_rows_name_the_file_and_its_contents(here: Path, benchbox: Command) -> None:
    save(Denoiser(), here / "net.pt", torch.ones(2))
    arguments = ["run", "--sampler", "heun", "--nfe", "3", "--samples", "4", *f"{SIGMA} {SHAPE}".split()]
    done = benchbox(*arguments, "--model", "torchscript:net.pt")
    assert done.status == 0, done.err
    assert "model torchscript:net dataset=net file=net.pt prediction=x0 schedule=edm shape=3 time=sigma" in " ".join(
        done.out.split()
    )
    (row,) = rows()
    assert (row["model"], row["dataset"]) == ("torchscript:net", "net")
    assert row["model_sha256"] == sha256(here / "net.pt")
    assert json.loads(row["model_options"])["schedule"] == {"name": "edm", "sigma_min": 0.002, "sigma_max": 80.0}
    save(Preconditioned(), here / "net.pt", torch.ones(2))
    assert "nothing to do" not in benchbox(*arguments, "--model", "torchscript:net.pt").out
    assert len({row["stream"] for row in rows()}) == 2


def rows() -> list[dict[str, Any]]:
    return list(benchbox.load_results("results").to_dict("records"))


def test_code_that_was_edited_is_other_code(code: Path) -> None:
    first = cell("py:code_of_mine:network", f"{SIGMA} {SHAPE}")
    assert first.identity["model"] == "py:code_of_mine:network"
    (code / "code_of_mine.py").write_text(CODE + "\n")
    assert cell("py:code_of_mine:network", f"{SIGMA} {SHAPE}").stream != first.stream
    (code / "code_of_mine.py").write_text(CODE)
    assert cell("py:code_of_mine:network", f"{SIGMA} {SHAPE}").stream == first.stream
    (code / "helper_of_mine.py").write_text(f"VARIANCE = 2 * {VARIANCE}\n")
    assert cell("py:code_of_mine:network", f"{SIGMA} {SHAPE}").stream != first.stream


READERS = """
import numpy, safetensors.torch, torch
from pathlib import Path
from dataclasses import dataclass
from code_of_mine import Own

def scaled(w):
    return lambda x, sigma: x * float(w) / (float(w) + sigma[:, None] ** 2)

def of_torch(device):
    return scaled(torch.load("w", map_location=device))

def of_mapped(device):
    return scaled(torch.load("w", mmap=True))

def of_safetensors(device):
    return scaled(safetensors.torch.load_file("w")["w"])

def of_safe_open(device):
    with safetensors.safe_open("w", "pt") as file:
        return scaled(file.get_tensor("w"))

def of_jit(device):
    return torch.jit.load("w", map_location=device)

def of_numpy(device):
    return scaled(numpy.load(Path("w"))["w"])

def of_text(device):
    return scaled(Path("w").read_text())

@dataclass(frozen=True)
class OfModel(Own):
    def denoiser(self, device):
        w = torch.load("w")
        return lambda x, sigma: x * w / (w + sigma**2)
"""


def write_weights(reader: str, value: float) -> None:
    match reader.removeprefix("of_"):
        case "torch" | "mapped" | "OfModel":
            torch.save(torch.tensor(value), "w")
        case "safetensors" | "safe_open":
            save_file({"w": torch.tensor(value)}, "w")
        case "jit":
            module = Denoiser()
            module.variance.data.fill_(value)
            save(module, Path("w"), torch.ones(2))
        case "numpy":
            with open("w", "wb") as file:
                np.savez(file, w=value)
        case _:
            Path("w").write_text(str(value))


@pytest.mark.parametrize(
    "reader", ["of_torch", "of_mapped", "of_safetensors", "of_safe_open", "of_jit", "of_numpy", "of_text", "OfModel"]
)
def test_files_that_code_reads_while_it_is_built_are_part_of_what_ran(code: Path, reader: str) -> None:
    """Retrain, run again: another stream; the first weights again: the first stream, in a worker, too."""
    (code / "readers_of_mine.py").write_text(READERS)
    streams = []
    write_weights(reader, VARIANCE)
    right = Path("w").read_bytes()
    write_weights(reader, 3.0)
    for weights in (right, Path("w").read_bytes(), right):
        Path("w").write_bytes(weights)
        chosen = cell(f"py:readers_of_mine:{reader}", "" if reader == "OfModel" else f"{SIGMA} {SHAPE}")
        streams.append(chosen.stream)
    assert streams[0] == streams[2] != streams[1]
    assert pickle.loads(pickle.dumps(chosen)).stream == streams[2]
    assert torch.allclose(make_samples(chosen), exact("edm", "karras"), rtol=1e-4, atol=1e-4)


def test_what_python_itself_and_installed_packages_read_is_not_part_of_it(code: Path) -> None:
    """Standard library, site-packages, compiled modules, what is written, and what is gone."""
    with opened_files() as files:
        import wave

        importlib.reload(wave)
        Path(np.__file__).read_bytes()
        Path("written").write_text("log")
        Path("gone").write_text("")
        Path("gone").read_text()
        Path("gone").unlink()
        with current_folder():
            importlib.import_module("late_helper_of_mine")
    assert files
    assert users_files(files) == {str(code.resolve() / "late_helper_of_mine.py")}
    with opened_files() as nothing:
        pass
    Path("written").read_text()
    assert not nothing


def test_a_sweep_knows_weights_that_were_trained_anew(code: Path, benchbox: Command) -> None:
    (code / "readers_of_mine.py").write_text(READERS)
    arguments = ["run", "--sampler", "ddim", "--nfe", "3", "--samples", "4", "--model", "py:readers_of_mine:of_torch"]
    outcomes = []
    for value in (VARIANCE, VARIANCE, 3.0):
        write_weights("of_torch", value)
        done = benchbox(*arguments, *f"{SIGMA} {SHAPE}".split())
        assert done.status == 0, done.err
        outcomes.append("nothing to do" in done.out)
    assert outcomes == [False, True, False]
    assert len({row["model_sha256"] for row in rows()}) == 2


def test_cards_of_one_name_do_not_collide(here: Path) -> None:
    cells = []
    for folder in ("a", "b"):
        (here / folder).mkdir()
        weights = here / folder / "net.safetensors"
        weights.write_bytes(folder.encode())
        Card(
            name="mine", dataset="nothing", licence="CC0", shape=[3], data_range=[-1, 1], architecture={"net": "unet"},
            prediction="edm", schedule={"name": "edm"}, sigma_data=0.5, weights=weights.name, sha256=sha256(weights),
        ).write(here / folder / "net.json")  # fmt: skip
        cells.append(cell(f"{folder}/net.json", "").identity | {"stream": cell(f"{folder}/net.json", "").stream})
    assert [c["model"] for c in cells] == ["mine", "mine"]
    assert cells[0]["model_sha256"] != cells[1]["model_sha256"]
    assert cells[0]["stream"] != cells[1]["stream"]


def test_a_default_is_not_shown_with_a_network_that_has_its_own_title() -> None:
    assert registry().defaults("model", "torchscript:net")["classes"] == 0
    assert registry().defaults("model", "somebody-elses") == {}


# mistakes


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (f"torchscript:none.pt {SIGMA} {SHAPE}", "there is no file none.pt."),
        (f"torchscript:text.pt {SIGMA} {SHAPE}", "text.pt is not a TorchScript file"),
        (f"torchscript:state.pt {SIGMA} {SHAPE}", "state.pt is not a TorchScript file"),
        (f"torchscript: {SIGMA} {SHAPE}", "--model torchscript: is not complete: write torchscript:FILE."),
        (f"torchscript {SIGMA} {SHAPE}", "needs the option file"),
        (f"torchscript:net.pt {SIGMA}", "state the shape of one sample: --set shape=1:28:28."),
        (f"torchscript:net.pt {SHAPE}", "state the output of the network: --set prediction=eps"),
        (f"torchscript:net.pt {SHAPE} --set prediction=eps", "needs the schedule of the training"),
        (f"torchscript:net.pt {SHAPE} --set prediction=edm", "needs the standard deviation of the data"),
        (f"torchscript:net.pt {SHAPE} --set prediction=noise", "it takes eps or x0 or score"),
        (f"torchscript:net.pt {SHAPE} {SIGMA} --set schedule=vp", "time=sigma needs a network of x and σ"),
        (f"torchscript:net.pt {SIGMA} --set shape=3:8", "samples of shape (3, 8): RuntimeError: The size of tensor a"),
        (f"torchscript:net.pt {SIGMA} {SHAPE} --set classes=2", "cannot be run on a batch of two"),
        ("gaussian:4", "model gaussian takes no value after a colon"),
        (f"py:code_of_mine:netwrok {SIGMA} {SHAPE}", "'netwrok': did you mean network?"),
        (f"py:code_of_yours:network {SIGMA} {SHAPE}", "there is no module code_of_yours in this folder"),
        (f"py:code_of_mine {SIGMA} {SHAPE}", "must have the form py:package.module:function."),
        (f"py:broken_of_mine:network {SIGMA} {SHAPE}", "broken_of_mine cannot be imported: SyntaxError"),
        (f"py:needy_of_mine:network {SIGMA} {SHAPE}", "cannot be imported: ModuleNotFoundError"),
        (f"py:code_of_mine:raises {SIGMA} {SHAPE}", "py:code_of_mine:raises failed: KeyError: 'weights'."),
        (f"py:code_of_mine:nothing {SIGMA} {SHAPE}", "returned a NoneType, and a network"),
        (f"py:code_of_mine:narrow {SIGMA} {SHAPE}", "returns shape (2, 1) for an input of shape (2, 3)"),
        (
            f"py:code_of_mine:fails {SIGMA} {SHAPE}",
            "cannot be run on a batch of two samples of shape (3,): RuntimeError",
        ),
        (f"py:code_of_mine:pair {SIGMA} {SHAPE}", "returns a tuple, and a tensor is needed."),
        (f"py:code_of_mine:lonely {SIGMA} {SHAPE}", "takes no arguments: write lonely(device)."),
        (f"py:code_of_mine:number {SIGMA} {SHAPE}", "is a int, neither a function nor a benchbox Model."),
        (f"py:itertools:islice {SIGMA} {SHAPE}", "module itertools has no file"),
        (f"py:code_of_mine:Own {SHAPE}0", "is a Model, which defines its own shape: leave out --set shape."),
        ("other.json", "is a card of the model plugin 'elsewhere', which is not installed."),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(benchbox: Command, code: Path, arguments: str, says: str) -> None:
    save(Denoiser(), code / "net.pt", torch.ones(2))
    torch.save({"weight": torch.ones(2)}, code / "state.pt")
    (code / "text.pt").write_text("hello")
    (code / "broken_of_mine.py").write_text("def network(:")
    (code / "needy_of_mine.py").write_text("import not_installed_anywhere")
    Card("x", "x", "", [3], [-1, 1], {}, "x0", {"name": "edm"}, 0.5, plugin="elsewhere").write(code / "other.json")
    done = benchbox("run", "--sampler", "heun", "--nfe", "3", "--samples", "4", "--model", *arguments.split())
    assert (done.status, says in done.sentence) == (2, True), done.err
    assert done.sentence.endswith((".", "?"))
    assert list(code.glob("results/*.parquet")) == []


# the page


def test_the_page_does_what_it_says(here: Path, benchbox: Command) -> None:
    commands = []
    for kind, text in re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL):
        if kind == "python":
            name = text.splitlines()[0].removeprefix("# ")
            (here / name).write_text(text)
        else:
            commands += [
                line for line in text.strip().splitlines() if not re.search("digits|varied|coded", line)
            ]  # test_docs.py
    with pytest.warns(FutureWarning):
        runpy.run_path("export.py", run_name="export")
    assert len(commands) == 4
    for command in commands:
        done = benchbox(*command.split()[1:])
        assert done.status == 0, command
    titles = {"torchscript:denoiser", "py:mine:network", "py:mine:denoise", "py:mine:MyModel"}
    assert {row["model"] for row in rows()} == titles


def test_the_page_names_every_option_of_a_network() -> None:
    options = registry().defaults("model", "torchscript:net").keys() - {"file"}
    for option in options:
        assert re.search(rf"`[^`]*\b{option}\b[^`]*`", PAGE), option
