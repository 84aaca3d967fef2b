"""The content of the site: an index, a page for each sampler and each model, and the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from benchbox.report.page.content import View, views
from benchbox.report.page.evidence import BudgetJSON, CertificateJSON, Picture
from benchbox.report.page.table import with_commands
from benchbox.report.plots.chart import Chart
from benchbox.report.plots.tradeoff import tradeoffs
from benchbox.report.ranking import boards
from benchbox.report.rows import plugin_rows
from benchbox.report.table import Defaults, shared
from benchbox.store.schema import SCORED

Descriptions = Callable[[str], Sequence[str]]
"""From the name of a sampler to the paragraphs of its description; none where it is unknown."""


def no_description(name: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Site:
    """The content of a site. certificates, budgets: of any of the samplers."""

    rows: pd.DataFrame
    defaults: Defaults
    certificates: Sequence[CertificateJSON] = ()
    budgets: Sequence[BudgetJSON] = ()
    pictures: Sequence[Picture] = ()
    description: Descriptions = no_description

    @cached_property
    def ran_here(self) -> pd.DataFrame:
        """The rows of cells that ran here. The cost of samples that were made elsewhere is unknown."""
        return self.rows[~self.rows["sampler"].astype(str).str.startswith(SCORED)]

    @cached_property
    def views(self) -> list[View]:
        return views(boards(self.ran_here), self.defaults, shared(plugin_rows(self.ran_here), self.defaults))

    @cached_property
    def tradeoffs(self) -> dict[str, dict[str, Chart]]:
        """The charts of quality against the scale of a guidance, by model."""
        by_model = {name: self.ran_here[self.ran_here["model"] == name] for name in self.names("model")}
        by_guidance = {name: tradeoffs(rows, self.defaults) for name, rows in by_model.items()}
        return {name: charts for name, charts in by_guidance.items() if charts}

    @cached_property
    def lines(self) -> pd.DataFrame:
        return with_commands(self.ran_here, self.defaults)

    def names(self, column: str) -> list[str]:
        return sorted(self.ran_here[column].dropna().astype(str).unique())
