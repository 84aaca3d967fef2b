"""The built-in schedules."""

from benchbox.hookspecs import hookimpl
from benchbox.schedule import Schedule
from benchbox.schedules.ddpm import DDPM
from benchbox.schedules.exploding import EDM, VE, Brownian
from benchbox.schedules.flow import Flow
from benchbox.schedules.vp import VP, Cosine, SubVP


@hookimpl
def benchbox_schedules() -> list[type[Schedule]]:
    return [DDPM, Cosine, VP, SubVP, VE, Brownian, EDM, Flow]
