"""The networks against NVIDIA's own code, by numbers that it gave (golden.py says how)."""

from __future__ import annotations

import json
from pathlib import Path

import golden
import pytest
import torch
from benchbox_edm import nets

NUMBERS = json.loads((Path(__file__).parent / "golden.json").read_text())


@pytest.mark.parametrize("name", golden.CASES)
def test_a_network_gives_what_nvidias_gives(name: str) -> None:
    precond, options = golden.CASES[name]
    ours = nets.make({"precond": precond, **options}).eval()
    golden.fill(ours.net)
    x, sigma = golden.inputs(options["img_channels"], options["img_resolution"])
    classes = options.get("label_dim", 0)
    with torch.no_grad():
        found = torch.tensor(golden.digest(ours(x, sigma, torch.arange(len(x)) % classes if classes else None)))
    expected = torch.tensor(NUMBERS[name])
    error = (found - expected).abs().amax(1) / expected.abs().amax(1)
    assert error.max() < 1e-4, error


def test_the_golden_networks_are_not_their_skip_paths() -> None:
    """At a middle level the network itself is a large part of the output, so an error in it would show."""
    for name, (precond, options) in golden.CASES.items():
        made = nets.make({"precond": precond, **options})
        x, sigma = golden.inputs(options["img_channels"], options["img_resolution"])
        skip = made.precond(sigma)[0]
        kept = golden.digest(x * (skip if isinstance(skip, float) else skip.view(-1, 1, 1, 1)))
        change = (torch.tensor(NUMBERS[name]) - torch.tensor(kept)).abs().amax(1) / torch.tensor(kept).abs().amax(1)
        assert change[2] > 0.1, name
