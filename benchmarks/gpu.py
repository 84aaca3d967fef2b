"""Where the time of a run goes on a GPU: kernels, host, EDM's plain loop; eager and compiled. Takes ten minutes.

python benchmarks/gpu.py [--device cuda]. On a CPU (--device cpu) it runs in small.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import benchbox
from benchbox.acceleration import Acceleration, compile_mode
from benchbox.denoiser import Denoiser
from benchbox.driver import mode, states
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.nets.unet import UNet
from benchbox.noise import Noise
from benchbox.prediction import edm_coefficients

LEVELS = 18


@dataclass(frozen=True)
class EDMSized(Model):
    """A U-Net of 60 million parameters with random weights; EDM's DDPM++ of CIFAR-10 has 56 million."""

    name = "edm-sized"
    shape = (3, 32, 32)
    prediction = "edm"
    sigma_data = 0.5
    widths: tuple[int, ...] = (128, 256, 256, 256)
    blocks: int = 4

    @property
    def schedule(self) -> Any:
        return benchbox.get("schedule", "edm")

    def network(self, device: Any) -> nn.Module:
        torch.manual_seed(0)
        net = UNet(3, self.widths, self.blocks, patch=1, heads=4, time_scale=250.0)
        nn.init.normal_(net.get_parameter("head.2.weight"), std=0.01)
        return net.to(device).eval().requires_grad_(False)


def plain(network: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigmas: list[float], sigma_data: float) -> Tensor:
    """EDM's loop (algorithm 1, without churn), with its preconditioning, as its authors write it."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        c_skip, c_out, c_in = edm_coefficients(sigma, sigma_data)
        t = torch.full((len(x),), sigma, device=x.device).log() / 4
        return c_skip * x + c_out * network(c_in * x, t)

    for sigma, sigma_next in zip(sigmas, [*sigmas[1:], 0.0], strict=True):
        d = (x - denoise(x, sigma)) / sigma
        x_next = x + (sigma_next - sigma) * d
        if sigma_next:
            x_next = x + (sigma_next - sigma) * (d + (x_next - denoise(x_next, sigma_next)) / sigma_next) / 2
        x = x_next
    return x


def waiting(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    waiting(device)
    start = time.perf_counter()
    work()
    waiting(device)
    return time.perf_counter() - start


def share_in_kernels(work: Callable[[], Any], device: torch.device, took: float) -> float | None:
    """The share of the time in which a kernel ran, of one stream; None without a GPU."""
    if device.type != "cuda":
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        seconds(work, device)
    return sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6 / took


def contenders(model: Model, n: int, device: torch.device) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The plain loop and benchbox, eager and compiled, from the same start: closures that make n samples."""
    cut = Levels.cut(model.schedule, benchbox.get("grid", "karras"), LEVELS)
    heun, sigma_data = benchbox.get("sampler", "heun"), float(model.sigma_data or 0)
    for how in (Acceleration(), Acceleration(channels_last=True), Acceleration(compiled=True)):
        denoise = Denoiser(model, device, acceleration=how)
        denoise.at(torch.arange(n, device=device))
        network, conditions = denoise.formula.network, denoise.conditions  # type: ignore[attr-defined]
        words = "channels_last" if how.channels_last else compile_mode(device) if how.compiled else "eager"

        def ours(denoise: Denoiser = denoise) -> None:
            with mode(heun):
                for _ in states(heun, denoise, cut, Noise(0, 0, n, model.shape, device)):
                    pass

        def theirs(network: Any = network, conditions: Any = conditions) -> None:
            with torch.inference_mode():
                x = torch.randn((n, *model.shape), device=device) * cut.sigmas[0]
                plain(lambda y, t: network(y, t, **conditions).clone(), x, cut.sigmas, sigma_data)

        if not how.channels_last:
            yield f"EDM's loop, {words}", theirs
        yield f"benchbox, {words}", ours


def table(models: list[Model], sizes: list[int], device: torch.device, repeats: int) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| model | samples | contender | seconds, median | of EDM's loop, eager | share in kernels | first call, s |"
    yield "|---|---|---|---|---|---|---|"
    for model in models:
        for n in sizes:
            base = 0.0
            for name, work in contenders(model, n, device):
                first = seconds(work, device)
                took = statistics.median(seconds(work, device) for _ in range(repeats))
                base, share = base or took, share_in_kernels(work, device, took)
                yield (
                    f"| {model.name} | {n} | {name} | {took:.3f} | {took / base:.2f} | "
                    f"{'–' if share is None else f'{share:.0%}'} | {first:.1f} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    small = device.type == "cpu"
    models = [EDMSized((16, 16, 16), 1)] if small else [benchbox.get("model", "mnist-edm"), EDMSized()]
    for line in table(models, [4] if small else [64, 512], device, 2 if small else 7):
        print(line, flush=True)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, in small"
    print(f"\n{name}, torch {torch.__version__}, heun on {LEVELS} levels, {2 * LEVELS - 1} evaluations, float32.")


if __name__ == "__main__":
    main()
