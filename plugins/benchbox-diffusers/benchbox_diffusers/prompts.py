"""Prompts in a file, and what identifies their embeddings: prompts, text encoders, options, versions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchbox.card import known_sha256
from benchbox.errors import sentence
from benchbox_diffusers.checkpoints import Checkpoint


@dataclass(frozen=True)
class Prompts:
    """The prompts, and the negative ones: as many, or None for those that the pipeline takes by itself."""

    texts: tuple[str, ...]
    negative: tuple[str, ...] | None = None

    @property
    def sha256(self) -> str:
        return digest([self.texts, self.negative])


def read_prompts(path: Path, negative: Path | None) -> Prompts:
    """The prompts of a file, and its negative ones: one per line, without empty lines. ValueError where there are none.

    A single negative prompt is that of all.
    """
    texts = lines_of(path)
    if negative is None:
        return Prompts(texts)
    negatives = lines_of(negative)
    if len(negatives) not in (1, len(texts)):
        raise ValueError(f"{negative} has {len(negatives)} prompts for the {len(texts)} of {path}: 1 or as many.")
    return Prompts(texts, negatives * (len(texts) if len(negatives) == 1 else 1))


def lines_of(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the prompts in {path} cannot be read: {sentence(error)}.") from None
    if texts := tuple(line.strip() for line in lines if line.strip()):
        return texts
    raise ValueError(f"{path} has no prompts: write one per line.")


def encoder_folders(checkpoint: Checkpoint) -> list[Path] | None:
    """The folders of text encoders and tokenizers; None where the folder has no text encoders.

    ValueError where it lacks one of several.
    """
    names = [
        name for name, entry in checkpoint.index.items()
        if name.startswith(("text_encoder", "tokenizer")) and isinstance(entry, list) and entry[0] is not None
    ]  # fmt: skip
    missing = [name for name in names if not (checkpoint.root / name).is_dir()]
    if len(missing) == len(names) or not any(name.startswith("text_encoder") for name in names):
        return None
    if missing:
        raise ValueError(f"{checkpoint.root} lacks a part: {missing[0]}, which its model_index.json names.")
    return [checkpoint.root / name for name in sorted(names)]


def encoders_sha256(checkpoint: Checkpoint) -> str | None:
    """A hash of all files of the text encoders and tokenizers; None where the folder has no text encoders."""
    folders = encoder_folders(checkpoint)
    files = [file for folder in folders or () for file in sorted(folder.rglob("*")) if file.is_file()]
    if folders is None:
        return None
    return digest([(str(file.relative_to(checkpoint.root)), known_sha256(file)) for file in files])


def identity(checkpoint: Checkpoint, prompts: Prompts, options: dict[str, Any]) -> dict[str, str]:
    """What determines the embeddings, as the metadata of their file."""
    return {
        "pipeline": str(checkpoint.pipeline), "prompts": prompts.sha256, "encoders": encoders_sha256(checkpoint) or "",
        "options": json.dumps(options, sort_keys=True),
        "packages": ", ".join(f"{name} {installed(name)}" for name in ("diffusers", "transformers")),
    }  # fmt: skip


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
