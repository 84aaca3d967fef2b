"""The overhead of a sampler outside the model: benchbox, diffusers and the plain arithmetic, on one trivial model.

`OMP_NUM_THREADS=1 python benchmarks/overhead.py` prints a Markdown table of paired ratios. Times are processor seconds
of this process, the contenders take turns, and each time is divided by that of the plain arithmetic in the same turn,
so that other work on the machine counts little. All times include the trivial model (one multiplication).
"""

from __future__ import annotations

import argparse
import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from time import process_time
from typing import Any

import diffusers
import torch
from torch import Tensor

import benchbox
from benchbox.denoiser import Denoiser
from benchbox.driver import plan_levels, states
from benchbox.grid import Levels
from benchbox.model import Model
from benchbox.noise import Noise
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

SHAPES = {"64x3x32x32": (64, 3, 32, 32), "1024x2": (1024, 2)}
BUDGET = 20
METHODS = ("heun", "ddim", "euler", "ancestral")
SAMPLERS: dict[str, Sampler] = {
    "heun": benchbox.get("sampler", "heun"),
    "ddim": benchbox.get("sampler", "ddim"),
    "euler": benchbox.get("sampler", "euler-maruyama", kappa=0.0, frame="edm"),
    "ancestral": benchbox.get("sampler", "ancestral"),
}
Run = Callable[[], Tensor]


def trivial(x: Tensor) -> Tensor:
    return x * 0.5


@dataclass(frozen=True)
class Trivial(Model):
    """The formula D = x/2, or a network with output ε = y/2, which benchbox converts to canonical coordinates."""

    name = "trivial"
    sample_shape: tuple[int, ...] = (2,)
    network_of_eps: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sample_shape

    @property
    def schedule(self) -> Schedule:
        schedule: Schedule = benchbox.get("schedule", "ddpm")
        return schedule

    @property
    def prediction(self) -> Any:
        return "eps" if self.network_of_eps else None

    def network(self, device: Any) -> Callable[..., Tensor]:
        return lambda y, t: trivial(y)

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor] | None:
        return None if self.network_of_eps else lambda x, sigma: trivial(x)


class Started(Noise):
    """Noise whose first draw, the start, was made before the clock starts, as for the other contenders."""

    start: Tensor

    def __call__(self, sigma: float, sigma_next: float) -> Tensor:
        if self.draws:
            return super().__call__(sigma, sigma_next)
        self.draws = 1
        return self.start


def no_grad(run: Run) -> Run:
    """The run in inference mode, which benchbox uses, too."""
    wrapped: Run = torch.inference_mode()(run)
    return wrapped


def levels(method: str) -> Levels:
    schedule = benchbox.get("schedule", "ddpm")
    grid = benchbox.get("grid", "karras" if method == "heun" else "leading")
    return Levels.cut(schedule, grid, plan_levels(SAMPLERS[method], BUDGET))


def ours(method: str, start: Tensor, eps: bool = False) -> Run:
    """benchbox: driver, counting and timing denoiser, and sampler; on a formula, or on a network of ε."""
    sampler, cut, n, shape = SAMPLERS[method], levels(method), len(start), tuple(start.shape[1:])
    denoise = Denoiser(Trivial(shape, eps), torch.device("cpu"))
    noise = Started(0, 0, n, shape, expected=len(cut.sigmas) - 1)
    noise.start = start

    def run() -> Tensor:
        noise.draws = 0
        for state in states(sampler, denoise, cut, noise):
            x = state
        return x

    return no_grad(run)


def plain(method: str, start: Tensor) -> Run:
    """The method for a model that gives D, written plainly, on the same levels as `ours`."""
    cut = levels(method)
    sigmas, first = cut.sigmas, cut.start_std

    def heun() -> Tensor:
        x = start * first
        for s, s_next in pairwise(sigmas):
            d = (x - trivial(x)) / s
            x_next = x + (s_next - s) * d
            d_next = (x_next - trivial(x_next)) / s_next
            x = x + (s_next - s) * (0.5 * d + 0.5 * d_next)
        return trivial(x)

    def ddim() -> Tensor:
        x = start * first
        for s, s_next in pairwise(sigmas):
            denoised = trivial(x)
            eps = (x - denoised) / s
            x = denoised + s_next * eps
        return trivial(x)

    def euler() -> Tensor:
        x = start * first
        for s, s_next in pairwise(sigmas):
            d = (x - trivial(x)) / s
            x = x + (s_next - s) * d
        return trivial(x)

    def ancestral() -> Tensor:
        x = start * first
        for s, s_next in pairwise(sigmas):
            r2 = (s_next / s) ** 2
            x = r2 * x + (1 - r2) * trivial(x) + s_next * math.sqrt(1 - r2) * torch.randn_like(x)
        return trivial(x)

    runs: dict[str, Run] = {"heun": heun, "ddim": ddim, "euler": euler, "ancestral": ancestral}
    return no_grad(runs[method])


