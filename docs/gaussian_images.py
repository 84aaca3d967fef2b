"""Fit a Gaussian to images, for the `gaussian` model: python docs/gaussian_images.py IMAGES DIR

Then: benchbox run --sampler heun --nfe 35 --model gaussian --metric fid --set fid.features=mnist-cnn
--set fid.reference=mnist --set gaussian.mean=DIR/mean.npy --set gaussian.eigenvalues=DIR/eigenvalues.npy
--set gaussian.eigenvectors=DIR/eigenvectors.npy --set gaussian.sample_shape=1:28:28 --set gaussian.data_range=-1:1
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchbox.inputs.images import read_images
from benchbox.metrics.frechet import Moments


def main(images: Path, directory: Path) -> None:
    """Write mean.npy, eigenvalues.npy and eigenvectors.npy of the images, scaled to [−1, 1]."""
    pixels = read_images(images)
    moments = Moments(pixels[0].size)
    for chunk in np.array_split(pixels.reshape(len(pixels), -1), 20):
        moments.update(chunk / 127.5 - 1)
    values, vectors = np.linalg.eigh(moments.covariance)
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in (("mean", moments.mean), ("eigenvalues", values.clip(0)), ("eigenvectors", vectors)):
        np.save(directory / f"{name}.npy", array)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
