"""The built-in guidances."""

from benchbox.guidance import Guidance
from benchbox.guidances.autoguidance import Autoguidance
from benchbox.guidances.cfg import CFG
from benchbox.guidances.classifier import Classifier
from benchbox.hookspecs import hookimpl


@hookimpl
def benchbox_guidances() -> list[type[Guidance]]:
    return [CFG, Autoguidance, Classifier]
