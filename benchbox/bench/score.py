"""Scores of existing samples: a row without NFE, schedule and grid."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from benchbox.bench.hardware import device_name
from benchbox.bench.identity import weights_sha256
from benchbox.bench.no_run import NoRun
from benchbox.bench.plan import Row
from benchbox.bench.provenance import machine, package_versions, plugin_packages
from benchbox.bench.row import (
    checked_row,
    metric_values,
    missing_metrics,
    now,
    plain_columns,
    with_metrics,
    with_values,
)
from benchbox.bench.samples import as_data
from benchbox.errors import UsageError, sentence
from benchbox.hookspecs import CONTRACT
from benchbox.inputs.images import Images
from benchbox.metric import Context, Metric
from benchbox.model import Model
from benchbox.options import describe
from benchbox.registry import OWN_VERSION
from benchbox.store.leases import Leases
from benchbox.store.paths import digest, dumps
from benchbox.store.schema import SCORED
from benchbox.store.store import Store
from benchbox.store.values import value_columns

ScoreTick = Callable[[int], None]  # called with the number of samples measured so far


@dataclass(frozen=True)
class Score:
    """Samples with a name, the model whose data they should resemble, and the metrics.

    model_is_given: whether the user named the model.
    """

    samples: Images
    name: str
    model: Model
    model_is_given: bool
    metrics: tuple[Metric, ...]
    seed: int = 0
    batch_size: int = 64
    device: str = "cpu"
    command: str = ""

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The samples as the model's data, with their numbers. UsageError where their shape differs."""
        for first in range(0, len(self.samples), self.batch_size):
            batch = np.array(self.samples[first : first + self.batch_size])
            yield as_data(batch, self.model), torch.arange(first, first + len(batch))

    @cached_property
    def contents(self) -> str:
        contents = hashlib.sha256()
        for x, _ in self.batches():
            contents.update(x.numpy().tobytes())
        return contents.hexdigest()

    def identity(self) -> dict[str, Any]:
        model = {
            "model": self.model.title, "model_options": dumps(describe(self.model)),
            "model_sha256": weights_sha256(self.model),
        }  # fmt: skip
        return {
            "sampler": f"{SCORED}{self.name}", "sampler_options": "{}", "dataset": self.model.dataset,
            "seed": self.seed, "benchbox": OWN_VERSION, "contract": CONTRACT,
            **(model if self.model_is_given else {"model": None, "model_options": "{}", "model_sha256": None}),
        }  # fmt: skip

    @cached_property
    def stream(self) -> str:
        return digest([self.identity(), self.contents])

    @cached_property
    def id(self) -> str:
        return digest([self.stream, len(self.samples), device_name(self.device)])

    def row(self, metrics: dict[str, Metric]) -> dict[str, Any]:
        names = {package.split()[0] for plugin in (self.model, *self.metrics) for package in plugin_packages(plugin)}
        return self.identity() | machine(self.device) | {
            "stream": self.stream, "cell": self.id, "n_samples": len(self.samples), "batch_size": self.batch_size,
            "schedule": None, "schedule_options": "{}", "grid": None, "grid_options": "{}", "guidance": None,
            "nfe_requested": None, "nfe": None, "nfe_max": None, "timing_valid": False, "status": "done",
            "reason": None, "executor": "local", "packages": package_versions(names), "command": self.command,
            "started_at": now(), **value_columns(metric_values(metrics, self.model)),
        }  # fmt: skip

    def compute(self, metrics: dict[str, Metric], tick: ScoreTick) -> dict[str, dict[str, Any]]:
        device = torch.device(self.device)
        denoiser, schedule, grid = (cast(Any, NoRun(component)) for component in ("denoiser", "schedule", "grid"))
        context = Context(self.model, denoiser, schedule, grid, device, self.seed)
        accumulators, columns = {}, {}
        for label, metric in metrics.items():
            with measuring(label):
                accumulators[label] = metric.start(context)
        for x, index in self.batches():
            for label, accumulator in accumulators.items():
                with measuring(label):
                    accumulator.update(x.to(device), index.to(device))
            tick(int(index[-1]) + 1)
        for label, metric in metrics.items():
            with measuring(label):
                columns[label] = plain_columns(metric, accumulators[label].compute())
        return columns


@contextmanager
def measuring(label: str) -> Iterator[None]:
    """Any error inside becomes a UsageError that names the metric."""
    try:
        yield
    except Exception as error:
        raise UsageError(f"metric {label} cannot measure these samples: {sentence(error)}.") from error


def measure_samples(score: Score, store: Store, force: bool = False, tick: ScoreTick = lambda n: None) -> Row:
    """Store the row of samples and return it; metrics that it has are computed again only with force. UsageError."""
    store.prepare()
    for metric in score.metrics:
        metric.check(score.model)
        metric.check_problem(None, score.model)
    with Leases(store.directory) as leases:
        if not leases.take(score.id):
            raise UsageError("another process measures these samples: wait until it has finished.")
        stored = None if force else store.get(score.id)
        metrics = missing_metrics(score.metrics, score.model, stored)
        row = stored or {}
        if metrics or stored is None:
            row = checked_row(with_values(score.row(metrics), score.compute(metrics, tick)))
            row = with_metrics(stored, row) if stored else row
            store.put(row)
    return row
