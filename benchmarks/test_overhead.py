"""The overhead of a sampler outside the model: `pytest benchmarks --benchmark-enable --benchmark-group-by=group`.

Every contender spends about 20 evaluations of a trivial model (one multiplication), which all times include. The table
in docs/overhead.md is made by `overhead.py`, in turns: under load, times measured separately are not comparable.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from guidance_overhead import ratios
from overhead import CONTENDERS, FLOOR, METHODS, SHAPES, evaluations, measure, ours, peer, plain, plain_eps


def start(shape: str) -> torch.Tensor:
    return torch.randn(SHAPES[shape], generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_overhead(benchmark: Any, shape: str, method: str, contender: str) -> None:
    benchmark.group = f"{method} at {shape}"
    benchmark.extra_info["evaluations"] = evaluations(method)
    x = benchmark(CONTENDERS[contender](method, start(shape)))
    assert x.shape == SHAPES[shape]
    assert bool(x.isfinite().all())


@pytest.mark.parametrize("method", METHODS)
def test_contenders_do_the_same_work(method: str) -> None:
    """Without noise, the plain arithmetic and benchbox give the same samples, so the same method is timed."""
    if method == "ancestral":
        pytest.skip("each draws its own noise")
    x = start("1024x2")
    torch.testing.assert_close(ours(method, x)(), plain(method, x)(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours(method, x, eps=True)(), plain_eps(method, x)(), rtol=1e-3, atol=1e-3)
    if method == "ddim":
        # the same levels, but float32 alphas
        torch.testing.assert_close(plain_eps(method, x)(), peer(method, x)(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", ["heun", "ddim", "euler"])
def test_at_most_the_plain_arithmetic(request: pytest.FixtureRequest, method: str) -> None:
    """At 64 × 3 × 32 × 32, in paired turns."""
    if request.config.getoption("benchmark_disable") and not request.config.getoption("benchmark_enable"):
        pytest.skip("a measurement: it runs with --benchmark-enable")
    assert measure(method, SHAPES["64x3x32x32"], 31)[f"benchbox/{FLOOR['benchbox']}"] <= 1.0


def test_cfg_costs_at_most_a_tenth_more_than_by_hand(request: pytest.FixtureRequest) -> None:
    """At 64 × 3 × 32 × 32, on a network of one multiplication."""
    if request.config.getoption("benchmark_disable") and not request.config.getoption("benchmark_enable"):
        pytest.skip("a measurement: it runs with --benchmark-enable")
    torch.set_num_threads(1)
    assert ratios()["cfg"][1] <= 1.1
