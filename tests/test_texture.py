"""The Gaussian texture of an image, against its covariance in pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import benchbox
from benchbox.errors import UsageError
from benchbox.exact.conformance import certificate_of
from benchbox.models.texture import Texture
from benchbox.testing import check_model


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Texture:
    """The texture of a picture in colour, of 5 × 6 pixels."""
    path = tmp_path_factory.mktemp("texture") / "stone.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)).save(path)
    model: Texture = benchbox.get("model", "texture", image=path)
    return model


def covariance(model: Texture) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The mean over all shifts of the products of the shifted image's deviations, in pixels."""
    h = model.exemplar - model.exemplar.mean((1, 2), keepdims=True)
    shifts = [np.roll(h, (i, j), (1, 2)).ravel() for i in range(h.shape[1]) for j in range(h.shape[2])]
    return np.cov(np.array(shifts).T, bias=True)


def test_d_and_the_law_are_those_of_the_stationary_covariance(colours: Texture) -> None:
    c, mean = covariance(colours), np.repeat(colours.exemplar.mean((1, 2)), 30)
    law = colours.gaussian_law()
    assert law is not None
    np.testing.assert_allclose(law[0], mean)
    np.testing.assert_allclose(law[1] @ law[1], c, atol=1e-12)
    x = torch.as_tensor(np.random.default_rng(1).standard_normal((4, 3, 5, 6)))
    for sigma in (0.01, 0.3, 20.0):
        gain = np.linalg.solve(c + sigma**2 * np.eye(90), c)
        d = colours.denoiser("cpu")(x, sigma).flatten(1).numpy()
        np.testing.assert_allclose(d, mean + (x.flatten(1).numpy() - mean) @ gain, atol=1e-10)


def test_draws_keep_the_mean_colour_and_have_the_covariance(colours: Texture) -> None:
    x = colours.draw(20_000, 0).flatten(1).numpy()
    np.testing.assert_allclose(x.reshape(-1, 3, 30).mean(2), np.tile(colours.exemplar.mean((1, 2)), (20_000, 1)))
    c = covariance(colours)
    error = np.sqrt((np.outer(np.diag(c), np.diag(c)) + c**2) / len(x))
    assert (np.abs(np.cov(x.T) - c) < 5.5 * error + 1e-12).all()


def test_it_passes_the_suite_for_strangers(colours: Texture) -> None:
    check_model(colours)
    assert "closed form" in [check.name for check in certificate_of(colours).checks if check.passed]


def test_the_posterior_of_a_part_of_it_is_exact(colours: Texture) -> None:
    """By conditioning the covariance in pixels: samples of the oracle from many levels have its mean."""
    how = {"problem": "inpaint", "guidance": "oracle", "sigma_y": 0.1, "image": colours.image, "measurements": 1}
    x = benchbox.sample("heun", model="texture", nfe=399, n=512, dtype="float64", **how).flatten(1).numpy()  # type: ignore[arg-type]
    from benchbox.bench.truths import measure

    y = measure(benchbox.get("problem", "inpaint", sigma_y=0.1), colours, 1, 0, "cpu", torch.float64).y.numpy().ravel()
    c, mean, seen = (
        covariance(colours),
        np.repeat(colours.exemplar.mean((1, 2)), 30),
        np.tile([1, 1, 1, 0, 0, 0], 15) > 0,
    )
    gain = np.linalg.solve(c[np.ix_(seen, seen)] + 0.01 * np.eye(45), c[seen])
    exact, variance = mean + (y[seen] - mean[seen]) @ gain, np.diag(c) - (c[:, seen] * gain.T).sum(1)
    assert (np.abs(x.mean(0) - exact) < 5 * np.sqrt(variance / len(x)) + 0.01).all()


def test_a_picture_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"there is no file no\.png"):
        benchbox.get("model", "texture", image=Path("no.png"))
