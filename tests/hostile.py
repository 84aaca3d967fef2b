"""A package of samplers that harm: each does one thing in the middle of every batch, and works otherwise."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchbox import Levels, Sampler, hookimpl
from benchbox.noise import Noise


class Stop(BaseException):
    """Nothing that anybody expects."""


@dataclass(frozen=True)
class Hostile(Sampler):
    """Euler's method, disturbed after its second step; `where`: a results directory."""

    where: str = ""

    def __call__(
        self, denoise: Callable[[Tensor, float], Tensor], x: Tensor, grid: Levels, noise: Noise
    ) -> Iterator[Tensor]:
        for i, (sigma, sigma_next) in enumerate(pairwise(grid.sigmas)):
            x = denoise(x, sigma).lerp(x, sigma_next / sigma)
            if i == 1:
                x = self.strike(x, lambda x, sigma=sigma: denoise(x, sigma))
            yield x

    @abstractmethod
    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor: ...


@dataclass(frozen=True)
class Good(Hostile):
    """Harms nobody."""

    name = "good"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return x


@dataclass(frozen=True)
class Segfault(Hostile):
    """Crashes as a broken extension does."""

    name = "segfault"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        os.kill(os.getpid(), signal.SIGSEGV)
        return x


@dataclass(frozen=True)
class Leaves(Hostile):
    """Ends the process as if all were well."""

    name = "leaves"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        os._exit(0)


@dataclass(frozen=True)
class Loops(Hostile):
    """Never comes back."""

    name = "loops"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        while True:
            time.sleep(0.01)


@dataclass(frozen=True)
class Allocates(Hostile):
    """Takes memory without end."""

    name = "allocates"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        kept = []
        while True:
            kept.append(torch.ones(2**24))
            time.sleep(0.01)


@dataclass(frozen=True)
class NotANumber(Hostile):
    """Ends in NaN."""

    name = "nan"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return x * torch.nan


@dataclass(frozen=True)
class WrongShape(Hostile):
    """Yields another shape."""

    name = "shape"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return x[:, :1]


@dataclass(frozen=True)
class WrongDtype(Hostile):
    """Yields another dtype."""

    name = "dtype"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return x.double()


@dataclass(frozen=True)
class WrongDevice(Hostile):
    """Yields a tensor of another device, which holds no numbers."""

    name = "device"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return x.to("meta")


@dataclass(frozen=True)
class Overspends(Hostile):
    """Asks the network more often than was bought."""

    name = "overspends"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return denoise(denoise(x))


@dataclass(frozen=True)
class Overwrites(Hostile):
    """Writes into the files of all other cells."""

    name = "overwrites"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        for path in Path(self.where).glob("[0-9a-f]*"):
            path.write_bytes(b"mine")
        return x


@dataclass(frozen=True)
class Deletes(Hostile):
    """Deletes the temporary files, and whatever else is hidden."""

    name = "deletes"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        for path in Path(self.where).glob(".*"):
            if path.is_file():
                path.unlink()
        return x


@dataclass(frozen=True)
class Seeds(Hostile):
    """Sets the global random state."""

    name = "seeds"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(4711)
        return x


@dataclass(frozen=True)
class Doubles(Hostile):
    """Sets the default dtype."""

    name = "doubles"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        torch.set_default_dtype(torch.float64)
        return x


@dataclass(frozen=True)
class Threads(Hostile):
    """Sets the number of threads, and the environment."""

    name = "threads"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        torch.set_num_threads(3)
        os.environ["OMP_NUM_THREADS"] = "3"
        return x


@dataclass(frozen=True)
class Mute(Hostile):
    """Writes garbage to stdout, and closes it."""

    name = "mute"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        if not sys.stdout.closed:
            os.write(1, os.urandom(1000))
            sys.stdout.close()
            os.closerange(0, 3)
        return x


@dataclass(frozen=True)
class Raises(Hostile):
    """Raises what is no Exception."""

    name = "raises-base"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        raise Stop("here")


@dataclass(frozen=True)
class Forks(Hostile):
    """Forks, and goes on twice."""

    name = "forks"

    def strike(self, x: Tensor, denoise: Callable[[Tensor], Tensor]) -> Tensor:
        os.fork()
        return x


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    return [
        Good, Segfault, Leaves, Loops, Allocates, NotANumber, WrongShape, WrongDtype, WrongDevice, Overspends,
        Overwrites, Deletes, Seeds, Doubles, Threads, Mute, Raises, Forks,
    ]  # fmt: skip
