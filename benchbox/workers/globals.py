"""Global state of a process that a task can change, and that the next task would see."""

from __future__ import annotations

import gc
import locale
import os
import random
import re
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchbox.threads import OWN_THREADS

Globals = dict[str, Any]
"""Name to value; two snapshots are equal if the process has not changed."""

TORCHS = {"CUDA_MODULE_LOADING", "TORCHINDUCTOR_CACHE_DIR"}
"""Variables that torch itself sets, to their default values."""


def snapshot() -> Globals:
    """The state of this process: its environment, streams, signals, threads, and the settings of numpy and torch."""
    torch = sys.modules.get("torch")
    probes = process() | (torch_settings(torch) if torch else {})
    return {name: answer(probe) for name, probe in probes.items()}


def process() -> dict[str, Callable[[], Any]]:
    return {
        "environment": lambda: {name: value for name, value in os.environ.items() if name not in TORCHS},
        "working directory": os.getcwd,
        "umask": umask,
        "sys.path": lambda: list(sys.path),
        "standard streams": lambda: [(s, getattr(s, "closed", None)) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "file descriptors 0 to 2": lambda: [answer(partial(file, fd)) for fd in range(3)],
        "signal handlers": lambda: [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "locale": lambda: locale.setlocale(locale.LC_ALL),
        "threads": lambda: {*threading.enumerate()} - {*OWN_THREADS},
        "timers": lambda: [signal.getitimer(timer)[0] > 0 for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF)],
        "tracing": lambda: (sys.gettrace(), sys.getprofile()),
        "cores and priority": lambda: (os.sched_getaffinity(0), os.nice(0)),
        "recursion limit": sys.getrecursionlimit,
        "garbage collector": lambda: (gc.isenabled(), gc.get_threshold()),
        "numpy's error handling": np.geterr,
        "subnormal numbers": lambda: sys.float_info.min * 0.5 > 0,  # flushed to 0 by fast-math libraries
    }


def torch_settings(torch: Any) -> dict[str, Callable[[], Any]]:
    cuda, cudnn, attention = torch.backends.cuda.matmul, torch.backends.cudnn, torch.backends.cuda
    module = torch.nn.modules.module
    return {
        "torch's default dtype": torch.get_default_dtype,
        "torch's default device": torch.get_default_device,
        "torch's threads": lambda: (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch's gradient mode": lambda: (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled,
        "torch's deterministic warnings": torch.is_deterministic_algorithms_warn_only_enabled,
        "torch's matmul precision": torch.get_float32_matmul_precision,
        "torch's TF32": lambda: (cuda.allow_tf32, cudnn.allow_tf32),
        "torch's half-precision sums": lambda: (
            cuda.allow_fp16_reduced_precision_reduction, cuda.allow_bf16_reduced_precision_reduction
        ),
        "torch's cuDNN": lambda: (cudnn.enabled, cudnn.benchmark, cudnn.deterministic),
        "torch's oneDNN": lambda: torch.backends.mkldnn.enabled,
        "torch's autocast": lambda: [
            (torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")
        ],
        "torch's attention": lambda: (
            attention.flash_sdp_enabled(), attention.mem_efficient_sdp_enabled(), attention.math_sdp_enabled()
        ),
        "torch's anomaly detection": torch.is_anomaly_enabled,
        "torch's hooks of all modules": lambda: [
            [*hooks] for name, hooks in sorted(vars(module).items()) if re.fullmatch("_global_.*_hooks", name)
        ],
    }  # fmt: skip


def answer(probe: Callable[[], Any]) -> Any:
    """The result of a probe, or the type of its error, as for a closed descriptor or a deleted folder."""
    try:
        return probe()
    except Exception as error:
        return type(error)


def file(fd: int) -> tuple[int, int]:
    """Device and inode of an open descriptor."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def umask() -> int:
    """The mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def seed(number: int) -> None:
    """Seed the global random generators. Tasks must not use them, but those that do are at least repeatable."""
    random.seed(number)
    np.random.seed(number)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(number)
