"""The built-in plugins, offered by the same hooks as those of other packages; a kind is imported when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbox.hookspecs import hookimpl

if TYPE_CHECKING:
    from benchbox.executor import Executor
    from benchbox.grid import Grid
    from benchbox.guidance import Guidance
    from benchbox.metric import Metric
    from benchbox.model import Model
    from benchbox.problem import Problem
    from benchbox.sampler import Sampler
    from benchbox.schedule import Schedule


@hookimpl
def benchbox_samplers() -> list[type[Sampler]]:
    from benchbox.samplers.ancestral import Ancestral
    from benchbox.samplers.annealed_langevin import AnnealedLangevin
    from benchbox.samplers.consistency import Consistency
    from benchbox.samplers.ddim import DDIM
    from benchbox.samplers.ddrm import DDRM
    from benchbox.samplers.dps import DPSSampler
    from benchbox.samplers.euler_maruyama import EulerMaruyama
    from benchbox.samplers.flow_map import TCD, FlowMap
    from benchbox.samplers.heun import Heun
    from benchbox.samplers.langevin import Langevin
    from benchbox.samplers.ode import ODE
    from benchbox.samplers.pc import PC
    from benchbox.samplers.repaint import RePaint

    return [
        Ancestral, DDIM, EulerMaruyama, PC, Heun, AnnealedLangevin, Langevin, ODE, DPSSampler, DDRM, RePaint,
        Consistency, FlowMap, TCD,
    ]  # fmt: skip


@hookimpl
def benchbox_schedules() -> list[type[Schedule]]:
    from benchbox.schedules.exploding import EDM, VE, Brownian
    from benchbox.schedules.flow import Flow
    from benchbox.schedules.vp import DDPM, VP, Cosine, SubVP

    return [DDPM, Cosine, VP, SubVP, VE, Brownian, EDM, Flow]


@hookimpl
def benchbox_grids() -> list[type[Grid]]:
    from benchbox.grids.file import FileGrid
    from benchbox.grids.indices import Leading, Trailing
    from benchbox.grids.levels import Karras, KarrasOpen, LogSNR, Quadratic, Shifted, Uniform

    return [Uniform, Quadratic, LogSNR, Karras, KarrasOpen, Leading, Trailing, Shifted, FileGrid]


@hookimpl
def benchbox_models() -> list[type[Model]]:
    from benchbox.models.bundled import MnistConsistency, MnistDDPM, MnistEDM, MnistNCSN
    from benchbox.models.empirical import Empirical
    from benchbox.models.fractal import Fractal
    from benchbox.models.gaussian import Gaussian
    from benchbox.models.mixture import Mixture
    from benchbox.models.mixture25 import Mixture25
    from benchbox.models.own_card import CardFile
    from benchbox.models.python import Python
    from benchbox.models.texture import Texture
    from benchbox.models.torchscript import TorchScript

    return [
        MnistEDM, MnistConsistency, MnistDDPM, MnistNCSN, Gaussian, Mixture, Mixture25, Fractal, Texture, Empirical,
        CardFile, TorchScript, Python,
    ]  # fmt: skip


@hookimpl
def benchbox_metrics() -> list[type[Metric]]:
    from benchbox.metrics.bound import VariationalBound
    from benchbox.metrics.class_accuracy import ClassAccuracy
    from benchbox.metrics.coverage import Coverage
    from benchbox.metrics.crps import CRPS
    from benchbox.metrics.energy import Energy
    from benchbox.metrics.fid import FID
    from benchbox.metrics.inception_score import InceptionScore
    from benchbox.metrics.kid import KID
    from benchbox.metrics.likelihood import BitsPerDim
    from benchbox.metrics.lpips import LPIPS
    from benchbox.metrics.mmd import MMD
    from benchbox.metrics.mode_coverage import ModeCoverage
    from benchbox.metrics.modes import Modes
    from benchbox.metrics.ode_error import ODEError
    from benchbox.metrics.precision_recall import PrecisionRecall
    from benchbox.metrics.psnr import PSNR
    from benchbox.metrics.residual import Residual
    from benchbox.metrics.sliced import SlicedW1, SlicedW2
    from benchbox.metrics.ssim import SSIM
    from benchbox.metrics.teacher_error import TeacherError
    from benchbox.metrics.wasserstein import W2

    return [
        FID, KID, InceptionScore, PrecisionRecall, W2, SlicedW2, Energy, MMD, Modes, ModeCoverage, ODEError,
        BitsPerDim, VariationalBound, ClassAccuracy, SlicedW1, PSNR, SSIM, LPIPS, Residual, CRPS, Coverage,
        TeacherError,
    ]  # fmt: skip


@hookimpl
def benchbox_guidances() -> list[type[Guidance]]:
    from benchbox.guidances.autoguidance import Autoguidance
    from benchbox.guidances.cfg import CFG
    from benchbox.guidances.classifier import Classifier
    from benchbox.guidances.ddnm import DDNM
    from benchbox.guidances.diffpir import DiffPIR
    from benchbox.guidances.dps import DPS
    from benchbox.guidances.mmps import MMPS
    from benchbox.guidances.oracle import Oracle
    from benchbox.guidances.pigdm import PiGDM
    from benchbox.guidances.tmpd import TMPD

    return [CFG, Autoguidance, Classifier, Oracle, MMPS, PiGDM, TMPD, DPS, DiffPIR, DDNM]


@hookimpl
def benchbox_problems() -> list[type[Problem]]:
    from benchbox.problems.clip import Clip
    from benchbox.problems.deblur import Deblur
    from benchbox.problems.denoise import Denoising
    from benchbox.problems.inpaint import Inpaint
    from benchbox.problems.linear import Linear
    from benchbox.problems.random_linear import RandomLinear
    from benchbox.problems.super_resolution import SuperResolution

    return [Inpaint, SuperResolution, Deblur, Denoising, Linear, RandomLinear, Clip]


@hookimpl
def benchbox_executors() -> list[type[Executor]]:
    from benchbox.executors.local import Local
    from benchbox.executors.on_ray import Ray

    return [Local, Ray]
