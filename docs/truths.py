"""The bundled truths of inverse problems, 100 MNIST test digits: python docs/truths.py mnist.npz OUTPUT.npz

The first ten test images of each class; image i is of class i mod 10. The bundled networks were trained on the 60,000
training images alone.
"""

from __future__ import annotations

import sys

import numpy as np


def main(source: str, output: str) -> None:
    with np.load(source, allow_pickle=False) as mnist:
        images, labels = mnist["x_test"], mnist["y_test"]
    chosen = np.stack([np.flatnonzero(labels == digit)[:10] for digit in range(10)], axis=1).reshape(-1)
    np.savez_compressed(output, images=images[chosen], labels=labels[chosen])


if __name__ == "__main__":
    main(*sys.argv[1:])
