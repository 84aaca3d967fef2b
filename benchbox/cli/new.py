"""benchbox new: a plugin of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbox.cli.common import console


def new(
    kind: Annotated[str, typer.Argument(help="sampler, model, schedule, guidance or metric.")],
    name: Annotated[str, typer.Argument(help="Its name on the command line, and that of its folder: my-sampler.")],
) -> None:
    """Write a pip package of your own plugin into a folder of its name: it installs, passes its tests and runs."""
    from benchbox.scaffold import USE, write_package

    for path in write_package(kind, name, Path()):
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    use = USE[kind].format(name=name)
    say = f"next: pip install ./{name} && pytest {name} && benchbox run {use}"
    console.print(say, markup=False, soft_wrap=True)
