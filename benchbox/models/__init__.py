"""The built-in models."""

from benchbox.hookspecs import hookimpl
from benchbox.model import Model
from benchbox.models.bundled import CardFile, MnistDDPM, MnistEDM, MnistNCSN
from benchbox.models.empirical import Empirical
from benchbox.models.gaussian import Gaussian
from benchbox.models.mixture import Mixture


@hookimpl
def benchbox_models() -> list[type[Model]]:
    return [MnistEDM, MnistDDPM, MnistNCSN, Gaussian, Mixture, Empirical, CardFile]
