"""What a plugin class must be, which package offers it, and how it is listed."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import MISSING, dataclass, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchbox.coercion import type_words
from benchbox.errors import sentence
from benchbox.executor import Executor
from benchbox.grid import Grid
from benchbox.guidance import Guidance
from benchbox.metric import Metric
from benchbox.model import Model
from benchbox.options import default_values, defaults, hints
from benchbox.problem import Problem
from benchbox.project_packages import DISTRIBUTION
from benchbox.sampler import Sampler
from benchbox.schedule import Schedule

BASES: dict[str, type] = {
    "sampler": Sampler,
    "schedule": Schedule,
    "grid": Grid,
    "model": Model,
    "metric": Metric,
    "guidance": Guidance,
    "problem": Problem,
    "executor": Executor,
}
"""Each kind of plugin and the class that its plugins extend."""

try:
    OWN_VERSION = version(DISTRIBUTION)
except PackageNotFoundError:  # the code runs from a checkout
    OWN_VERSION = "0+unknown"

PLUGIN_NAME = r"[\w+-]+(:[\w+.-]+)?"
"""A plugin's name: a word, or prefix:Word for a method of another library (`diffusers:DDIMScheduler`)."""

NEVER_FIELDS = {
    "sampler": {
        "name",
        "aliases",
        "evals_per_step",
        "grid",
        "needs_grad",
        "biased_by",
        "continuous_limit",
        "uses_measurement",
        "one_level",
        "uses_jumps",
    },
    "guidance": {"name", "aliases", "continuous_limit", "uses_measurement"},
    "problem": {"name", "aliases", "linear"},
}
"""Class attributes that a plugin sets without an annotation: annotated, they would be options."""


@dataclass(frozen=True)
class Listing:
    """A plugin in plain values; an option that must be given has no "default"."""

    kind: str
    name: str
    aliases: list[str]
    summary: str
    options: list[dict[str, Any]]


@dataclass(frozen=True)
class Offer:
    """A plugin class and the package that offers it."""

    kind: str
    cls: Any
    package: str
    version: str

    @property
    def listing(self) -> Listing:
        return listing(self.kind, self.cls)


def listing(kind: str, cls: Any) -> Listing:
    """A plugin class in plain values. TypeError where a default has no plain value: no row could hold it."""
    types_, plain = hints(cls), json.loads(json.dumps(default_values(cls)))
    biased = getattr(cls, "biased_by", ())
    options = [
        {"name": name, "takes": type_words(types_[name])}
        | ({} if value is MISSING else {"default": plain[name]})
        | ({"changes_law": True} if name in biased else {})
        for name, value in defaults(cls).items()
    ]
    return Listing(kind, cls.name, list(cls.aliases), next(iter(paragraphs(cls)), ""), options)


def paragraphs(cls: type) -> list[str]:
    """The paragraphs of a class's docstring, each on one line; none for a class without one."""
    texts = [" ".join(paragraph.split()) for paragraph in (inspect.getdoc(cls) or "").split("\n\n")]
    return [text for text in texts if text]


def plugin_fault(cls: Any, kind: str) -> str | None:
    """Why an object that a hook returned is not a plugin of the kind; None where it is one."""
    base = BASES[kind]
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        return f"benchbox_{kind}s offers {cls!r}, which is not a subclass of {base.__name__}"
    if not is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # of every dataclass
        return f"{kind} {cls.__name__} is not a frozen dataclass"
    if not isinstance(name := getattr(cls, "name", None), str):
        return f"{kind} {cls.__name__} has no name"
    if not isinstance(aliases := cls.aliases, tuple | list):  # type: ignore[attr-defined]  # every base has them
        return f'{kind} {name} has the aliases {aliases!r}: write them as a tuple, such as ("other",)'
    for word in (name, *aliases):
        if not re.fullmatch(PLUGIN_NAME, str(word)):
            rule = "a name has only letters, digits, - _ + and at most one colon, so that a command line can give it"
            return f"{kind} {cls.__name__} is named {word!r}: {rule}"
    if inspect.isabstract(cls):
        return f"{kind} {cls.__name__} lacks {', '.join(sorted(cls.__abstractmethods__))}"
    return _option_fault(cls, kind)


def _option_fault(cls: Any, kind: str) -> str | None:
    try:
        options = hints(cls)
    except Exception as error:
        return f"{kind} {cls.name}: the type of an option cannot be read ({sentence(error)})"
    for option in sorted(NEVER_FIELDS.get(kind, {"name", "aliases"}) & options.keys()):
        return f"{kind} {cls.name} annotates {option}, which would make it an option: remove the annotation"
    try:
        listing(kind, cls)
    except Exception as error:
        return f"{kind} {cls.name}: the default of an option is not a plain value ({sentence(error)})"
    return None
