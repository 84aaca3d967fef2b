"""benchbox doctor: check this machine."""

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
"""What was checked, whether it works (None: absent, and optional), and details."""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check packages, devices, weights and plugins on this machine. Exit status 1 if something is broken."""
    checks = [*check_packages(), *check_devices(), *check_weights(), *check_plugins()]
    if as_json:
        import json

        console.print_json(
            json.dumps([{"what": subject, "ok": ok, "found": details} for subject, ok, details in checks])
        )
    else:
        table = Table("", Column("check", overflow="fold"), Column("details", overflow="fold"))
        for subject, ok, details in checks:
            table.add_row({True: "ok", False: "BROKEN", None: "–"}[ok], Text(subject), Text(details))
        console.print(table)
    raise SystemExit(1 if any(ok is False for _, ok, _ in checks) else 0)


def check_packages() -> Iterator[Finding]:
    from benchbox.project_packages import DISTRIBUTION

    for name in (DISTRIBUTION, "torch", "torchvision", "torch-fidelity", "torchdiffeq", "pandas", "pyarrow"):
        try:
            yield name, True, version(name)
        except PackageNotFoundError:
            yield name, False, "not installed"
    try:
        import torch_fidelity
        import torchvision

        versions = f"{torchvision.__version__}, {torch_fidelity.__version__}"
        yield "torchvision with torch", True, f"import together ({versions})"
    except (ImportError, RuntimeError) as error:
        yield "torchvision with torch", False, f"{error}; install the versions in constraints.txt".splitlines()[0]
    with suppress(PackageNotFoundError):
        problem = f"{version('benchbox')} is an unrelated package: pip uninstall benchbox"
        yield "distribution benchbox", False, problem


def check_devices() -> Iterator[Finding]:
    import torch

    from benchbox.bench.hardware import device_name

    yield "CPU", True, f"{device_name('cpu')}, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        yield "CUDA", None, "torch finds no GPU: cells run on the CPU"
        return
    for i in range(torch.cuda.device_count()):
        total = torch.cuda.get_device_properties(i).total_memory / 2**30
        yield f"cuda:{i}", True, f"{device_name(f'cuda:{i}')}, {total:.0f} GiB"
    from benchbox.bench.hardware import energy_counter
    from benchbox.project_packages import pip_install

    counter = energy_counter(torch.device("cuda"))
    details = "measured" if counter else f"not measurable: {pip_install(extra='energy')}"
    yield "energy (NVML)", True if counter else None, details


def check_weights() -> Iterator[Finding]:
    from benchbox.registry import registry

    for name in registry().names("model"):
        try:
            if name == "card" or not hasattr(registry().find("model", name).cls, "card"):
                continue
            model = registry().get("model", name)
            yield f"model {name}", True, f"{model.weights().stat().st_size / 2**20:.1f} MiB, SHA-256 matches its card"
        except UsageError as error:
            yield f"model {name}", False, str(error)
    try:
        from benchbox.classifier_card import load_classifier
        from benchbox.models.bundled import NOISY_DIGITS

        load_classifier(NOISY_DIGITS, "cpu")
        yield "classifier mnist-classifier", True, "SHA-256 matches its card"
    except UsageError as error:
        yield "classifier mnist-classifier", False, str(error)
    try:
        from benchbox.metrics.mnist_cnn import classifier

        classifier()
        yield "features mnist-cnn", True, "SHA-256 matches its card"
    except (UsageError, ImportError, OSError) as error:
        yield "features mnist-cnn", False, str(error)
    else:
        yield from check_extractors()


def check_extractors() -> Iterator[Finding]:
    """Which of torch-fidelity's feature extractors have their weights on this machine."""
    from benchbox.metrics import weights

    for name, known in weights.known_weights().items():
        try:
            path = weights.find_weights(name)
            yield f"features {name}", True, f"{path}, SHA-256 matches the published one"
        except UsageError as error:
            yield f"features {name}", False if known.path.is_file() and known.sha256 else None, str(error)


def check_plugins() -> Iterator[Finding]:
    from benchbox.registry import registry

    for source in registry().sources:
        details = "; ".join(source.problems) or ", ".join(source.offers)
        yield f"plugins {source.module} ({source.package})", not source.problems, details
