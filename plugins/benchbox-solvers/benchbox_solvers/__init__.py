"""Fast ODE and SDE solvers, as samplers of benchbox, and the levels that papers and user interfaces have for them."""

from __future__ import annotations

from benchbox import Grid, Sampler, hookimpl
from benchbox_solvers.ancestral import DPM2, DPM2Ancestral, EulerAncestral
from benchbox_solvers.deis import DEIS
from benchbox_solvers.dpm_solver import DPMSolver
from benchbox_solvers.dpm_solver_pp import DPMSolverPP2M, DPMSolverPP2S, DPMSolverPP3M
from benchbox_solvers.dpm_solver_sde import DPMSolverPP2MSDE, DPMSolverPP3MSDE, DPMSolverPPSDE
from benchbox_solvers.exponential import ExponentialIntegrator
from benchbox_solvers.interface_grids import (
    Beta,
    DDIMUniform,
    KLOptimal,
    LinearQuadratic,
    PolyExponential,
    SGMUniform,
    Simple,
)  # fmt: skip
from benchbox_solvers.lms import LMS
from benchbox_solvers.pndm import IPNDM, PNDM
from benchbox_solvers.published_grids import AYSSD15, AYSSDXL, AYSSVD, GITSCIFAR10, OSSFlux
from benchbox_solvers.sa_solver import SASolver
from benchbox_solvers.unipc import UniPC


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    return [
        DPMSolver, DPMSolverPP2S, DPMSolverPP2M, DPMSolverPP3M, DPMSolverPPSDE, DPMSolverPP2MSDE, DPMSolverPP3MSDE,
        UniPC, DEIS, PNDM, IPNDM, LMS, EulerAncestral, DPM2, DPM2Ancestral, ExponentialIntegrator, SASolver,
    ]  # fmt: skip


@hookimpl
def benchbox_grids() -> list[type[Grid]]:
    return [
        Simple, DDIMUniform, SGMUniform, Beta, LinearQuadratic, KLOptimal, PolyExponential,
        AYSSD15, AYSSDXL, AYSSVD, GITSCIFAR10, OSSFlux,
    ]  # fmt: skip
