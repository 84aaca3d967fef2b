"""Models: a formula is the posterior mean, and a card is loaded only as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

import benchbox
from benchbox.card import sha256
from benchbox.denoiser import Denoiser
from benchbox.errors import UsageError
from benchbox.registry import registry

CPU = torch.device("cpu")
LEVELS = st.floats(-6, 4).map(lambda e: 10.0**e)


def log_density_of_mixture(model: Any, x: Tensor, sigma: float) -> Tensor:
    """ln p_σ(x) written out with torch.distributions."""
    means, weights, variances = (torch.as_tensor(a) for a in model.modes)
    std = (variances + sigma**2).sqrt()[:, None].expand_as(means)
    parts = torch.distributions.Independent(torch.distributions.Normal(means, std), 1)
    law = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(weights), parts)
    density: Tensor = law.log_prob(x)
    return density


@settings(deadline=None, max_examples=50)
@given(sigma=st.floats(0.05, 80), seed=st.integers(0, 1000))
def test_mixture_denoises_by_tweedies_formula(sigma: float, seed: int) -> None:
    model = benchbox.get("model", "mixture")
    x = (
        model.draw(8, seed) + sigma * torch.as_tensor(np.random.default_rng(seed).standard_normal((8, 2)))
    ).requires_grad_()
    (score,) = torch.autograd.grad(log_density_of_mixture(model, x, sigma).sum(), x)
    expected = x.detach() + sigma**2 * score
    assert torch.allclose(model.denoiser(CPU)(x.detach(), sigma), expected, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(sigma=LEVELS, seed=st.integers(0, 1000))
def test_empirical_denoiser_is_the_softmax_average_at_every_level(sigma: float, seed: int) -> None:
    model = benchbox.get("model", "empirical")
    points = torch.as_tensor(model.points)
    x = points[seed % len(points)] + sigma * torch.as_tensor(np.random.default_rng(seed).standard_normal((5, 2)))
    distances = (x[:, None] - points).square().sum(-1) / (2 * sigma**2)
    weights = (distances.amin(1, keepdim=True) - distances).exp()
    expected = (weights / weights.sum(1, keepdim=True)) @ points
    assert torch.allclose(model.denoiser(CPU)(x, sigma), expected, rtol=1e-6, atol=1e-6)


def test_empirical_is_finite_and_exact_at_the_extreme_levels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9000, 4, 4), dtype=np.uint8)  # more than two chunks
    np.savez(tmp_path / "data.npz", x_train=images)
    model = benchbox.get("model", "empirical", data=str(tmp_path / "data.npz"))
    assert model.shape == (1, 4, 4)
    denoise, x0 = model.denoiser(CPU), model.draw(20, seed=3)
    assert torch.allclose(denoise(x0, 1e-6), x0, atol=1e-9)
    assert torch.allclose(denoise(x0, 1e8), torch.as_tensor(model.points).mean(0).expand_as(x0), atol=1e-9)
    assert torch.isfinite(denoise((1e6 * x0).float(), 1e-5)).all()


def test_gaussian_reads_mean_and_spectrum_from_files_and_rotates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    values, mean = rng.uniform(0.1, 2, 5), rng.standard_normal(5)
    paths = {n: tmp_path / f"{n}.npy" for n in ("mean", "eigenvalues", "eigenvectors")}
    for path, array in zip(paths.values(), (mean, values, basis), strict=True):
        np.save(path, array)
    model = benchbox.get("model", "gaussian", **{n: str(p) for n, p in paths.items()})
    covariance, sigma = basis @ np.diag(values) @ basis.T, 0.7
    x = rng.standard_normal((6, 5))
    gain = covariance @ np.linalg.inv(covariance + sigma**2 * np.eye(5))
    expected = mean + (x - mean) @ gain.T
    assert np.allclose(model.denoiser(CPU)(torch.as_tensor(x), sigma).numpy(), expected, atol=1e-12)
    mu, root = model.gaussian_law()
    assert np.allclose(mu, mean)
    assert np.allclose(root @ root, covariance)
    assert np.allclose(np.cov(model.draw(200_000, 0).numpy(), rowvar=False), covariance, atol=0.03)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"eigenvalues": "1:2", "mean": "1:2:3"}, "3 numbers for 2 eigenvalues"),
        ({"eigenvalues": "-1:2"}, "non-negative"),
        ({"eigenvalues": "missing.npy"}, "there is no file missing.npy"),
        ({"eigenvalues": "1:1:1:1", "sample_shape": "3:3"}, "does not hold 4 numbers"),
    ],
)
def test_gaussian_refuses_options_that_do_not_fit_in_one_sentence(options: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        benchbox.get("model", "gaussian", **options)
    assert "\n" not in str(error.value)


DENOISERS = ["mnist-edm", "mnist-ddpm", "mnist-ncsn"]
BUNDLED = [*DENOISERS, "mnist-consistency"]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_cards_say_what_made_them(name: str) -> None:
    card = benchbox.get("model", name).card
    assert card.dataset == "mnist"
    assert "CC BY-SA 3.0" in card.licence
    assert card.training["steps"] > 1000
    assert any("benchbox train" in command for command in card.training["commands"])


def test_bundled_weights_are_at_most_15_mb_together() -> None:
    assert sum(benchbox.get("model", name).weights().stat().st_size for name in BUNDLED) < 15e6


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize("sigma", [0.05, 0.5, 2.0])
def test_bundled_networks_denoise_better_than_the_best_linear_denoiser(name: str, sigma: float) -> None:
    """On data made by another of the bundled networks: no file from outside is needed."""
    x0 = benchbox.sample("heun", model="mnist-edm", nfe=17, n=32, seed=5)
    x = x0 + sigma * torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        error = (Denoiser(registry().get("model", name), CPU)(x, sigma) - x0).square().mean()
    mean, variance = x0.mean(0), x0.var(0)
    linear = (mean + variance / (variance + sigma**2) * (x - mean) - x0).square().mean()
    assert error < 0.7 * linear


def test_a_card_whose_weights_were_changed_is_refused(tmp_path: Path) -> None:
    model = benchbox.get("model", "mnist-edm")
    weights = bytearray(model.weights().read_bytes())
    weights[-1] ^= 1
    (tmp_path / model.card.weights).write_bytes(weights)
    card = tmp_path / "card.json"
    card.write_text(model.card_path().read_text())
    with pytest.raises(UsageError, match=r"has SHA-256 .* where .* was expected") as error:
        benchbox.sample("ddim", model=str(card), nfe=2, n=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("edit", "says"), [
    (lambda t: dict(list(t.items())[1:]), "missing: "),
    (lambda t: t | {"extra": torch.zeros(1)}, "unexpected: extra"),
    (lambda t: t | {min(t): torch.zeros(1, 2, 3)}, "of another shape: "),
], ids=["missing", "unexpected", "shape"])  # fmt: skip
def test_a_card_whose_weights_are_not_those_of_its_network_is_refused_by_name(
    tmp_path: Path, edit: Callable[[dict[str, Tensor]], dict[str, Tensor]], says: str
) -> None:
    model = benchbox.get("model", "mnist-ncsn")
    file = tmp_path / model.card.weights
    save_file(edit(load_file(model.weights())), file)
    replace(model.card, sha256=sha256(file)).write(tmp_path / "card.json")
    with pytest.raises(UsageError, match=f"cannot be loaded: they belong to another network .*{says}"):
        benchbox.sample("ddim", model=str(tmp_path / "card.json"), nfe=2, n=1)


@pytest.mark.parametrize(("name", "says"), [
    ("net.pt", "there is no model 'net.pt': write torchscript:net.pt for "),
    ("a/net.pth", "write torchscript:a/net.pth for "),
    ("torchscrip:net.pt", "unknown model 'torchscrip': did you mean torchscript"),
    ("mine.safetensors", r"write mine.json, its card\."),
    ("other.safetensors", "unknown model 'other.safetensors'"),
])  # fmt: skip
def test_a_path_given_as_a_model_is_answered_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.json").touch()
    with pytest.raises(UsageError, match=says):
        benchbox.sample("ddim", model=name, nfe=2, n=1)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"name": "x"})])
def test_what_is_no_card_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    card = tmp_path / "card.json"
    card.write_text(text)
    with pytest.raises(UsageError, match="is not a model card") as error:
        benchbox.sample("ddim", model=str(card), nfe=2, n=1)
    assert "\n" not in str(error.value)


def test_a_model_that_states_no_hash_is_known_by_the_files_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbox.bench.identity import package_data_sha256

    package = tmp_path / "theirs_with_weights"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("theirs_with_weights")
    hashes = []
    for weights in (b"one", b"two", b"one"):
        (package / "weights.pt").write_bytes(weights)
        package_data_sha256.cache_clear()
        hashes.append(package_data_sha256("theirs_with_weights"))
    assert hashes[0] == hashes[2] != hashes[1]
    assert package_data_sha256("benchbox") is None


@dataclass(frozen=True)
class Misshapen(benchbox.Model):
    """A network that answers with one column of two."""

    name = "misshapen"
    prediction = "eps"
    shape = (2,)
    metrics = ()
    schedule = benchbox.get("schedule", "ddpm")

    def network(self, device: object) -> Callable[..., Tensor]:
        return lambda y, t: y[:, :1]


def test_an_output_of_another_shape_is_refused_not_broadcast() -> None:
    denoise = Denoiser(Misshapen(), torch.device("cpu"))
    with pytest.raises(UsageError, match="the network of model misshapen gave"):
        denoise(torch.ones(3, 2), 1.0)


@pytest.mark.parametrize(
    ("what", "value", "said"),
    [
        ("schedule", "ddpm", "give an instance"),
        ("prediction", None, "give one of eps, x0"),
        ("prediction", "epsilon", "give one of eps, x0"),
    ],
)
def test_a_model_that_states_no_schedule_or_prediction_is_refused(what: str, value: object, said: str) -> None:
    from benchbox.bench.sweep import validate_model

    wrong = type("Wrong", (Misshapen,), {what: value})
    with pytest.raises(UsageError, match=said):
        validate_model(wrong())


def test_a_data_set_of_uint8_images_has_the_range_that_an_image_metric_needs(tmp_path: Path) -> None:
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    np.savez(tmp_path / "images.npz", x_train=images)
    np.save(tmp_path / "points.npy", images.astype(np.float32))
    model, points = (benchbox.get("model", "empirical", data=tmp_path / name) for name in ("images.npz", "points.npy"))
    assert (model.shape, model.data_range, points.data_range) == ((1, 28, 28), (-1.0, 1.0), None)
    assert (model.points.min(), model.points.max()) == (-1.0, 1.0)
