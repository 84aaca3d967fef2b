"""The embeddings of prompts: computed once by the text encoders, kept in a file, and used only where it fits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from benchbox.atomic import output
from benchbox.keeping import kept_folder
from benchbox.project_packages import pip_install
from benchbox_diffusers.checkpoints import Checkpoint
from benchbox_diffusers.prompts import Prompts, digest, identity, installed

Embeddings = dict[str, Tensor]
"""Names as in the pipeline's call, such as `prompt_embeds`, to tensors (prompts, …)."""

BATCH = 16


def embeddings(
    checkpoint: Checkpoint,
    prompts: Prompts,
    options: dict[str, Any],
    place: Path | None = None,
    trust_pickle: bool = False,
) -> Embeddings:
    """The embeddings of the prompts: those kept in a folder or a file, or computed and kept there.

    place: by default the folder `embeddings` beside the results. options: dtype and variant of the encoders' weights.
    ValueError where a file is of other prompts, another pipeline, other text encoders, or another setting, and where
    there are neither encoders nor a file.
    """
    expected = identity(checkpoint, prompts, options)
    if place is not None and place.is_file():
        return checked(place, expected)
    file = (place or kept_folder("embeddings")) / f"{digest(expected)[:32]}.safetensors"
    if not expected["encoders"]:
        raise ValueError(
            f"{checkpoint.root} has no text encoders: give the file of embeddings that a run with them kept, with "
            f"--set embeddings=FILE."
        )
    if file.is_file() and metadata(file) == expected:
        return load(file)
    tensors = encode(checkpoint, prompts, options, trust_pickle)
    file.parent.mkdir(parents=True, exist_ok=True)
    with output(file) as out:
        out.write(save({name: t.contiguous() for name, t in tensors.items()}, expected))
    return tensors


def checked(file: Path, expected: dict[str, str]) -> Embeddings:
    """The embeddings in a file that the user named. ValueError where they are others."""
    kept = metadata(file)
    if kept is None:
        raise ValueError(f"{file} is not a file of embeddings.")
    if not expected["encoders"]:  # nothing to compare the encoders with
        kept = kept | {key: expected[key] for key in ("encoders", "options", "packages")}
    words = {"pipeline": "another pipeline", "prompts": "other prompts", "encoders": "other text encoders"}
    for key, value in expected.items():
        if kept.get(key) != value:
            raise ValueError(f"the embeddings in {file} are of {words.get(key, f'other {key}')}: leave out the option.")
    return load(file)


def metadata(file: Path) -> dict[str, str] | None:
    """What a file of embeddings says of itself; None where it is none."""
    try:
        with safe_open(file, "pt") as tensors:
            return tensors.metadata() or None
    except (SafetensorError, OSError):
        return None


def load(file: Path) -> Embeddings:
    stat = file.stat()
    return loaded(file.resolve(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def loaded(file: Path, modified: int, size: int) -> Embeddings:
    with safe_open(file, "pt") as tensors:
        return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 (not a mapping)


@torch.inference_mode()
def encode(checkpoint: Checkpoint, prompts: Prompts, options: dict[str, Any], trust_pickle: bool) -> Embeddings:
    """The embeddings by the pipeline's own `encode_prompt`; the encoders are dropped."""
    if installed("transformers") == "missing":
        raise ValueError(f"text encoders need the package transformers: {pip_install('benchbox-diffusers', 'text')}.")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pipeline = text_pipeline(checkpoint, options, trust_pickle)
    for name, module in pipeline.components.items():
        if name.startswith("text_encoder") and module is not None:
            module.to(device)
    batches = list(encoded_batches(checkpoint, pipeline, prompts, device))
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def text_pipeline(checkpoint: Checkpoint, options: dict[str, Any], trust_pickle: bool) -> Any:
    """The pipeline with its text encoders; its network has a configuration and no weights."""
    import diffusers

    family = checkpoint.family
    with torch.device("meta"):
        net = getattr(diffusers, family.network_class).from_config(checkpoint.config)
    others = {
        name: None for name, entry in checkpoint.index.items()
        if isinstance(entry, list)
        and (entry[0] is None or not name.startswith(("text_encoder", "tokenizer", "scheduler")))
    }  # fmt: skip
    return getattr(diffusers, str(checkpoint.pipeline)).from_pretrained(
        checkpoint.root, **others | {family.network: net}, local_files_only=True, variant=options["variant"],
        use_safetensors=None if trust_pickle else True, dtype=getattr(torch, options["dtype"]),
    )  # fmt: skip


def encoded_batches(checkpoint: Checkpoint, pipeline: Any, prompts: Prompts, device: str) -> Iterator[Embeddings]:
    """The embeddings of `BATCH` prompts at a time, on the CPU."""
    names, two_calls = checkpoint.family.encoded, "negative_prompt_embeds" not in checkpoint.family.encoded
    for i in range(0, len(prompts.texts), BATCH):
        texts = list(prompts.texts[i : i + BATCH])
        negative = None if prompts.negative is None else list(prompts.negative[i : i + BATCH])
        batch = dict(zip(names, call_encoder(pipeline, texts, negative, device), strict=False))
        if two_calls and negative is not None:
            others = call_encoder(pipeline, negative, None, device)
            batch |= {f"negative_{name}": value for name, value in zip(names, others, strict=False)}
        yield {name: value.cpu() for name, value in batch.items()}


def call_encoder(pipeline: Any, texts: list[str], negative: list[str] | None, device: str) -> tuple[Tensor, ...]:
    """`encode_prompt` with what its pipeline's call gives it by default."""
    accepted = inspect.signature(pipeline.encode_prompt).parameters
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(type(pipeline).__call__).parameters.items()
        if name in accepted and parameter.default is not inspect.Parameter.empty
    }  # fmt: skip
    given = {"prompt": texts, "device": device, "num_images_per_prompt": 1, "do_classifier_free_guidance": True}
    given |= {} if negative is None else {"negative_prompt": negative}
    arguments = defaults | {name: value for name, value in given.items() if name in accepted}
    result: tuple[Tensor, ...] = pipeline.encode_prompt(**arguments)
    return result
