"""The built-in metrics."""

from benchbox.hookspecs import hookimpl
from benchbox.metric import Metric
from benchbox.metrics.bound import VariationalBound
from benchbox.metrics.class_accuracy import ClassAccuracy
from benchbox.metrics.energy import Energy
from benchbox.metrics.fid import FID
from benchbox.metrics.inception_score import InceptionScore
from benchbox.metrics.kid import KID
from benchbox.metrics.likelihood import BitsPerDim
from benchbox.metrics.mmd import MMD
from benchbox.metrics.modes import Modes
from benchbox.metrics.ode_error import ODEError
from benchbox.metrics.precision_recall import PrecisionRecall
from benchbox.metrics.sliced import SlicedW2
from benchbox.metrics.wasserstein import W2


@hookimpl
def benchbox_metrics() -> list[type[Metric]]:
    return [
        FID, KID, InceptionScore, PrecisionRecall, W2, SlicedW2, Energy, MMD, Modes, ODEError, BitsPerDim,
        VariationalBound, ClassAccuracy,
    ]  # fmt: skip
