"""Ranks: equals are tied, differences are told, at the rates that are claimed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_rows import known, rows
from scipy.special import ndtr

from benchbox.report.estimate import Estimate, difference, mean, moderated, p_value
from benchbox.report.prepared import RANKED
from benchbox.report.ranking import boards
from benchbox.report.ties import TEST_SHARE, TIE_LEVEL, range_tail, rank_ranges, separated

TIED, TOLD, ERROR, REPETITIONS = 0.90, 0.95, 0.05, 300


def of_seeds(truth: list[float], generator: np.random.Generator, seeds: int = 8) -> pd.DataFrame:
    """Rows of several seeds, with no interval; one board (a budget) per repetition."""
    cells = itertools.product(range(1, REPETITIONS + 1), enumerate(truth), range(seeds))
    return rows(
        *({"sampler": f"s{i}", "nfe_requested": n, "seed": s, "fid": t + ERROR * seeds**0.5 * generator.normal()}
          for n, (i, t), s in cells)
    )  # fmt: skip


def of_intervals(truth: list[float], generator: np.random.Generator) -> pd.DataFrame:
    """Rows of one seed each, with an interval."""
    cells = itertools.product(range(1, REPETITIONS + 1), enumerate(truth))
    return rows(
        *({"sampler": f"s{i}", "nfe_requested": n, **known(t + ERROR * generator.normal(), ERROR)}
          for n, (i, t) in cells)
    )  # fmt: skip


@pytest.mark.parametrize("measured", [of_seeds, of_intervals])
def test_equals_are_tied_and_four_standard_errors_are_told(measured: object) -> None:
    generator = np.random.default_rng(7)
    apart = 4 * 2**0.5 * ERROR
    equal = boards(measured([4.0, 4.0], generator))  # type: ignore[operator]
    better = boards(measured([4.0 + apart, 4.0], generator))  # type: ignore[operator]
    assert len(equal) == len(better) == REPETITIONS
    ranks = [[(e.rank_low, e.rank_high) for e in board.entries] for board in equal]
    assert np.mean([r == [(1, 2), (1, 2)] for r in ranks]) >= TIED
    ranks = [[(e.setup.sampler, e.rank_low, e.rank_high) for e in board.entries] for board in better]
    assert np.mean([r == [("s1", 1, 1), ("s0", 2, 2)] for r in ranks]) >= TOLD


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 3)), min_size=2, max_size=12))
def test_equal_estimates_have_equal_ranks_wherever_they_stand(drawn: list[tuple[int, int]]) -> None:
    estimates = [Estimate(float(value), 0.5 * error) for value, error in drawn]
    ranks = rank_ranges(estimates)
    same = dict(zip(estimates, ranks, strict=True))
    assert [same[e] for e in estimates] == ranks
    assert [low for low, _ in rank_ranges(estimates[::-1])[::-1]] == [low for low, _ in ranks]


@pytest.mark.parametrize("n", [5, 20])
@pytest.mark.parametrize("known_errors", [True, False], ids=["known errors", "jackknife"])
def test_on_a_board_of_any_size_equals_are_tied_and_one_that_is_better_is_told(n: int, known_errors: bool) -> None:
    generator = np.random.default_rng(3)
    truth = np.array([4 * 2**0.5, *[0.0] * (n - 1)])

    def measured(values: Iterable[float]) -> list[Estimate]:
        if known_errors:
            return [Estimate(v, 1.0) for v in values]
        return [Estimate(v, (generator.chisquare(9) / 9) ** 0.5, 9) for v in values]

    equal = [separated(measured(line)) for line in generator.normal(size=(150, n))]
    better = [separated(measured(line)) for line in generator.normal(size=(150, n)) + truth]
    assert np.mean([not differ.any() for differ in equal]) >= TIED
    assert np.mean([differ[0, 1:] for differ in better]) >= TOLD - 0.02  # 150 repetitions; docs/ties.py makes 2,000
    assert np.mean([not differ[1:, 1:].any() for differ in better]) >= TIED - 0.03


def test_the_best_of_many_is_told_from_them_together_where_it_is_not_from_the_farthest() -> None:
    """4.9 standard errors lie between the extremes: not enough among 20, enough from the mean of the 19."""
    values = [0.0, *np.linspace(4.2, 4.9, 19)]
    assert range_tail(np.array([2 * ndtr(-4.9 / 2**0.5)]), 20) > TIE_LEVEL * TEST_SHARE
    assert separated([Estimate(v, 1.0) for v in values])[0, 1:].all()


def test_errors_lean_on_one_another_as_far_as_they_agree() -> None:
    """Equal ones are pooled; of values drawn with one error, the spread shrinks; far ones keep to their own."""
    alike = moderated([Estimate(0.0, 1.0, 9)] * 4)
    assert alike == [Estimate(0.0, pytest.approx(1.0), 36)] * 4
    generator = np.random.default_rng(0)
    drawn = [Estimate(0.0, (generator.chisquare(4) / 4) ** 0.5, 4) for _ in range(50)]
    assert np.std([e.error for e in moderated(drawn)]) < 0.3 * np.std([e.error for e in drawn])
    far = [Estimate(0.0, error, 9) for error in (1e-3, 1.0, 1e3)]
    assert [e.error for e in moderated(far)] == pytest.approx([e.error for e in far], rel=0.6)
    assert all(e.dof < 10 for e in moderated(far))
    assert moderated([Estimate(0.0, 0.1), Estimate(0.0), Estimate(0.0, 0.2, 3)])[0] == Estimate(0.0, 0.1)


def test_moderated_variances_follow_their_own_law() -> None:
    """Errors drawn from a scaled inverse χ² prior (8 degrees of freedom, scale 1) give that prior back."""
    generator = np.random.default_rng(1)
    variances = 8 / generator.chisquare(8, 4000)
    found = moderated([Estimate(0.0, (v * generator.chisquare(9) / 9) ** 0.5, 9) for v in variances])
    assert found[0].dof - 9 == pytest.approx(8, rel=0.1)


def test_the_interval_of_a_jackknife_has_its_degrees_of_freedom() -> None:
    from benchbox.metrics.uncertainty import BLOCKS

    line = known(4.0, 1.0)
    (plain,), (jackknife,) = (boards(rows(line | more))[0].entries for more in ({}, {"fid_inf": 3.9}))
    assert RANKED["fid"].blocks == BLOCKS
    assert (plain.estimate.dof, jackknife.estimate.dof) == (np.inf, pytest.approx(BLOCKS - 1))
    assert jackknife.estimate.half_width == pytest.approx(plain.estimate.half_width)
    assert plain.estimate.error == pytest.approx(1.0, abs=1e-4)


def test_without_a_correction_seven_equals_would_not_be_tied() -> None:
    generator = np.random.default_rng(3)
    p = [
        min(p_value(difference(Estimate(a, 1.0), Estimate(b, 1.0))) for a, b in itertools.combinations(line, 2))
        for line in generator.normal(size=(200, 7))
    ]
    assert np.mean(np.array(p) > TIE_LEVEL) < TIED


@pytest.mark.parametrize(("n", "q"), [(2, 2.772), (3, 3.314), (5, 3.858), (10, 4.474), (20, 5.012)])
def test_the_law_of_the_range_is_the_one_in_the_tables(n: int, q: float) -> None:
    """Upper 5 % points of the studentised range, infinitely many degrees of freedom (Harter 1960)."""
    p = np.array([2 * ndtr(-q / 2**0.5)])
    assert range_tail(p, n)[0] == pytest.approx(0.05, abs=2e-4)


def test_a_rank_counts_who_is_surely_better_and_who_is_surely_worse() -> None:
    values = [Estimate(3.0, 0.1), Estimate(1.0, 0.1), Estimate(3.1, 0.1), Estimate(9.0, 5.0), Estimate(2.0, 0.1)]
    assert rank_ranges(values) == [(3, 5), (1, 2), (3, 5), (1, 5), (2, 3)]
    assert rank_ranges(values[:3]) == [(2, 3), (1, 1), (2, 3)]


def test_a_value_of_unknown_error_has_a_place_and_does_not_hide_what_is_known() -> None:
    known_ones = [Estimate(1.0, 0.1), Estimate(2.0, 0.1)]
    assert rank_ranges([*known_ones, Estimate(9.0)]) == [(1, 1), (2, 2), (3, 3)]
    assert rank_ranges([*known_ones, Estimate(1.9)]) == [(1, 1), (2, 3), (2, 2)]


def test_exact_values_are_tied_only_where_they_are_equal() -> None:
    assert rank_ranges([Estimate(1.0, 0.0), Estimate(1.0, 0.0), Estimate(2.0, 0.0)]) == [(1, 2), (1, 2), (3, 3)]


def test_the_error_of_a_mean() -> None:
    spread = mean([1.0, 2.0, 3.0])
    assert (spread.value, spread.error, spread.dof) == (2.0, pytest.approx(3**-0.5), 2)
    assert spread.half_width == pytest.approx(4.3027 * 3**-0.5, rel=1e-4)
    assert np.isnan(mean([1.0]).error)
    assert mean([1.0], [0.3]).error == 0.3
    stated = mean([1.0, 1.4], [0.3, 0.4])
    assert (stated.error, stated.dof) == (pytest.approx(0.25), np.inf)
    contradicted = mean([1.0, 2.0], [0.1, 0.1])
    assert (contradicted.error, contradicted.dof) == (pytest.approx(0.5), 1)


def test_welch() -> None:
    """The first of Welch's conditions with equal parts: twice the degrees of freedom; one exact part: the other's."""
    assert difference(Estimate(3, 1, 4), Estimate(1, 1, 4)) == Estimate(2, pytest.approx(2**0.5), pytest.approx(8))
    assert difference(Estimate(3, 1, 4), Estimate(1, 0, 4)).dof == pytest.approx(4)
    assert difference(Estimate(3, 1), Estimate(1, 1)).dof == np.inf
