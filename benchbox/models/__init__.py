"""The built-in models."""

from benchbox.hookspecs import hookimpl
from benchbox.model import Model
from benchbox.models.bundled import MnistDDPM, MnistEDM, MnistNCSN
from benchbox.models.card_model import CardFile
from benchbox.models.empirical import Empirical
from benchbox.models.gaussian import Gaussian
from benchbox.models.mixture import Mixture
from benchbox.models.python import Python
from benchbox.models.torchscript import TorchScript


@hookimpl
def benchbox_models() -> list[type[Model]]:
    return [MnistEDM, MnistDDPM, MnistNCSN, Gaussian, Mixture, Empirical, CardFile, TorchScript, Python]
