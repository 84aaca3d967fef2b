"""clip_score beside torchmetrics, on a tiny CLIP with random weights; and a score of one's own function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pipelines
import pytest
import torch
from benchbox_diffusers.scores import clip

import benchbox
from benchbox.errors import UsageError

pytest.importorskip("transformers")
import encoders


def clip_folder(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    folder.mkdir()
    torch.manual_seed(0)
    text = {"vocab_size": 80, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "eos_token_id": 1,
            "num_attention_heads": 2, "bos_token_id": 0, "pad_token_id": 1}  # fmt: skip
    vision = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 16, "patch_size": 8}  # fmt: skip
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    CLIPProcessor(images, encoders.clip_tokenizer(folder)).save_pretrained(folder)
    return folder


def measured(folder: Path, metric: str, n: int = 7, **options: Any) -> dict[str, Any]:
    pipelines.kept(pipelines.saved(pipelines.stable_diffusion(), folder), prompts=3)
    model = benchbox.get("model", "diffusers", path=folder, prompts=folder / "prompts.txt",
                         embeddings=folder / "kept.safetensors")  # fmt: skip
    tested = benchbox.get("metric", metric, **options)
    tested.check(model)
    context = type("Context", (), {"model": model, "device": "cpu"})
    first, second = tested.start(context), tested.start(context)
    pictures = torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    first.update(pictures[:4], torch.arange(4))
    second.update(pictures[4:], torch.arange(4, n))
    first.merge(second)
    second.load(first.state())
    return {"columns": second.compute(), "pictures": pictures, "model": model, "metric": tested}


def test_clip_score_is_that_of_torchmetrics(tmp_path: Path) -> None:
    from torchmetrics.functional.multimodal import clip_score
    from transformers import CLIPModel, CLIPProcessor

    weights = clip_folder(tmp_path / "clip")
    found = measured(tmp_path / "TINY", "clip_score", weights=weights)
    images = ((found["pictures"] + 1) * 127.5).round().to(torch.uint8)
    prompts = [f"prompt {i % 3}" for i in range(7)]
    model = CLIPModel.from_pretrained(weights)

    class Features(torch.nn.Module):
        """torchmetrics 1.9 wants tensors, where transformers 5 returns an output."""

        config, device = model.config, torch.device("cpu")

        def get_image_features(self, pixels: torch.Tensor) -> torch.Tensor:
            return model.visual_projection(model.vision_model(pixels).pooler_output)

        def get_text_features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return model.text_projection(model.text_model(ids, mask).pooler_output)

    parts = Features(), CLIPProcessor.from_pretrained(weights)
    theirs = [clip_score(image, text, lambda: parts) for image, text in zip(images, prompts, strict=True)]
    ours = clip(weights, "cpu")(images, prompts)
    assert torch.allclose(ours, torch.stack(theirs).float(), atol=1e-3)
    means = [float(ours[i::3].mean()) for i in range(3)]
    columns = found["columns"]
    assert columns["clip_score"] == pytest.approx(sum(means) / 3, abs=0.5)
    assert columns["clip_score_low"] < columns["clip_score"] < columns["clip_score_high"]
    assert [file.name for file in found["metric"].files(found["model"]).values()] == ["model.safetensors"]
    with pytest.raises(UsageError, match="needs the local folder of a CLIPModel"):
        benchbox.get("metric", "clip_score").check(found["model"])


def test_a_reward_is_a_function_of_pictures_and_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_reward.py").write_text(
        "def brightness(pictures, prompts):\n"
        "    assert pictures.shape[1:] == (3, 16, 16) and len(prompts) == len(pictures)\n"
        "    return pictures.float().flatten(1).mean(1) + 1000 * ('2' in prompts[0])\n"
    )
    monkeypatch.chdir(tmp_path)
    found = measured(tmp_path / "TINY", "reward", function="my_reward:brightness")
    assert 100 < found["columns"]["reward"] < 1200
    assert found["metric"].files(found["model"])["function"] == tmp_path / "my_reward.py"
    with pytest.raises(UsageError, match="there is no module elsewhere"):
        benchbox.get("metric", "reward", function="elsewhere:f").check(found["model"])
    with pytest.raises(UsageError, match="needs a model with prompts"):
        benchbox.get("metric", "reward").check(benchbox.get("model", "gaussian"))
