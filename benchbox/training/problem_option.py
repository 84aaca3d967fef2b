"""The problem of a network that takes a measurement, as `benchbox train --problem` names it."""

from __future__ import annotations

from benchbox.errors import UsageError
from benchbox.options import hints
from benchbox.problem import Problem
from benchbox.registry import registry


def parsed_problem(text: str) -> Problem:
    """A problem as NAME[:VALUE][:OPTION=VALUE…]; a value alone is that of the first option, such as a factor."""
    name, *items = text.split(":")
    cls = registry().find("problem", name).cls
    own = [option for option in hints(cls) if option not in Problem.__dataclass_fields__]
    options = {}
    for item in items:
        option, equals, value = item.partition("=")
        if not equals and not own:
            raise UsageError(f"--problem {text}: {name} has no options of its own.")
        options.update({option: value} if equals else {own[0]: item})
    problem: Problem = registry().get("problem", name, options)
    return problem
