"""Every built-in sampler, schedule and grid says which paper it is from."""

from __future__ import annotations

import inspect
import re

import pytest

from benchbox.builtins import benchbox_grids, benchbox_samplers, benchbox_schedules

PLUGINS = [*benchbox_samplers(), *benchbox_schedules(), *benchbox_grids()]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_names_its_paper_with_its_arxiv_number(plugin: type) -> None:
    assert re.search(r"arXiv:\d{4}\.\d{5}", inspect.getdoc(plugin) or "")


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_two_papers_are_not_cited_as_one(plugin: type) -> None:
    """Song et al. 2021 is the SDE paper; DDIM is of Song, Meng & Ermon, NCSN of Song & Ermon."""
    text = inspect.getdoc(plugin) or ""
    numbers = {
        "Song et al. 2021": "2011.13456",
        "Song, Meng & Ermon 2021": "2010.02502",
        "Song & Ermon 2019": "1907.05600",
    }
    for authors, number in numbers.items():
        assert (authors in text) == (number in text)
    assert "Song et al. 2020" not in text
