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
    """Files of one variant (None: no variant name). shards: file to its tensors in the index, for several files.

    safe: whether they are safetensors, not pickles.
    """

    files: tuple[Path, ...]
    variant: str | None
    safe: bool
    shards: dict[str, set[str]]

    @property
    def sha256(self) -> str:
        """SHA-256 of the file; for shards, of their names and hashes."""
        if not self.shards:
            return sha256(self.files[0])
        return hashlib.sha256("\n".join(f"{f.name} {sha256(f)}" for f in self.files).encode()).hexdigest()

    def load(self, folder: Path, class_name: str = "UNet2DModel", dtype: str = "float32") -> Any:
        """diffusers' network in the folder. UsageError where tensors are missing, unexpected or misshapen."""
        import diffusers
        import torch

        from benchbox.nets.loading import refuse_others

        missing = {name for file, names in self.shards.items() for name in names - self.names(folder / file)}
        from_pretrained: Callable[..., Any] = getattr(diffusers, class_name).from_pretrained
        net, info = from_pretrained(
            folder, variant=self.variant, use_safetensors=self.safe, local_files_only=True, low_cpu_mem_usage=False,
            ignore_mismatched_sizes=True, output_loading_info=True, dtype=getattr(torch, dtype),
        )  # fmt: skip
        shapes = [name for name, *_ in info["mismatched_keys"]]
        refuse_others(f"the weights in {folder}", {*info["missing_keys"], *missing}, info["unexpected_keys"], shapes)
        return net

    def names(self, file: Path) -> set[str]:
        """The names of the tensors in a file."""
        import torch
        from safetensors import safe_open

        if not self.safe:
            return set(torch.load(file, map_location="meta", weights_only=True))
        with safe_open(file, "pt") as tensors:
            return set(tensors.keys())


def find(folder: Path, variant: str | None, trust_pickle: bool) -> Weights:
    """The weights of a variant (default: without a variant name, or else the only ones); safetensors before pickles.

    ValueError where they are missing, ambiguous, or a pickle that is not trusted.
    """
    candidates: dict[tuple[str | None, bool], Path] = {}
    for pattern in (WHOLE, INDEX):  # an index takes precedence over a single file, as in diffusers
        for path in sorted(folder.iterdir()):
            if match := pattern.fullmatch(path.name):
                candidates[match["variant"], match["kind"] == "safetensors"] = path
    variant = select_variant(folder, {name for name, _ in candidates}, variant)
    safe = (variant, True) in candidates
    path = candidates[variant, safe]
    if not safe and not trust_pickle:
        raise ValueError(f"{path} is a pickle, which can run any code: --set trust_pickle=true if you trust it.")
    shards = shards_of(path) if INDEX.fullmatch(path.name) else {}
    return Weights(tuple(folder / name for name in sorted(shards)) or (path,), variant, safe, shards)


def select_variant(folder: Path, variants: set[str | None], variant: str | None) -> str | None:
    """The requested variant, or else the weights without a variant name, or else the only ones."""
    names = ", ".join(sorted(name for name in variants if name))
    if variant is not None and variant not in variants:
        raise ValueError(f"{folder} has no weights of variant {variant}: it has {names or 'no variants'}.")
    if variant is not None or None in variants:
        return variant
    if not variants:
        raise ValueError(f"{folder} has no {STEM}.safetensors.")
    if len(variants) > 1:
        raise ValueError(f"{folder} has weights of the variants {names}: choose one with --set variant=….")
    return next(iter(variants))


def shards_of(index: Path) -> dict[str, set[str]]:
    """Shard to the names of its tensors, from an index. ValueError where a shard is missing or the index invalid."""
    weight_map = json_of(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(f, str) for f in weight_map.values()):
        raise ValueError(f"{index} is not an index of shards: it has no valid weight_map.")
    shards: dict[str, set[str]] = {}
    for name, file in weight_map.items():
        shards.setdefault(file, set()).add(name)
    for file in sorted(shards):
        if Path(file).name != file or not (index.parent / file).is_file():
            raise ValueError(f"{index} names the shard {file}, which is not in {index.parent}.")
    return shards
