"""The weights in a checkpoint's folder: one file or several shards, of a variant (fp16, ema, …) or not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchbox.card import sha256
from benchbox_diffusers.checkpoints import json_of

STEM = "diffusion_pytorch_model"
WHOLE = re.compile(rf"{STEM}(?:\.(?P<variant>\w+))?\.(?P<kind>safetensors|bin)")
INDEX = re.compile(rf"{STEM}\.(?P<kind>safetensors|bin)\.index(?:\.(?P<variant>\w+))?\.json")


@dataclass(frozen=True)
class Weights:
    """Files of one variant (None: the plain one); `shards` is which tensors each has to hold, where there are several.

    safe: whether they are safetensors, and not pickles.
    """

    files: tuple[Path, ...]
    variant: str | None
    safe: bool
    shards: dict[str, set[str]]

    @property
    def sha256(self) -> str:
        """That of the file; of several, one of their names and hashes."""
        if not self.shards:
            return sha256(self.files[0])
        return hashlib.sha256("\n".join(f"{f.name} {sha256(f)}" for f in self.files).encode()).hexdigest()

    def load(self, folder: Path) -> Any:
        """diffusers' U-Net in the folder, in float32. UsageError where these are not its weights, whole and alone."""
        from diffusers import UNet2DModel

        from benchbox.nets.loading import refuse_others

        lost = {name for file, names in self.shards.items() for name in names - self.names(folder / file)}
        from_pretrained: Callable[..., Any] = UNet2DModel.from_pretrained
        net, info = from_pretrained(
            folder, variant=self.variant, use_safetensors=self.safe, local_files_only=True, low_cpu_mem_usage=False,
            ignore_mismatched_sizes=True, output_loading_info=True,
        )  # fmt: skip
        shapes = [name for name, *_ in info["mismatched_keys"]]
        refuse_others(f"the weights in {folder}", {*info["missing_keys"], *lost}, info["unexpected_keys"], shapes)
        return net.float()

    def names(self, file: Path) -> set[str]:
        """The tensors in a file."""
        import torch
        from safetensors import safe_open

        if not self.safe:
            return set(torch.load(file, map_location="meta", weights_only=True))
        with safe_open(file, "pt") as opened:
            return set(opened.keys())


def find(folder: Path, variant: str | None, trust_pickle: bool) -> Weights:
    """The plain weights, or those of a variant where one is asked for or there is no other; safetensors before pickles.

    ValueError where they are missing, where it is not clear which are meant, or where they are a pickle not trusted.
    """
    found: dict[tuple[str | None, bool], Path] = {}
    for pattern in (WHOLE, INDEX):  # an index goes before a single file, as in diffusers
        for path in sorted(folder.iterdir()):
            if match := pattern.fullmatch(path.name):
                found[match["variant"], match["kind"] == "safetensors"] = path
    variant = chosen(folder, {name for name, _ in found}, variant)
    safe = (variant, True) in found
    path = found[variant, safe]
    if not safe and not trust_pickle:
        raise ValueError(f"{path} is a pickle, which can run any code: --set trust_pickle=true if you trust it.")
    shards = shards_of(path) if INDEX.fullmatch(path.name) else {}
    return Weights(tuple(folder / name for name in sorted(shards)) or (path,), variant, safe, shards)


def chosen(folder: Path, variants: set[str | None], asked: str | None) -> str | None:
    """The variant asked for, or else the plain weights, or else the only ones."""
    named = ", ".join(sorted(name for name in variants if name))
    if asked is not None and asked not in variants:
        raise ValueError(f"{folder} has no weights of variant {asked}: it has {named or 'no variants'}.")
    if asked is not None or None in variants:
        return asked
    if not variants:
        raise ValueError(f"{folder} has no {STEM}.safetensors.")
    if len(variants) > 1:
        raise ValueError(f"{folder} has weights of the variants {named}: --set variant=… says which.")
    return next(iter(variants))


def shards_of(index: Path) -> dict[str, set[str]]:
    """Shard to the tensors that it has to hold, by an index. ValueError where a shard is missing, or it is no index."""
    places = json_of(index).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise ValueError(f"{index} is no index of shards: it has no weight_map.")
    shards: dict[str, set[str]] = {}
    for name, file in places.items():
        shards.setdefault(file, set()).add(name)
    for file in sorted(shards):
        if Path(file).name != file or not (index.parent / file).is_file():
            raise ValueError(f"{index} names the shard {file}, which is not in {index.parent}.")
    return shards
