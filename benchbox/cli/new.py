"""benchbox new: a package for your own plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.cli.common import console


def new(
    kind: Annotated[str, typer.Argument(help="sampler, model, schedule, guidance, problem or metric.")],
    name: Annotated[str, typer.Argument(help="Name of the plugin and of its folder, such as my-sampler.")],
) -> None:
    """Write a pip package for a plugin of your own. It installs, passes its tests and runs as it is."""
    from benchbox.scaffold import USE, write_package

    for path in write_package(kind, name, Path()):
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    options = USE[kind].format(name=name)
    next_step = f"next: pip install ./{name} && pytest {name} && benchbox run {options}"
    console.print(next_step, markup=False, soft_wrap=True)
