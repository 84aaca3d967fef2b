"""Tiny text encoders and tokenizers with random weights, of letters alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pipelines
import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def clip_tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    words = ["<|startoftext|>", "<|endoftext|>", *(f"{c}{end}" for c in LETTERS for end in ("", "</w>"))]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=77)


def t5_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((c, -1.0) for c in "▁" + LETTERS)]
    tokens = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokens.pre_tokenizer = pre_tokenizers.Metaspace()
    return T5TokenizerFast(tokenizer_object=tokens, extra_ids=0)


def clip(width: int, projection: int | None = None, seed: int = 7) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=80, hidden_size=width, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, projection_dim=projection or width, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def t5() -> Any:
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(8)
    return T5EncoderModel(T5Config(vocab_size=40, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)).eval()


def encoders(name: str, folder: Path) -> dict[str, Any]:
    """The text encoders and tokenizers of a family's tiny pipeline."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = clip_tokenizer(folder)
    match name:
        case "stable_diffusion":
            return {"text_encoder": clip(8), "tokenizer": letters}
        case "stable_diffusion_xl":
            parts = {"text_encoder": clip(4), "text_encoder_2": clip(4, 16, seed=9)}
            return parts | {"tokenizer": letters, "tokenizer_2": letters}
        case "stable_diffusion_3":
            parts = {"text_encoder": clip(4, 8), "text_encoder_2": clip(4, 8, seed=9), "text_encoder_3": t5()}
            return parts | {"tokenizer": letters, "tokenizer_2": letters, "tokenizer_3": t5_tokenizer()}
        case "flux":
            parts = {"text_encoder": clip(16), "text_encoder_2": t5()}
            return parts | {"tokenizer": letters, "tokenizer_2": t5_tokenizer()}
    return {"text_encoder": t5(), "tokenizer": t5_tokenizer()}


def whole_pipeline(name: str, folder: Path, without: str = "") -> Any:
    """A pipeline with its text encoders (but `without` one of them), saved in the folder."""
    pipeline = pipelines.randomised(getattr(pipelines, name)())
    parts = encoders(name, folder.with_name(f"{folder.name}-tokens"))
    pipeline.register_modules(**{part: value for part, value in parts.items() if not without or without not in part})
    pipeline.save_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
