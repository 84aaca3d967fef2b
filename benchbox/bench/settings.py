"""--set [PLUGIN.]OPTION=V[,V…]: which chosen plugin takes which option, and the product of all values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from benchbox.card import read_card
from benchbox.commas import comma_list
from benchbox.errors import UsageError, unknown
from benchbox.options import KIND_OF, alternatives, defaults, hints
from benchbox.registry import registry

_TORCH = "write torchscript:{name} for a file of torch.jit.save; weights alone need code, py:MODULE:FUNCTION"
HINTED_FILES = {
    ".pt": _TORCH, ".pth": _TORCH, ".ts": _TORCH, ".ckpt": _TORCH,
    ".safetensors": "weights need their card, the .json that benchbox train writes beside them",
    ".pkl": "write nvidia-edm:{name} for a network of EDM or EDM2 (the package benchbox-edm reads them)",
}  # fmt: skip
"""What --model takes in place of a file's name, by the suffix."""


@dataclass
class Setting:
    """One option with its values; prefix None: for every chosen plugin that has it."""

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
    """The model plugin that a name on the command line means, and the option that the name gives it.

    PLUGIN, PLUGIN:VALUE (its required option, such as torchscript:FILE), or the path of a card, PATH.json.
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
    if not colon:
        if hint := HINTED_FILES.get(Path(name).suffix.lower()):
            raise UsageError(f"--model {name} is no model: {hint.format(name=name)}.")
        return name, {}
    cls = registry().find("model", plugin).cls
    required = [option for option, default in defaults(cls).items() if default is MISSING]
    if len(required) != 1:
        raise UsageError(f"model {plugin} takes nothing after a colon: write --model {plugin}, options with --set.")
    if not value:
        raise UsageError(f"--model {name} is not complete: write {plugin}:{required[0].upper()}.")
    return plugin, {required[0]: value}


def hinted(name: str) -> list[str]:
    """What the model plugins say of a path that was given as a model's name; none is asked where it is none."""
    path, hints = Path(name), list[str | None]()
    if not path.exists() and (":" in name or not path.suffix):
        return []
    for offer in (o for name in registry().names("model") for o in registry().offers("model", name)):
        with suppress(Exception):  # a package of others that cannot be imported, or fails at it
            hints.append(offer.cls.hint(path))  # type: ignore[attr-defined]
    return [hint for hint in hints if hint]


class Settings:
    """The settings of one request, given to the plugins as they are built; what nobody took is an error."""

    def __init__(self, settings: Iterable[Setting] = ()) -> None:
        # the more specific one is taken last, so it wins
        self.settings = sorted(settings, key=lambda setting: setting.prefix is not None)
        self.seen: dict[str, set[str]] = {}

    def variants(self, kind: str, name: str, **fixed: Any) -> list[Any]:
        """Every instance of a plugin that the settings ask for: the product of the values of its options."""
        cls = registry().find(kind, name).cls
        types_, names = hints(cls), {name, cls.name}  # type: ignore[attr-defined]
        self.seen.setdefault(cls.name, set()).update(types_)  # type: ignore[attr-defined]
        lists: dict[str, list[Any]] = {option: [value] for option, value in fixed.items()}
        for setting in self.settings:
            if setting.option in types_ and (setting.prefix is None or setting.prefix in names):
                setting.used = True
                lists[setting.option] = self._values(types_[setting.option], setting.values)
        return [
            registry().get(kind, name, dict(zip(lists, values, strict=True))) for values in product(*lists.values())
        ]

    def _values(self, hint: Any, values: Sequence[Any]) -> list[Any]:
        """The values, names of plugins replaced by their own variants."""
        kinds = [KIND_OF[h] for h in alternatives(hint) if h in KIND_OF]
        if not kinds:
            return list(values)
        plain = {"none", *(str(h) for a in alternatives(hint) for h in getattr(a, "__args__", ()))}
        out: list[Any] = []
        for value in values:
            named = isinstance(value, str) and value not in plain
            out += self._named(kinds[0], value) if named else [value]
        return out

    def _named(self, kind: str, name: str) -> list[Any]:
        """The variants of a plugin that is an option; a model is named as --model takes it."""
        plugin, required = model_named(name) if kind == "model" else (name, {})
        return self.variants(kind, plugin, **required)

    def finish(self) -> None:
        """UsageError for a setting that no chosen plugin took."""
        for setting in self.settings:
            if setting.used:
                continue
            if setting.prefix and setting.prefix not in self.seen:
                raise unknown(f"plugin in --set {setting}, among those chosen,", setting.prefix, self.seen)
            options = self.seen.get(setting.prefix, set()) if setting.prefix else set().union(*self.seen.values())
            raise unknown(f"option of {setting.prefix or 'the chosen plugins'}", setting.option, options)