def plain_eps(method: str, start: Tensor) -> Run:
    """The same for a network of ε: Heun and Euler as in k-diffusion, the others as in their papers."""
    cut = levels(method)
    scales, sigmas = [*cut.scales, 1.0], [*cut.sigmas, 0.0]
    steps = list(pairwise(zip(scales, sigmas, strict=True)))

    def heun() -> Tensor:
        x = start * cut.start_std
        for (a, s), (a_next, s_next) in steps[:-1]:
            d = trivial(a * x)
            x_next = x + (s_next - s) * d
            d_next = trivial(a_next * x_next)
            x = x + (s_next - s) * (0.5 * d + 0.5 * d_next)
        return x - s_next * trivial(a_next * x)

    def euler() -> Tensor:
        x = start * cut.start_std
        for (a, s), (_, s_next) in steps:
            x = x + (s_next - s) * trivial(a * x)
        return x

    def ddim() -> Tensor:
        y = start
        for (a, s), (a_next, s_next) in steps:
            eps = trivial(y)
            denoised = (y - a * s * eps) / a
            y = a_next * denoised + a_next * s_next * eps
        return y

    def ancestral() -> Tensor:
        y = start
        for (a, s), (a_next, s_next) in steps:
            beta = 1 - (a / a_next) ** 2
            y = (y - beta / (a * s) * trivial(y)) / math.sqrt(1 - beta)
            if s_next:
                y = y + a_next * s_next * math.sqrt(1 - (s_next / s) ** 2) * torch.randn_like(y)
        return y

    runs: dict[str, Run] = {"heun": heun, "ddim": ddim, "euler": euler, "ancestral": ancestral}
    return no_grad(runs[method])


def peer(method: str, start: Tensor) -> Run:
    """diffusers' scheduler of the method, in its documented loop (a network of ε)."""
    peers: Any = diffusers  # untyped
    options: dict[str, Any] = {"beta_start": 1e-4, "beta_end": 0.02}
    match method:
        case "heun":
            scheduler, steps = peers.HeunDiscreteScheduler(**options, use_karras_sigmas=True), (BUDGET + 1) // 2
        case "ddim":
            scheduler, steps = peers.DDIMScheduler(**options, clip_sample=False), BUDGET
        case "euler":
            scheduler, steps = peers.EulerDiscreteScheduler(**options), BUDGET
        case _:
            scheduler, steps = peers.DDPMScheduler(**options, clip_sample=False), BUDGET

    def run() -> Tensor:
        scheduler.set_timesteps(steps)
        x: Tensor = start * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            out = trivial(scheduler.scale_model_input(x, t))
            (x, *_) = scheduler.step(out, t, x, return_dict=False)
        return x

    return no_grad(run)


CONTENDERS: dict[str, Callable[[str, Tensor], Run]] = {
    "plain": plain,
    "benchbox": ours,
    "plain-eps": plain_eps,
    "benchbox-eps": lambda method, start: ours(method, start, eps=True),
    "diffusers": peer,
}
FLOOR = {"benchbox": "plain", "benchbox-eps": "plain-eps", "diffusers": "plain-eps"}


def evaluations(method: str) -> int:
    n = plan_levels(SAMPLERS[method], BUDGET)
    return SAMPLERS[method].evals(n) + 1


def turn(runs: dict[str, Run], inner: int) -> dict[str, float]:
    """One time for each contender, one after another."""
    times = {}
    for name, run in runs.items():
        begin = process_time()
        for _ in range(inner):
            run()
        times[name] = (process_time() - begin) / inner
    return times


def measure(method: str, shape: tuple[int, ...], turns: int) -> dict[str, float]:
    """Medians: µs per evaluation for each contender, and the paired ratios under the key "a/b"."""
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    runs = {name: make(method, start) for name, make in CONTENDERS.items()}
    inner = 10 if start.numel() < 10_000 else 1
    turn(runs, inner)
    rows = [turn(runs, inner) for _ in range(turns)]
    out = {name: median(r[name] for r in rows) / evaluations(method) * 1e6 for name in runs}
    pairs = [*FLOOR.items(), ("diffusers", "plain"), ("benchbox-eps", "diffusers")]
    return out | {f"{a}/{b}": median(r[a] / r[b] for r in rows) for a, b in pairs}


def machine() -> str:
    """A description of the machine, without its host name."""
    return (
        f"{os.cpu_count()} CPU cores ({platform.machine()}), {torch.get_num_threads()} torch threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, diffusers {diffusers.__version__}, float32, "
        f"load average at the end {os.getloadavg()[0]:.1f}"
    )


def table(turns: int) -> str:
    ratios = "benchbox / plain", "plain ε, µs", "benchbox ε / plain ε", "diffusers ε / plain ε", "diffusers ε / plain"
    head = "method", "batch", "plain, µs", *ratios
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for label, shape in SHAPES.items():
        for method in METHODS:
            m = measure(method, shape, turns)
            cells = [f"{m['plain']:.1f}", f"**{m['benchbox/plain']:.2f}**", f"{m['plain-eps']:.1f}"]
            cells += [f"{m[k]:.2f}" for k in ("benchbox-eps/plain-eps", "diffusers/plain-eps", "diffusers/plain")]
            lines.append(f"| {method} | {label.replace('x', ' × ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=101, help="turns of every contender; medians are taken over them")
    print(table(parser.parse_args().turns))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
