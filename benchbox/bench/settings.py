"""--set [PLUGIN.]OPTION=V[,V…]: the variants of each chosen plugin, the product of the values of its options."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from benchbox.card import read_card
from benchbox.coercion import KIND_OF, alternatives
from benchbox.commas import comma_list
from benchbox.errors import UsageError, unknown
from benchbox.executor import Executor
from benchbox.options import defaults, hints
from benchbox.registry import registry


@dataclass
class Setting:
    """The values of an option; prefix: the plugin that it is for (None: every chosen plugin that has the option)."""

    prefix: str | None
    option: str
    values: Sequence[Any]
    used: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.prefix}.{self.option}" if self.prefix else self.option


def parse_settings(texts: Iterable[str]) -> list[Setting]:
    """Settings from the command line. UsageError where one is not [PLUGIN.]OPTION=V[,V…]."""
    settings = []
    for text in texts:
        key, equals, values = text.partition("=")
        prefix, _, option = key.rpartition(".")
        if not equals or not option or not values:
            raise UsageError(f"--set {text} is not of the form [PLUGIN.]OPTION=VALUE[,VALUE…].")
        settings.append(Setting(prefix or None, option, comma_list(values)))
    return settings


def model_named(name: str) -> tuple[str, dict[str, str]]:
    """The model plugin that a name on the command line means, and the required option that the name contains.

    PLUGIN, PLUGIN:VALUE (VALUE is its required option, as in torchscript:FILE), or the path of a card, PATH.json.
    """
    plugin, colon, value = name.partition(":")
    if registry().matches("model", name):
        return name, {}
    if name.endswith(".json") and not (colon and registry().matches("model", plugin)):
        plugin, colon, value = read_card(Path(os.path.expanduser(name))).plugin, ":", name
        if not registry().matches("model", plugin):
            raise UsageError(f"{name} is a card of the model plugin {plugin!r}, which is not installed.")
    if not registry().matches("model", plugin) and (hints := hinted(name)):
        raise UsageError(f"there is no model {name!r}: write {', or '.join(hints)}.")
    if colon and not registry().matches("model", plugin):
        raise registry().unknown("model", plugin)
    return named_with_value("model", f"{plugin}{colon}{value}" if colon else name)


def named_with_value(kind: str, name: str) -> tuple[str, dict[str, str]]:
    """The plugin of PLUGIN:VALUE and its required option, which VALUE is; or the name and no option."""
    plugin, colon, value = name.partition(":")
    if not colon or registry().matches(kind, name) or not registry().matches(kind, plugin):
        return name, {}
    cls = registry().find(kind, plugin).cls
    required = [option for option, default in defaults(cls).items() if default is MISSING]
    if len(required) != 1:
        right = f"--{kind} {plugin}, and options with --set"
        raise UsageError(f"{kind} {plugin} takes no value after a colon: write {right}.")
    if not value:
        raise UsageError(f"--{kind} {name} is not complete: write {plugin}:{required[0].upper()}.")
    return plugin, {required[0]: value}


def hinted(name: str) -> list[str]:
    """What to write instead of a path that was given as a model's name, according to the model plugins."""
    path, hints = Path(name), list[str | None]()
    if not path.exists() and (":" in name or not path.suffix):
        return []
    for offer in (o for name in registry().names("model") for o in registry().offers("model", name)):
        with suppress(Exception):  # a plugin package that fails
            hints.append(offer.cls.hint(path))
    return [hint for hint in hints if hint]


class Settings:
    """The settings of one request, passed to the plugins as they are built; an unused setting is an error."""

    def __init__(self, settings: Iterable[Setting] = ()) -> None:
        # a setting with a prefix is applied last, so it wins
        self.settings = sorted(settings, key=lambda setting: setting.prefix is not None)
        self.options: dict[str, set[str]] = {}

    def variants(self, kind: str, name: str) -> list[Any]:
        """The plugins that a name means: one for each combination of the values that the settings give its options.

        name: PLUGIN or PLUGIN:VALUE (VALUE is its required option, as in file:FILE), or a model's card (`model_named`).
        """
        plugin, required_option = model_named(name) if kind == "model" else named_with_value(kind, name)
        cls = registry().find(kind, plugin).cls
        types_, names = hints(cls), {plugin, cls.name}
        self.options.setdefault(cls.name, set()).update(types_)
        lists: dict[str, list[Any]] = {option: [value] for option, value in required_option.items()}
        for setting in self.settings:
            if setting.option in types_ and (setting.prefix is None or setting.prefix in names):
                setting.used = True
                lists[setting.option] = self._values(types_[setting.option], setting.values)
        combinations = (dict(zip(lists, values, strict=True)) for values in product(*lists.values()))
        return [registry().get(kind, plugin, options) for options in combinations]

    def _values(self, hint: Any, values: Sequence[Any]) -> list[Any]:
        """The values, with the name of a plugin replaced by its variants."""
        kinds = [KIND_OF[h] for h in alternatives(hint) if h in KIND_OF]
        if not kinds:
            return list(values)
        words = ["none", *(str(h) for a in alternatives(hint) for h in getattr(a, "__args__", ()))]
        return [v for value in values for v in ([value] if value in words else self.chosen(kinds[0], [value]))]

    def chosen(self, kind: str, names: Sequence[Any]) -> list[Any]:
        """The plugins of these names in all settings; an instance stands for itself, as None does."""
        return [p for name in names for p in (self.variants(kind, name) if isinstance(name, str) else [name])]

    def finish(self) -> None:
        """UsageError for a setting that no chosen plugin used."""
        for setting in self.settings:
            if setting.used:
                continue
            if setting.prefix and setting.prefix not in self.options:
                raise unknown(f"plugin in --set {setting}, among those chosen,", setting.prefix, self.options)
            options = self.options.get(setting.prefix, set()) if setting.prefix else set().union(*self.options.values())
            raise unknown(f"option of {setting.prefix or 'the chosen plugins'}", setting.option, options)


def one_executor(name: str, settings: Sequence[Setting], options: Mapping[str, Any]) -> Executor:
    """An executor with options of the command line and of --set. UsageError where it has no such option."""
    from_options = [Setting(name, option, [value]) for option, value in options.items()]
    executors: list[Executor] = Settings([*settings, *from_options]).variants("executor", name)
    for setting in from_options:
        if not setting.used:
            raise UsageError(f"executor {name} has no --{setting.option}.")
    if len(executors) != 1:
        raise UsageError(f"--set gives {len(executors)} variants of executor {name}, and a sweep runs on one.")
    return executors[0]
