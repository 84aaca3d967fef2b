"""The picture of samples in the README: python docs/samples.py docs/samples.png

Three samplers at four budgets on the default model, all from the same noise. `benchbox plot --kind samples` makes such
a picture for any samplers and any model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import benchbox
from benchbox.report.plots.gallery import Panel, draw_gallery

SAMPLERS = {"ancestral": "ancestral", "ddim": "ddim, η = 0", "heun": "heun"}
BUDGETS = (5, 10, 20, 35)


def panel(sampler: str, nfe: int) -> Panel:
    """16 samples at a budget."""
    return Panel(f"NFE {nfe}", benchbox.sample(sampler, model="mnist-edm", nfe=nfe, n=16, seed=0).numpy())


if __name__ == "__main__":
    rows = [(title, [panel(sampler, nfe) for nfe in BUDGETS]) for sampler, title in SAMPLERS.items()]
    draw_gallery(rows, Path(sys.argv[1]))
