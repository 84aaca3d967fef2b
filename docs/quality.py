"""How good the bundled models are, as Markdown: python docs/quality.py [SAMPLES]

Per model: the share of samples that the digit classifier recognises with probability above 0.9, the least and the
largest share of a class, and the FID (mnist-cnn) against the training split.
"""

from __future__ import annotations

import sys

import torch

import benchbox
from benchbox.metrics.features import classifier, extractor
from benchbox.metrics.fid import REFERENCES, FIDAccumulator, read_reference, to_uint8

RUNS = [
    ("mnist-edm", "heun", 35, {}),
    ("mnist-ddpm", "heun", 35, {}),
    ("mnist-ddpm", "ancestral", 100, {}),
    ("mnist-ncsn", "heun", 35, {}),
]


def main(n: int) -> None:
    """Sample, classify, compare."""
    reference = {s: read_reference(REFERENCES / f"mnist-cnn-mnist-{s}.npz", "mnist-cnn") for s in ("train", "test")}
    extract, net = extractor("mnist-cnn", "cpu"), classifier()
    floor = FIDAccumulator(extract, "mnist-cnn", reference["train"], (-1.0, 1.0))
    test = reference["test"]
    floor.load(
        {"n": test.n, "origin": 0 * test.mu, "total": test.n * test.mu,
         "outer": (test.n - 1) * test.sigma + test.n * torch.outer(*2 * [torch.as_tensor(test.mu)]).numpy()}
    )  # fmt: skip
    print(f"| model | sampler | NFE | samples | recognised (p > 0.9) | classes | FID |\n|{'---|' * 7}")
    for model, sampler, nfe, options in RUNS:
        x = benchbox.sample(sampler, model=model, nfe=nfe, n=n, **options)
        total = FIDAccumulator(extract, "mnist-cnn", reference["train"], (-1.0, 1.0))
        with torch.inference_mode():
            best = net(to_uint8(x, (-1.0, 1.0)).float() / 127.5 - 1).softmax(1).max(1)
        total.update(x, torch.arange(n))
        share = torch.bincount(best.indices, minlength=10) / n
        sure = (best.values > 0.9).double().mean()
        print(
            f"| `{model}` | {sampler} | {nfe} | {n} | {sure:.1%} | {share.min():.1%} – {share.max():.1%} "
            f"| {total.compute()['fid']:.2f} |",
            flush=True,
        )
    print(f"| the MNIST test split | | | {test.n} | | | {floor.compute()['fid']:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
