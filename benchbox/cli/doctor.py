"""benchbox doctor: what works on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from benchbox.cli.common import console
from benchbox.errors import UsageError

Finding = tuple[str, bool | None, str]
"""What was looked at, whether it is well (None: absent, and not needed), and what was found."""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what works on this machine: packages, device, weights, plugins; exit status 1 if something is broken."""
    checks = [*check_packages(), *device(), *check_weights(), *plugins()]
    if as_json:
        import json

        console.print_json(json.dumps([{"what": w, "ok": ok, "found": f} for w, ok, f in checks]))
    else:
        table = Table("", Column("what", overflow="fold"), Column("found", overflow="fold"))
        for what, ok, found in checks:
            table.add_row({True: "ok", False: "BROKEN", None: "–"}[ok], Text(what), Text(found))
        console.print(table)
    raise SystemExit(1 if any(ok is False for _, ok, _ in checks) else 0)


def check_packages() -> Iterator[Finding]:
    from benchbox.plugin import DISTRIBUTION

    for name in (DISTRIBUTION, "torch", "torchvision", "torch-fidelity", "torchdiffeq", "pandas", "pyarrow"):
        try:
            yield name, True, version(name)
        except PackageNotFoundError:
            yield name, False, "not installed"
    try:
        import torch_fidelity
        import torchvision

        yield (
            "torchvision with torch",
            True,
            f"import together ({torchvision.__version__}, {torch_fidelity.__version__})",
        )
    except (ImportError, RuntimeError) as error:
        yield "torchvision with torch", False, f"{error}; install the pair that constraints.txt names".splitlines()[0]
    with suppress(PackageNotFoundError):
        found = f"{version('benchbox')} is somebody else's package: pip uninstall benchbox"
        yield "distribution benchbox", False, found


def device() -> Iterator[Finding]:
    import torch

    from benchbox.bench.meter import device_name

    yield "CPU", True, f"{device_name('cpu')}, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        yield "CUDA", None, "no GPU that torch can use: runs are on the CPU"
        return
    for i in range(torch.cuda.device_count()):
        total = torch.cuda.get_device_properties(i).total_memory / 2**30
        yield f"cuda:{i}", True, f"{device_name(f'cuda:{i}')}, {total:.0f} GiB"
    from benchbox.bench.meter import energy_counter

    counter = energy_counter(torch.device("cuda"))
    yield (
        "energy (NVML)",
        True if counter else None,
        "measured" if counter else "not measurable: pip install benchbox-diffusion[energy]",
    )


def check_weights() -> Iterator[Finding]:
    from benchbox.registry import registry

    for name in registry().names("model"):
        try:
            if name == "card" or not hasattr(registry().find("model", name).cls, "card"):
                continue
            model = registry().get("model", name)
            yield f"model {name}", True, f"{model.weights().stat().st_size / 2**20:.1f} MiB, SHA-256 as its card says"
        except UsageError as error:
            yield f"model {name}", False, str(error)
    try:
        from benchbox.metrics.mnist_cnn import classifier

        classifier()
        yield "features mnist-cnn", True, "SHA-256 as its card says"
    except (UsageError, ImportError, OSError) as error:
        yield "features mnist-cnn", False, str(error)
    else:
        yield from extractors()


def extractors() -> Iterator[Finding]:
    """Which of torch-fidelity's extractors have their weights here."""
    from benchbox.metrics import weights

    for name, known in weights.KNOWN_WEIGHTS.items():
        try:
            path = weights.find_weights(name)
            yield f"features {name}", True, f"{path}, SHA-256 as published"
        except UsageError as error:
            yield f"features {name}", False if known.path.is_file() and known.sha256 else None, str(error)


def plugins() -> Iterator[Finding]:
    from benchbox.registry import registry

    for source in registry().sources:
        found = "; ".join(source.problems) or ", ".join(source.offers)
        yield f"plugins {source.module} ({source.package})", not source.problems, found
