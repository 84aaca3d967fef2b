"""Prompts: embedded as their pipeline does, once; kept embeddings that do not fit are never used."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import torch
from benchbox_diffusers import embeddings as kept
from benchbox_diffusers.reference import run_pipeline

import benchbox
from benchbox.errors import UsageError
from benchbox.keeping import kept_beside

pytest.importorskip("transformers")
import encoders

TEXTS = ["a cat", "two dogs on the beach"]


def written(folder: Path, lines: list[str], name: str = "prompts.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def model(folder: Path, texts: list[str] = TEXTS, **options: Any) -> Any:
    options = {"embeddings": folder.with_name("kept")} | options
    return benchbox.get("model", "diffusers", path=folder, prompts=written(folder.parent, texts), **options)


@pytest.mark.parametrize(("name", "scale", "negative", "without", "options"), [
    ("stable_diffusion", 7.5, ["blurry", "bad"], "", {}),
    ("stable_diffusion", 7.5, None, "", {}),
    ("stable_diffusion_xl", 5.0, None, "", {}),
    ("stable_diffusion_3", 7.0, ["blurry"], "", {}),
    ("stable_diffusion_3", 7.0, None, "_3", {}),
    ("flux", None, None, "", {"size": (16,)}),
    ("flux", 3.0, ["blurry"], "", {"size": (16,)}),
    ("pixart_sigma", 4.5, None, "", {}),
], ids=str)  # fmt: skip
def test_the_pictures_are_those_of_the_pipeline_that_is_given_the_prompts(
    name: str, scale: float | None, negative: list[str] | None, without: str, options: dict[str, Any], tmp_path: Path
) -> None:
    pipeline = encoders.whole_pipeline(name, tmp_path / "pipe", without)
    more = {"negative": written(tmp_path, negative, "negative.txt")} if negative else {}
    tested = model(tmp_path / "pipe", **more, **options)
    found = run_pipeline(tested, 2, scale, 3)
    guidance = {"guidance_scale": 1.0 if scale is None else scale}
    if name == "flux":
        guidance = {"guidance_scale": 3.5, "true_cfg_scale": 1.0 if scale is None else scale}
    size = {"height": tested.data_shape[1], "width": tested.data_shape[2]}
    theirs = pipeline(
        TEXTS, **guidance, **size, num_inference_steps=3, generator=torch.Generator().manual_seed(0), output_type="np",
        **({"negative_prompt": (negative * 2)[:2]} if negative else {}),
        **({"use_resolution_binning": False} if name == "pixart_sigma" else {}),
    ).images  # fmt: skip
    assert theirs.std() > 1e-3
    assert abs(found.images.permute(0, 2, 3, 1).numpy() - theirs).max() < 1e-5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    encoders.whole_pipeline("stable_diffusion", tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls of the text encoders."""
    calls, encode = [], kept.encode
    monkeypatch.setattr(kept, "encode", lambda *given: calls.append(given) or encode(*given))
    return calls


def embedded(tested: Any) -> torch.Tensor:
    return tested.conditions(torch.arange(3))["prompt_embeds"]


def test_embeddings_are_computed_once_and_the_encoders_are_dropped(folder: Path, encoded: list[Any]) -> None:
    first = embedded(model(folder))
    assert torch.equal(first[0], first[2]), "sample i has prompt i mod n"
    assert not torch.equal(first[0], first[1])
    assert torch.equal(embedded(model(folder)), first)
    assert len(encoded) == 1
    from transformers import CLIPTextModel

    gc.collect()
    assert not any(isinstance(thing, CLIPTextModel) for thing in gc.get_objects())


def test_kept_embeddings_of_anything_else_are_not_used(folder: Path, encoded: list[Any]) -> None:
    first = embedded(model(folder))
    other = embedded(model(folder, ["a cat", "another"]))
    assert torch.equal(first[0], other[0])
    assert not torch.equal(first[1], other[1])
    model(folder, negative=written(folder.parent, ["blurry"], "negative.txt")).conditions(torch.arange(1))
    assert embedded(model(folder, weights_dtype="bfloat16")).dtype == torch.bfloat16
    assert len(encoded) == 4
    before = model(folder).sha256
    encoders.clip(8, seed=1).save_pretrained(folder / "text_encoder")
    assert not torch.equal(embedded(model(folder)), first)
    assert len(encoded) == 5
    assert model(folder).sha256 != before, "the row is of other weights"
    (file, *_) = sorted(folder.with_name("kept").iterdir())
    file.write_bytes(b"damaged")
    embedded(model(folder))
    embedded(model(folder, ["a cat", "another"]))


