"""How good a digit model is, as a line of Markdown: python docs/quality.py MODEL SAMPLES

Of samples by heun at 35 evaluations: the share that the digit classifier recognises with probability above 0.9, the
least and the largest share of a class, and the FID (mnist-cnn) against the training split. MODEL "test" is the FID of
the MNIST test split against the training split, the floor.
"""

from __future__ import annotations

import sys

import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

import benchbox
from benchbox.images import to_uint8
from benchbox.metrics.features import classifier, extractor
from benchbox.metrics.fid import FIDAccumulator
from benchbox.metrics.reference import REFERENCE_FOLDER, read_reference


def floor() -> float:
    """The FID of the test split against the training split."""
    stats = [read_reference(REFERENCE_FOLDER / f"mnist-cnn-mnist-{s}.npz") for s in ("train", "test")]
    value = fid_statistics_to_metric(*({"mu": s.mu, "sigma": s.sigma} for s in stats), verbose=False)
    return float(value[KEY_METRIC_FID])


def main(model: str, n: int) -> None:
    """Sample, classify, compare."""
    if model == "test":
        print(f"| the MNIST test split | 10000 | | | {floor():.2f} |")
        return
    x = benchbox.sample("heun", model=model, nfe=35, n=n)
    reference = read_reference(REFERENCE_FOLDER / "mnist-cnn-mnist-train.npz")
    fid = FIDAccumulator(extractor("mnist-cnn", "cpu"), "mnist-cnn", reference, (-1.0, 1.0))
    fid.update(x, torch.arange(n))
    with torch.inference_mode():
        best = classifier()(to_uint8(x, (-1.0, 1.0)).float() / 127.5 - 1).softmax(1).max(1)
    share, sure = torch.bincount(best.indices, minlength=10) / n, (best.values > 0.9).double().mean()
    print(f"| `{model}` | {n} | {sure:.1%} | {share.min():.1%} – {share.max():.1%} | {fid.compute()['fid']:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000)
