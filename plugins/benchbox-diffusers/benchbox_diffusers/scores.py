"""Scores of pictures and their prompts: CLIP's, and any function of the user's, such as a reward model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbox import Accumulator, Context, Metric
from benchbox.errors import UsageError
from benchbox.metrics.uncertainty import over_prompts
from benchbox.project_packages import pip_install
from benchbox_diffusers.prompts import installed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from benchbox import Model

Score = Callable[["Tensor", list[str]], "Tensor"]
"""(pictures, their prompts) to scores (batch,); pictures uint8 (batch, 3, height, width)."""


class PromptScore(Metric):
    """The mean over prompts of a score, higher is better, and the 95 % interval over prompts."""

    def check(self, model: Model) -> None:
        if getattr(model, "prompts", None) is None:
            raise UsageError(f"metric {self.name} needs a model with prompts: model {model.title} has none.")

    def score(self, device: Any) -> Score:
        raise NotImplementedError

    def start(self, context: Context) -> PromptScores:
        texts = context.model.texts.texts  # type: ignore[attr-defined]  # `check` has seen its prompts
        return PromptScores(str(self.name), self.score(context.device), texts, context.model.data_range)


@dataclass(frozen=True)
class CLIPScore(PromptScore):
    """100 max(cos, 0) of CLIP's embeddings of a picture and its prompt (Hessel et al. 2021, arXiv:2104.08718, eq. 1,
    as torchmetrics scales it), with its 95 % interval over prompts.

    weights: a local folder with a CLIPModel and its processor, as transformers' `save_pretrained` writes them. Nothing
    is downloaded. Prompts are cut at the length that the model takes. Memory: a number a sample.
    """

    name = "clip_score"
    weights: Path | None = None

    def check(self, model: Model) -> None:
        super().check(model)
        if self.weights is None or not (self.weights / "config.json").is_file():
            raise UsageError(
                "metric clip_score needs the local folder of a CLIPModel: --set clip_score.weights=FOLDER."
            )
        if installed("transformers") == "missing":
            raise UsageError(f"metric clip_score needs transformers: {pip_install('benchbox-diffusers', 'text')}.")

    def files(self, model: Model) -> dict[str, Path]:
        if self.weights is None:
            return {}
        return {file.stem: file for file in sorted(self.weights.glob("*.safetensors"))}

    def score(self, device: Any) -> Score:
        return clip(self.weights, str(device))


@lru_cache(maxsize=1)
def clip(folder: Path, device: str) -> Score:
    """CLIP's score by the model in a folder, in safetensors."""
    import torch
    from transformers import CLIPModel, CLIPProcessor

    model: Any = CLIPModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    model.eval().to(device)
    processor = CLIPProcessor.from_pretrained(folder, local_files_only=True)

    @torch.inference_mode()
    def score(pictures: Tensor, prompts: list[str]) -> Tensor:
        inputs = processor(
            text=prompts, images=list(pictures.cpu()), return_tensors="pt", padding=True, truncation=True
        )
        out = model(**inputs.to(device))
        return 100 * torch.nn.functional.cosine_similarity(out.image_embeds, out.text_embeds).clamp(min=0)

    return score


@dataclass(frozen=True)
class Reward(PromptScore):
    """The score of your own function, such as a reward model: --set reward.function=module:function, in the current
    folder or installed, with its 95 % interval over prompts.

    It is called as function(pictures, prompts), uint8 (batch, 3, height, width) and their prompts, and returns scores
    (batch,), higher is better. Memory: a number a sample.
    """

    name = "reward"
    function: str | None = None

    def check(self, model: Model) -> None:
        super().check(model)
        self.score("cpu")

    def files(self, model: Model) -> dict[str, Path]:
        self.score("cpu")
        file = getattr(sys.modules[str(self.function).partition(":")[0]], "__file__", None)
        return {"function": Path(file)} if file else {}

    def score(self, device: Any) -> Score:
        from benchbox.models.importing import imported

        if self.function is None:
            raise UsageError("metric reward needs a function: --set reward.function=module:function.")
        function: Score = imported(self.function)
        return function


class PromptScores(Accumulator):
    """The score of each sample by its number."""

    def __init__(self, name: str, score: Score, texts: tuple[str, ...], span: Any) -> None:
        self.name, self.score, self.texts, self.span = name, score, texts, span
        self.scores: dict[int, float] = {}

    def update(self, batch: Tensor, index: Tensor) -> None:
        from benchbox.inputs.pixels import to_uint8

        numbers = index.tolist()
        prompts = [self.texts[number % len(self.texts)] for number in numbers]
        scores = self.score(to_uint8(batch, self.span), prompts)
        self.scores |= dict(zip(numbers, scores.tolist(), strict=True))

    def merge(self, other: PromptScores) -> None:
        self.scores |= other.scores

    def state(self) -> dict[str, NDArray[Any]]:
        return {"index": np.array(list(self.scores), dtype=np.int64), "scores": np.array(list(self.scores.values()))}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.scores = dict(zip(state["index"].tolist(), state["scores"].tolist(), strict=True))

    def compute(self) -> dict[str, float | str | None]:
        return over_prompts(self.name, self.scores, len(self.texts))
