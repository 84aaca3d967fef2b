"""Benchmarks run in one process: pytest-xdist, which runs the tests, would measure two of them at once."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    config.option.numprocesses, config.option.dist = 0, "no"