def test_a_folder_without_encoders_runs_from_a_file_of_embeddings_that_fits(folder: Path, encoded: list[Any]) -> None:
    first = embedded(model(folder))
    (file,) = folder.with_name("kept").iterdir()
    assert torch.equal(embedded(model(folder, embeddings=file)), first)
    encoders.clip(8, seed=1).save_pretrained(folder / "text_encoder")
    with pytest.raises(UsageError, match="are of other text encoders: leave out the option"):
        embedded(model(folder, embeddings=file))
    for part in ("text_encoder", "tokenizer"):
        (folder / part).rename(folder.parent / part)
    assert torch.equal(embedded(model(folder, embeddings=file)), first)
    with pytest.raises(UsageError, match="are of other prompts"):
        embedded(model(folder, ["a cat"], embeddings=file))
    with pytest.raises(UsageError, match=r"has no text encoders: give the file .* --set embeddings=FILE"):
        embedded(model(folder))
    (folder.parent / "no.safetensors").write_text("nothing")
    with pytest.raises(UsageError, match="is not a file of embeddings"):
        embedded(model(folder, embeddings=folder.parent / "no.safetensors"))
    assert len(encoded) == 1


def test_what_is_wrong_with_the_prompts_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    cases: dict[str, dict[str, Any]] = {
        "takes prompts: give a file with one per line, --set prompts=FILE": {"prompts": None},
        "has no prompts: write one per line": {"prompts": written(tmp_path, ["", " "], "empty.txt")},
        "cannot be read: .*nothing.txt": {"prompts": tmp_path / "nothing.txt"},
        "has 3 prompts for the 2 of": {"negative": written(tmp_path, ["a", "b", "c"], "three.txt")},
        "has no embedded guidance: use --guidance cfg --set scale=": {"embedded": 3.5},
        "size is height:width in pixels, multiples of 2": {"size": (15, 16)},
        "it has no classes, so leave out label": {"label": (3,)},
    }  # fmt: skip
    for sentence, options in cases.items():
        given = {"prompts": written(tmp_path, TEXTS)} | options
        with pytest.raises(UsageError, match=sentence):
            benchbox.get("model", "diffusers", path=folder, **given)


def test_a_folder_that_lacks_a_part_is_one_sentence(folder: Path) -> None:
    for part, sentence in {
        "tokenizer": "lacks a part: tokenizer, which its model_index.json names",
        "vae": "lacks a part: vae/config.json",
        "scheduler": "lacks a part: scheduler/scheduler_config.json", "unet": "has no config.json of a unet",
    }.items():  # fmt: skip
        (folder / part).rename(folder.parent / part)
        with pytest.raises(UsageError, match=sentence):
            embedded(model(folder))
        (folder.parent / part).rename(folder / part)


def test_a_scale_where_guidance_is_embedded_is_one_sentence(tmp_path: Path) -> None:
    encoders.whole_pipeline("flux", tmp_path / "pipe")
    tested = model(tmp_path / "pipe", size=(16,))
    assert tested.guidance_number == 3.5
    assert model(tmp_path / "pipe", size=(16,), embedded=2.0).guidance_number == 2.0
    with pytest.raises(UsageError, match=r"takes its guidance as a number, 3.5: set it with --set embedded="):
        benchbox.get("guidance", "cfg", scale=5.0).check(tested)
    negative = written(tmp_path, ["blurry"], "negative.txt")
    benchbox.get("guidance", "cfg", scale=5.0).check(model(tmp_path / "pipe", size=(16,), negative=negative))


def test_embeddings_are_kept_beside_the_results(
    folder: Path, encoded: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    tested = model(folder, embeddings=None)
    with kept_beside(tmp_path / "studies/results"):
        tested.conditions(torch.arange(2))
    assert len(list((tmp_path / "studies/embeddings").iterdir())) == 1
    tested.conditions(torch.arange(2))  # outside of a run
    assert len(list((tmp_path / "embeddings").iterdir())) == 1
    assert len(encoded) == 2
