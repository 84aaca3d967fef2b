"""The quality of digits, as a line of Markdown.

python docs/quality.py MODEL [SAMPLES], python docs/quality.py FOLDER, or python docs/quality.py mnist.npz [SAMPLES]

Of a model, samples are made by heun at 35 evaluations; FOLDER holds samples of `benchbox run --save-samples`; of
mnist.npz the first test images are taken. Columns: the share that the classifier recognises with a probability above
0.9, the smallest and the largest share of a class, and the FID (mnist-cnn) against the training split. With "test" as
MODEL: the FID of the MNIST test split against the training split, for comparison.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

import benchbox
from benchbox.bench.samples import open_samples
from benchbox.inputs.pixels import to_uint8
from benchbox.metrics.features import extractor
from benchbox.metrics.fid import FIDAccumulator
from benchbox.metrics.mnist_cnn import classifier
from benchbox.metrics.reference import REFERENCE_FOLDER, read_reference


def test_split_fid() -> float:
    """The FID of the test split against the training split."""
    stats = [read_reference(REFERENCE_FOLDER / f"mnist-cnn-mnist-{s}.npz") for s in ("train", "test")]
    value = fid_statistics_to_metric(*({"mu": s.mu, "sigma": s.sigma} for s in stats), verbose=False)
    return float(value[KEY_METRIC_FID])


def digits(source: str, n: int) -> Tensor:
    """Samples (n, 1, 28, 28) in [−1, 1]: those in a folder, test images of an .npz, or new ones of a model."""
    if source.endswith(".npz"):
        return torch.as_tensor(np.load(source)["x_test"][:n, None]).float() / 127.5 - 1
    if Path(source).is_dir():
        return torch.as_tensor(np.array(open_samples(Path(source)))).float() / 127.5 - 1
    return benchbox.sample("heun", model=source, nfe=35, n=n)


def main(source: str, n: int) -> None:
    """Classify samples and compute their FID."""
    if source == "test":
        print(f"| the MNIST test split | 10000 | | | {test_split_fid():.2f} |")
        return
    x = digits(source, n)
    reference = read_reference(REFERENCE_FOLDER / "mnist-cnn-mnist-train.npz")
    fid = FIDAccumulator(extractor("mnist-cnn", "cpu"), "mnist-cnn", reference, (-1.0, 1.0))
    fid.update(x, torch.arange(len(x)))
    with torch.inference_mode():
        best = classifier()(to_uint8(x, (-1.0, 1.0)).float() / 127.5 - 1).softmax(1).max(1)
    shares, recognised = torch.bincount(best.indices, minlength=10) / len(x), (best.values > 0.9).double().mean()
    fid_value = fid.compute()["fid"]
    print(f"| `{source}` | {len(x)} | {recognised:.1%} | {shares.min():.1%} – {shares.max():.1%} | {fid_value:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000)
