"""Training of the `mnist-cnn` extractor: python -m benchbox.training.classifier mnist.npz OUTPUT_DIRECTORY."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from benchbox.atomic import output
from benchbox.card import sha256
from benchbox.inputs.images import read_images
from benchbox.metrics.features import Extractor
from benchbox.metrics.reference import write_reference
from benchbox.metrics.reference_images import make_reference
from benchbox.nets.classifier import DigitClassifier

EPOCHS, CLASSIFIER_BATCH, RATE = 8, 128, 2e-3
HELD_OUT = 10_000
"""Features of training images in the reference, for kid and prc."""


def trained_extractor(images: Tensor, labels: Tensor, seed: int = 0) -> DigitClassifier:
    """Adam with a one-cycle learning rate; images are shifted at random by up to two pixels."""
    torch.manual_seed(seed)
    net = DigitClassifier()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    steps = EPOCHS * (len(images) // CLASSIFIER_BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))[: len(images) // CLASSIFIER_BATCH * CLASSIFIER_BATCH]
        for index in order.split(CLASSIFIER_BATCH):
            dy, dx = torch.randint(0, 5, (2,)).tolist()
            x = F.pad(scaled(images[index]), (2, 2, 2, 2), value=-1.0)[:, :, dy : dy + 28, dx : dx + 28]
            loss = F.cross_entropy(net(x), labels[index], label_smoothing=0.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


@torch.inference_mode()
def accuracy(net: DigitClassifier, images: Tensor, labels: Tensor) -> float:
    logits = torch.cat([net(scaled(batch)) for batch in images.split(500)])
    return float((logits.argmax(1) == labels).double().mean())


def train_and_save(data: Path, directory: Path) -> None:
    with np.load(data, allow_pickle=False) as file:
        labels = {split: torch.as_tensor(file[f"y_{split}"]).long() for split in ("train", "test")}
    images = {split: torch.as_tensor(read_images(data, f"x_{split}")) for split in ("train", "test")}
    net = trained_extractor(images["train"], labels["train"])
    directory.mkdir(parents=True, exist_ok=True)
    weights = directory / "mnist-cnn.safetensors"
    with output(weights) as file:
        file.write(save({n: t.contiguous() for n, t in net.state_dict().items()}))
    extract = Extractor("mnist-cnn", lambda x: (net.features(scaled(x[:, :1])),), {"fid": "64"})
    for split in ("train", "test"):
        keep = HELD_OUT if split == "train" else 0
        reference = make_reference(images[split].numpy(), extract, keep, 500, dataset="mnist", split=split)
        write_reference(directory / f"mnist-cnn-mnist-{split}.npz", reference)
    card = {
        "accuracy_test": accuracy(net, images["test"], labels["test"]), "sha256": sha256(weights),
        "features": 64, "dataset": "mnist", "epochs": EPOCHS,
        "command": shlex.join(["python", "-m", "benchbox.training.classifier", *sys.argv[1:]]),
        "licence": "MNIST, by Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0",
    }  # fmt: skip
    with output(directory / "mnist-cnn.json") as file:
        file.write((json.dumps(card, indent=2) + "\n").encode())
    print(json.dumps(card, indent=2))


if __name__ == "__main__":
    train_and_save(Path(sys.argv[1]), Path(sys.argv[2]))
