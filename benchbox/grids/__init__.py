"""The built-in grids."""

from benchbox.grid import Grid
from benchbox.grids.indices import Leading, Trailing
from benchbox.grids.levels import Karras, LogSNR, Quadratic, Uniform
from benchbox.hookspecs import hookimpl


@hookimpl
def benchbox_grids() -> list[type[Grid]]:
    return [Uniform, Quadratic, LogSNR, Karras, Leading, Trailing]
