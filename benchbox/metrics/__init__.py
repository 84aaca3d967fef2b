"""The built-in metrics."""

from benchbox.hookspecs import hookimpl
from benchbox.metric import Metric
from benchbox.metrics.fid import FID
from benchbox.metrics.ode_error import ODEError
from benchbox.metrics.wasserstein import W2, SlicedW2


@hookimpl
def benchbox_metrics() -> list[type[Metric]]:
    return [FID, W2, SlicedW2, ODEError]
