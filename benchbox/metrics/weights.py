"""The weights of torch-fidelity's feature extractors: file names, locations and SHA-256.

torch-fidelity downloads missing weights and unpickles the file it finds. Here nothing is downloaded, and a file is
loaded only if its SHA-256 is the published one. File names and hashes are those of torch-fidelity 0.4, or of the
published files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchbox.card import known_sha256
from benchbox.errors import UsageError


@dataclass(frozen=True)
class Weights:
    """A file of weights: its name in torch's cache, and its SHA-256 (None: not published, the user states it)."""

    file: str
    sha256: str | None = None

    @property
    def path(self) -> Path:
        """The location that torch-fidelity uses: `hub/checkpoints` in torch's cache."""
        import torch.hub

        return Path(torch.hub.get_dir()) / "checkpoints" / self.file


BUNDLED = "mnist-cnn"
"""The extractor that comes with benchbox."""


@cache
def known_weights() -> dict[str, Weights]:
    """Extractor to weights. Other extractors (`BUNDLED`, and those of plugins) load their weights themselves."""
    from torch_fidelity.feature_extractor_clip import MODEL_METADATA

    clip = {name: Weights(f"{name}-{data['hash']}.pt", data["hash"]) for name, data in MODEL_METADATA.items()}
    dino = {
        f"dinov2-vit-{size}-14": Weights(f"dinov2_vit{size}14_pretrain.pth", digest) for size, digest in DINO.items()
    }
    return {"inception-v3-compat": INCEPTION, "vgg16": VGG16, **clip, **dino}


INCEPTION = Weights(
    "weights-inception-2015-12-05-6726825d.pth", "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
)
VGG16 = Weights("vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0")
DINO = {
    "s": "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
    "b": "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    "l": None,
    "g": None,
}


def place(extractor: str, file: Path | None = None) -> Path | None:
    """Location of the weights of an extractor: `file`, or in torch's cache; None where it needs no file."""
    if file or extractor == BUNDLED:
        return file
    known = known_weights().get(extractor)
    return known.path if known else None


def find_weights(extractor: str, file: Path | None = None, digest: str | None = None) -> Path | None:
    """The verified weights of an extractor: `file`, or the file in torch's cache; None where it needs no file.

    digest: the expected SHA-256, by default the published one. UsageError where the file is missing or does not match.
    """
    path = place(extractor, file)
    if path is None:
        return None
    known = known_weights().get(extractor)
    expected = digest or (known.sha256 if known else None)
    if not path.is_file():
        described = f" (SHA-256 {expected})" if expected else ""
        name = known.file if known else path.name
        raise UsageError(f"the weights of {extractor} are missing: put the file {name}{described} at {path}.")
    if expected is None or not re.fullmatch(r"[0-9a-fA-F]{64}", expected):
        raise UsageError(
            f"the weights of {extractor} at {path} cannot be checked: "
            "pass the SHA-256 that their publisher states, 64 hexadecimal digits, with --set weights_sha256=…."
        )
    if (actual := known_sha256(path)) != expected.lower():
        raise UsageError(
            f"the weights of {extractor} at {path} have SHA-256 {actual}, and {expected} was expected: "
            "the file was not loaded."
        )
    return path
