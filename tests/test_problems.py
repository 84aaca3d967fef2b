"""Inverse problems: their operators, how they are measured, asked for and written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeping import measure
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad
from typer.testing import CliRunner

import benchbox
from benchbox.bench import truths
from benchbox.bench.rerun import rebuild
from benchbox.bench.run import make_samples
from benchbox.bench.settings import Setting
from benchbox.bench.sweep import Request, expand
from benchbox.cli.main import app
from benchbox.errors import UsageError
from benchbox.measurement import pose
from benchbox.problem import Problem
from benchbox.registry import registry
from benchbox.report.compare import of_samplers
from benchbox.report.plots.quality import series
from benchbox.report.ranking import boards
from benchbox.store.store import Store
from benchbox.testing import check_problem

ROOT = Path(__file__).parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"
LINEAR: dict[str, list[dict[str, Any]]] = {
    "inpaint": [{}, {"box": 2}, {"half": "left"}, {"half": "top"}, {"half": "bottom"}, {"random": 0.4, "mask_seed": 3}],
    "super-resolution": [{}, {"factor": 4}, {"filter": "bicubic"}, {"filter": "bicubic", "factor": 4}],
    "deblur": [{}, {"width": 2.5}, {"kernel": "motion"}, {"kernel": "motion", "length": 3.5, "angle": 30.0}],
    "denoise": [{}],
    "random-linear": [{"rows": 3}, {"number": 7}],
}
"""Every built-in linear problem but `linear`, which needs a file."""
CASES = [(name, options) for name, variants in LINEAR.items() for options in variants]


def images(*shape: int) -> Tensor:
    return torch.as_tensor(np.random.default_rng(1).standard_normal(shape))


@pytest.mark.parametrize(("name", "options"), CASES)
@given(
    shape=st.sampled_from([(8,), (1, 8, 8), (3, 8, 12), (4, 16)]),
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=15, deadline=None)
def test_the_adjoint_identity_holds(
    name: str, options: dict[str, Any], shape: tuple[int, ...], seed: int, dtype: torch.dtype
) -> None:
    problem = benchbox.get("problem", name, **options)
    model = benchbox.get("model", "gaussian", eigenvalues=(1.0,) * int(np.prod(shape)), mean=0.0, sample_shape=shape)
    problem = pose(problem, model)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, *shape, generator=generator, dtype=dtype)
    ax = problem.forward(x)
    y = torch.randn(ax.shape, generator=generator, dtype=dtype)
    aty = problem.adjoint(y)
    left, right = (ax * y).flatten(1).sum(1), (x.flatten(1) * aty.reshape(2, -1)).sum(1)
    sizes = [a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1) for a, b in ((ax, y), (x, aty))]
    scale = torch.maximum(*sizes) + 1e-30  # a sum that cancels is rounded as its terms are
    assert float(((left - right).abs() / scale).max()) < (1e-5 if dtype == torch.float32 else 1e-12)
    assert ax.dtype == problem.adjoint(y).dtype == dtype


@pytest.mark.parametrize(("name", "options"), [*CASES, ("clip", {})])
def test_every_built_in_problem_passes_the_suite_for_strangers(name: str, options: dict[str, Any]) -> None:
    check_problem(name, **options)


def test_a_matrix_from_a_file_is_the_operator(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((3, 4))
    np.save(tmp_path / "a.npy", matrix)
    problem = benchbox.get("problem", "linear", matrix=tmp_path / "a.npy")
    check_problem(problem)
    x = images(5, 4)
    np.testing.assert_allclose(problem.forward(x).numpy(), x.numpy() @ matrix.T)


def test_super_resolution_is_what_torch_does() -> None:
    x = images(2, 3, 8, 12)
    for factor in (2, 4):
        average = benchbox.get("problem", "super-resolution", factor=factor)
        torch.testing.assert_close(average.forward(x), avg_pool2d(x, factor))
        bicubic = benchbox.get("problem", "super-resolution", factor=factor, filter="bicubic")
        expected = interpolate(x, scale_factor=1 / factor, mode="bicubic", antialias=True)
        torch.testing.assert_close(bicubic.forward(x), expected, rtol=0, atol=1e-10)


def test_blurs_are_convolutions_with_periodic_borders() -> None:
    x = images(2, 1, 9, 9)
    offsets = torch.arange(-4, 5, dtype=torch.float64)
    profile = torch.exp(-offsets.square() / (2 * 0.8**2))
    kernel = profile[:, None] * profile
    expected = conv2d(pad(x, (4, 4, 4, 4), mode="circular"), (kernel / kernel.sum())[None, None])
    torch.testing.assert_close(benchbox.get("problem", "deblur", width=0.8).forward(x), expected)
    line = torch.zeros(9, 9, dtype=torch.float64)
    motion = benchbox.get("problem", "deblur", kernel="motion", length=3.0)
    spread = motion.forward(
        line.index_put((torch.tensor(4), torch.tensor(4)), torch.tensor(1.0, dtype=torch.float64))[None, None]
    )
    assert (spread[0, 0, 4] > 1e-12).nonzero().flatten().tolist() == [3, 4, 5]
    assert float(spread.sum()) == pytest.approx(1)
    assert float(spread[0, 0, :4].abs().max()) < 1e-12
    upright = benchbox.get("problem", "deblur", kernel="motion", length=3.0, angle=90.0)
    torch.testing.assert_close(upright.forward(x), motion.forward(x.mT).mT)


def test_a_random_linear_problem_is_the_published_one() -> None:
    """Singular values in [0, 1] and σ_y at most the largest, new for each number, written into the options."""
    model = benchbox.get("model", "mixture")
    posed = [pose(benchbox.get("problem", "random-linear", rows=2, number=k), model) for k in range(40)]
    values = [torch.linalg.svdvals(p.forward(torch.eye(2, dtype=torch.float64)).mT) for p in posed]  # type: ignore[no-untyped-call]
    ratios = [p.sigma_y / float(s.max()) for p, s in zip(posed, values, strict=True)]
    assert 0 <= min(ratios) < 0.1 < 0.9 < max(ratios) <= 1
    assert 0 <= min(float(s.min()) for s in values) < 0.1 < 0.9 < max(float(s.max()) for s in values) <= 1
    given_noise = pose(benchbox.get("problem", "random-linear", sigma_y=0.3), model)
    assert given_noise.sigma_y == 0.3


# what strangers may get wrong


@dataclass(frozen=True)
class Every(Problem):
    """Every second number."""

    name = "every"

    def forward(self, x: Tensor) -> Tensor:
        return x[..., ::2]

    def adjoint(self, y: Tensor) -> Tensor:
        x = y.new_zeros(*y.shape[:-1], 2 * y.shape[-1])
        x[..., ::2] = y
        return x


@dataclass(frozen=True)
class WrongAdjoint(Every):
    name = "wrong-adjoint"

    def adjoint(self, y: Tensor) -> Tensor:
        return super().adjoint(y).roll(1, -1)


@dataclass(frozen=True)
class OverTheBatch(Every):
    name = "over-the-batch"
    linear: ClassVar[bool] = False

    def forward(self, x: Tensor) -> Tensor:
        return x / x.norm()


@dataclass(frozen=True)
class Affine(Every):
    name = "affine"

    def forward(self, x: Tensor) -> Tensor:
        return x[..., ::2] + 1


@dataclass(frozen=True)
class NoGradient(Every):
    name = "no-gradient"
    linear: ClassVar[bool] = False

    def forward(self, x: Tensor) -> Tensor:
        return (x * x.detach())[..., ::2]


@dataclass(frozen=True)
class NoBatch(Every):
    name = "no-batch"

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten()


@dataclass(frozen=True)
class NoAdjoint(Problem):
    name = "no-adjoint"

    def forward(self, x: Tensor) -> Tensor:
        return x[..., ::2]


def test_a_right_problem_of_a_stranger_passes() -> None:
    assert check_problem(Every).passed
    assert check_problem(NoAdjoint).passed


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (WrongAdjoint, "adjoint"),
        (OverTheBatch, "batch"),
        (Affine, "linear"),
        (NoGradient, "differentiable"),
        (NoBatch, "two samples"),
    ],
)
def test_a_broken_problem_fails(broken: type[Problem], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_problem(broken)


# measurements


def test_a_measurement_depends_on_the_seed_and_its_number_alone() -> None:
    problem, model = benchbox.get("problem", "inpaint"), benchbox.get("model", "mixture")
    few, many = (truths.measure(problem, model, m, 5, "cpu", torch.float64) for m in (3, 7))
    other = truths.measure(problem, model, 3, 6, "cpu", torch.float64)
    assert torch.equal(few.y, many.y[:3])
    assert torch.equal(few.truths, many.truths[:3])
    assert not torch.equal(few.y, other.y)
    sample = many.at(torch.arange(20))
    assert torch.equal(sample.y, many.y[torch.arange(20) % 7])


def test_the_noise_has_the_stated_standard_deviation_where_something_is_measured() -> None:
    problem = benchbox.get("problem", "inpaint", sigma_y=0.3)
    model = benchbox.get("model", "gaussian")
    found = truths.measure(problem, model, 2000, 0, "cpu", torch.float64)
    noise = found.y - problem.forward(found.truths)
    assert float(noise[:, :2].std()) == pytest.approx(0.3, rel=0.05)
    assert not noise[:, 2:].any()
    assert found.measured == 2


@pytest.mark.skipif(not MNIST.exists(), reason="the MNIST images are not beside the repository, in ../shared/data")
def test_the_bundled_digits_are_of_the_test_split_and_of_no_training_split() -> None:
    path = benchbox.get("model", "mnist-edm").held_out
    with np.load(path) as held_out, np.load(MNIST) as mnist:
        digits, labels = held_out["images"], held_out["labels"]
        training = {image.tobytes() for image in mnist["x_train"]}
        test = {image.tobytes(): label for image, label in zip(mnist["x_test"], mnist["y_test"], strict=True)}
    assert labels.tolist() == [i % 10 for i in range(100)]
    assert all(image.tobytes() not in training for image in digits)
    assert all(test[image.tobytes()] == label for image, label in zip(digits, labels, strict=True))
    for name in ("mnist-edm", "mnist-ddpm", "mnist-ncsn"):
        card = benchbox.get("model", name).card
        assert card.training["images"] == 60_000
        assert all("mnist.npz" in command or "labels added" in command for command in card.training["commands"])


# asking for one


def cells(
    *guidances: str, problem: str = "inpaint", model: str = "gaussian", sampler: str = "heun", **options: Any
) -> list[Any]:
    nfe = options.pop("nfe", 9)
    names = {"metrics", "measurements", "n_samples", "dtype", "seeds"} & options.keys()
    request = {name: options.pop(name) for name in names}
    return expand(
        Request(
            [sampler], [nfe], [model], guidances=guidances, problems=[problem] if problem else [],
            settings=[Setting(None, name, [value]) for name, value in options.items()], **({"n_samples": 8} | request),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"sigma_y": -0.1}, "sigma_y=-0.1 is the standard deviation of the noise: give 0 or more"),
        ({"guidance": "oracle", "model": "mnist-edm"}, "oracle needs data whose posterior is a formula"),
        ({"problem": ""}, "guidance mmps solves an inverse problem: give one"),
        ({"guidance": "none"}, "nothing uses the measurement of problem inpaint"),
        ({"problem": "clip"}, "guidance mmps needs a linear problem, and clip is not linear"),
        ({"box": 9}, "a box of side 9 does not fit into samples of shape"),
        ({"problem": "super-resolution", "factor": 3}, "factor 3 does not divide"),
        ({"measurements": 0}, "measurements is 0: it must be at least 1"),
        ({"measurements": 9}, "8 samples are too few for 9 measurements"),
        ({"measurements": 2, "problem": "", "guidance": "none"}, "measurements is 2, and there is no inverse problem"),
        ({"metrics": ["energy"]}, "metric energy compares samples with the data"),
        ({"metrics": ["psnr"]}, "metric psnr needs data with a range"),
        ({"problem": "", "guidance": "none", "metrics": ["residual"]}, "metric residual needs an inverse problem"),
    ],
)
def test_a_mistake_is_one_sentence(asked: dict[str, Any], told: str) -> None:
    guidance = asked.pop("guidance", "mmps")
    with pytest.raises(UsageError, match=told):
        cells(guidance, **asked)


def test_a_matrix_of_the_wrong_shape_is_one_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 5)))
    with pytest.raises(UsageError, match=r"has 5 columns, and samples of shape \(4,\) have 4 numbers"):
        cells("mmps", problem="linear", matrix=tmp_path / "a.npy")


def test_truths_come_from_a_file_and_must_be_enough(tmp_path: Path) -> None:
    given_truths = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.savez(tmp_path / "t.npz", samples=given_truths)
    (cell,) = cells("mmps", truth=tmp_path / "t.npz", measurements=3)
    np.testing.assert_array_equal(cell.measured.truths.numpy(), given_truths)
    (more,) = cells("mmps", truth=tmp_path / "t.npz", measurements=4)
    row = measure(more)
    assert (row["status"], "holds 3 samples, and 4 measurements" in row["reason"]) == ("failed", True)
    np.savez(tmp_path / "wrong.npz", samples=np.ones((3, 5), np.float32))
    (wrong,) = cells("mmps", truth=tmp_path / "wrong.npz")
    assert "the samples have shape (5,)" in measure(wrong)["reason"]


def test_a_row_states_the_problem_and_repeats(tmp_path: Path) -> None:
    (cell,) = cells("mmps", problem="denoise", measurements=3, sigma_y=0.4, metrics=["residual"], iterations=2)
    row = measure(cell)
    assert (row["status"], row["problem"], row["measurements"]) == ("done", "denoise", 3)
    assert json.loads(row["problem_options"]) == {"sigma_y": 0.4, "truth": None}
    assert (row["nfe"], row["denoiser_calls"], row["n_backward"]) == (9, 9, 27)
    assert rebuild(row).id == cell.id
    store = Store(tmp_path)
    store.prepare()
    store.put(row)
    (stored,) = benchbox.load_results(tmp_path).to_dict("records")
    assert stored["measurements"] == 3


def test_the_problem_is_part_of_a_cells_identity_and_no_problem_adds_nothing() -> None:
    ids = {cell.id for m in (1, 2) for s in (0.1, 0.2) for cell in cells("mmps", measurements=m, sigma_y=s)}
    assert len(ids) == 4
    (without,) = cells("none", problem="")
    assert "problem" not in without.identity


def test_sample_i_is_of_measurement_i_mod_m_in_any_batch() -> None:
    how: dict[str, Any] = {"model": "gaussian", "nfe": 35, "guidance": "mmps", "problem": "denoise", "dtype": "float64"}
    whole = benchbox.sample("heun", n=40, measurements=3, sigma_y=0.01, **how)
    batches = benchbox.sample("heun", n=40, measurements=3, sigma_y=0.01, batch_size=7, **how)
    torch.testing.assert_close(whole, batches, rtol=0, atol=1e-12)
    y = truths.measure(benchbox.get("problem", "denoise", sigma_y=0.01), benchbox.get("model", "gaussian"), 3, 0).y
    assert float((whole - y[torch.arange(40) % 3]).abs().max()) < 0.2


def test_the_guidances_of_one_problem_are_on_one_board_with_their_backwards() -> None:
    import pandas as pd

    rows = [measure(cell) for cell in cells("oracle", "mmps", metrics=["w2"], measurements=2, n_samples=32)]
    (board,) = boards(pd.DataFrame(rows))
    assert sorted(entry.setup.method for entry in board.entries) == ["mmps", "oracle"]
    assert sorted(entry.n_backward for entry in board.entries) == [0, 54]
    assert (board.task.problem, board.task.guidance, board.task.measurements) == ("inpaint", "", "2")
    (pair,) = of_samplers([board], "heun, oracle", "heun, mmps", registry().defaults)
    assert (pair.a.setup.method, pair.b.setup.method) == ("oracle", "mmps")


def test_no_curve_is_drawn_through_dps_and_one_is_through_the_others() -> None:
    import pandas as pd

    request = {"metrics": ["w2"], "measurements": 2, "n_samples": 32}
    made = [cell for nfe in (9, 19) for cell in cells("mmps", "dps", nfe=nfe, **request)]
    groups = series(boards(pd.DataFrame([measure(cell) for cell in made])))
    methods = sorted([entry.setup.method for board in group for entry in board.entries] for group in groups)
    assert methods == [["dps"], ["dps"], ["mmps", "mmps"]]


def test_the_command_line_lists_and_explains_problems_and_runs_one(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert "super-resolution" in run(app, ["list", "problems"]).output
    assert "sigma_y" in run(app, ["info", "deblur"]).output
    assert run(app, ["check", "deblur"]).exit_code == 0
    words = ["run", "--sampler", "ddim", "--nfe", "5", "--model", "gaussian", "--samples", "8", "--guidance", "mmps"]
    found = run(app, [*words, "--problem", "inpaint", "--measurements", "2", "--results", str(tmp_path)])
    assert found.exit_code == 0, found.output
    row = benchbox.load_results(tmp_path).iloc[0]
    assert (row["problem"], row["measurements"]) == ("inpaint", 2)
    assert row["w2"] > 0
    assert row["residual"] > 0
    again = run(app, [*words, "--problem", "inpaint", "--set", "sigma_y=-1", "--results", str(tmp_path)])
    assert isinstance(again.exception, UsageError)
    assert "give 0 or more" in str(again.exception)


def test_a_class_conditional_network_is_asked_for_no_class_under_a_problem() -> None:
    from benchbox.bench.run import Run

    (cell,) = cells("mmps", model="mnist-edm", metrics=["psnr", "residual"], measurements=2, iterations=1, n_samples=2)
    run = Run(cell)
    run.denoise.at(torch.arange(2))
    assert run.denoise.conditions["label"].tolist() == [10, 10]
    assert make_samples(cell).isfinite().all()
