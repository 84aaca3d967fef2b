"""The packages of this project, what the packages of plugins offer, and how to install them.

A message about a plugin that is not there names its package, and a page says where the package is.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "benchbox-diffusion"
"""The package that contains benchbox itself."""

OFFERED: dict[str, dict[str, str]] = {
    "benchbox-solvers": {
        "sampler": "dpm-solver dpm-solver-2 dpm-solver++2s dpmpp-2s dpm-solver++2m dpm-solver++ dpmpp dpmpp-2m "
        "dpm-solver++3m dpmpp-3m dpm-solver++sde dpmpp-sde dpm-solver++2m-sde dpmpp-2m-sde dpm-solver++3m-sde "
        "dpmpp-3m-sde unipc uni-pc deis pndm ipndm lms ipndm-v euler-ancestral euler-a dpm2 dpm2-ancestral dpm2-a "
        "exponential-integrator ei sde-dpm-solver sa-solver",
        "grid": "simple ddim-uniform ddim_uniform sgm-uniform sgm_uniform beta linear-quadratic linear_quadratic "
        "kl-optimal kl_optimal polyexponential ays-sd15 align-your-steps ays-sdxl ays-svd gits-cifar10 oss-flux",
    },
    "benchbox-diffusers": {
        "sampler": "diffusers:*", "grid": "diffusers:*", "schedule": "diffusers", "model": "diffusers",
        "metric": "clip_score reward",
    },
    "benchbox-edm": {"model": "nvidia-edm"},
    "benchbox-guidance": {"guidance": "apg cfg-zero-star cfg-plus-plus"},
}  # fmt: skip
"""Names and aliases by package and kind of plugin; * stands for any text. A test compares them with the packages."""


def package_of(kind: str, name: str) -> str | None:
    """The package of the project that offers a name of a kind (`plugin`: of any); None for other names."""
    for package, kinds in OFFERED.items():
        patterns = kinds.values() if kind == "plugin" else [kinds.get(kind, "")]
        if any(fnmatchcase(name, pattern) for names in patterns for pattern in names.split()):
            return package
    return None


def package_location(package: str) -> str:
    """Where a package of the project is; "" for the packages of others, which may be anywhere."""
    if package == DISTRIBUTION:
        return "benchbox itself"
    return f"in plugins/{package} of the benchbox repository" if package in OFFERED else ""


def pip_install(package: str = DISTRIBUTION, extra: str = "") -> str:
    """The command that installs a package of the project, with optional dependencies; no package index has them."""
    folder = "." if package == DISTRIBUTION else f"./plugins/{package}"
    source = f"'{folder}[{extra}]'" if extra else folder
    return f"pip install {source} in a checkout of benchbox"


def why_missing(package: str) -> str:
    """Why the plugins of a package are not there, and what to do."""
    try:
        version(package)
    except PackageNotFoundError:
        return f"which is not installed: {pip_install(package)}"
    return "which is installed and not loaded: benchbox list plugins says why, unless BENCHBOX_PLUGINS excludes it"
