"""NVIDIA's EDM and EDM2 networks as models of benchbox."""

from __future__ import annotations

from benchbox import Model, hookimpl
from benchbox_edm.model import NvidiaEDM


@hookimpl
def benchbox_models() -> list[type[Model]]:
    return [NvidiaEDM]
