"""The built-in samplers."""

from benchbox.hookspecs import hookimpl
from benchbox.sampler import Sampler
from benchbox.samplers.ancestral import Ancestral
from benchbox.samplers.annealed_langevin import AnnealedLangevin
from benchbox.samplers.ddim import DDIM
from benchbox.samplers.euler_maruyama import EulerMaruyama
from benchbox.samplers.heun import Heun
from benchbox.samplers.ode import ODE
from benchbox.samplers.pc import PC


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    return [Ancestral, DDIM, EulerMaruyama, PC, Heun, AnnealedLangevin, ODE]
