"""What the options of a network cost: `OMP_NUM_THREADS=1 python benchmarks/network.py [TURNS]`

Processor milliseconds of an evaluation of mnist-edm at batch 64, in float32 unless the option says otherwise: the
variants take turns in one process, and the median over the turns (9) is taken. The difference is the largest of a pixel
of D at σ = 1 from that of the eager network.
"""

from __future__ import annotations

import sys
from statistics import median
from time import process_time

import torch

import benchbox
from benchbox.acceleration import Acceleration
from benchbox.denoiser import Denoiser

VARIANTS = {
    "eager": (torch.float32, Acceleration()),
    "`--channels-last`": (torch.float32, Acceleration(channels_last=True)),
    "`--compile`": (torch.float32, Acceleration(compiled=True)),
    "`--dtype bfloat16`": (torch.bfloat16, Acceleration()),
    "`--dtype bfloat16 --channels-last`": (torch.bfloat16, Acceleration(channels_last=True)),
}


def seconds(denoise: Denoiser, x: torch.Tensor) -> float:
    """Processor seconds of one evaluation."""
    before = process_time()
    denoise(x, 1.0)
    return process_time() - before


def main(turns: int) -> None:
    model, device = benchbox.get("model", "mnist-edm"), torch.device("cpu")
    x = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))  # noise at σ = 1
    networks = {name: Denoiser(model, device, *options) for name, options in VARIANTS.items()}
    with torch.inference_mode():
        outputs = {name: denoise(x, 1.0) for name, denoise in networks.items()}  # compiles
        times = [{name: seconds(denoise, x) for name, denoise in networks.items()} for _ in range(turns)]
    print("| network | ms an evaluation | of eager | difference |\n|---|---|---|---|")
    eager = median(turn["eager"] for turn in times)
    for name, output in outputs.items():
        time = median(turn[name] for turn in times)
        difference = (output - outputs["eager"]).abs().max().item()
        print(f"| {name} | {1000 * time:.0f} | {time / eager:.2f} | {difference:.0e} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
