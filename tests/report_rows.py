"""Synthetic rows for the tests of reports: what is not said is as a plain run has it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

COMMAND = "benchbox run --sampler heun,ddim --nfe 10"

USUAL: dict[str, Any] = {
    "stream": "0" * 16,
    "sampler": "heun", "sampler_options": "{}", "sampler_package": "benchbox-diffusion", "sampler_version": "0.1.0",
    "model": "net", "model_options": "{}", "model_sha256": "ab", "schedule": "edm", "schedule_options": "{}",
    "grid": "karras", "grid_options": '{"rho": 7.0}', "dataset": "mnist", "seed": 0, "n_samples": 1000,
    "dtype": "float32", "final": "denoise", "guidance": None, "nfe_requested": 10, "nfe": 10.0, "samples_per_s": 100.0,
    "gpu_mem_peak_mb": None, "rss_peak_mb": 500.0, "timing_valid": True, "fid": 4.0, "fid_features": "mnist-cnn",
    "metric_options": json.dumps({"fid": {}}), "status": "done", "reason": None, "device": "CPU", "cuda": None,
    "command": COMMAND,
}  # fmt: skip


def rows(*lines: dict[str, Any]) -> pd.DataFrame:
    """A frame as `load_results` gives it, of rows that differ from the usual one in what each line says."""
    frame = pd.DataFrame([USUAL | {"cell": f"cell{i}"} | line for i, line in enumerate(lines)])
    return frame.astype({"gpu_mem_peak_mb": "float64"})


def known(value: float, error: float) -> dict[str, float]:
    """An FID with a 95 % interval that has this standard error."""
    return {"fid": value, "fid_low": value - 1.96 * error, "fid_high": value + 1.96 * error}


def nothing_usual(kind: str, name: str) -> dict[str, Any]:
    """No defaults are known: every option is said."""
    return {}
