"""Fréchet distance between the features of samples and those of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbox.errors import UsageError
from benchbox.metric import Accumulator, Context, Metric
from benchbox.metrics.statistics import Moments
from benchbox.model import Model

if TYPE_CHECKING:
    from torch import Tensor

REFERENCES = Path(__file__).parent / "references"


@dataclass(frozen=True)
class Reference:
    """Mean and covariance of a data set's features, and where they come from."""

    mu: NDArray[np.float64]
    sigma: NDArray[np.float64]
    n: int
    dataset: str
    split: str
    features: str


def read_reference(path: Path, features: str) -> Reference:
    """The statistics in an .npz with `mu` and `sigma`; what else it says of itself is taken, the rest assumed."""
    assumed: dict[str, Any] = {"n": 0, "dataset": path.stem, "split": "?", "features": features}
    try:
        with np.load(path, allow_pickle=False) as file:
            said = {k: file[k].item() if k in file else v for k, v in assumed.items()}
            return Reference(file["mu"].astype(np.float64), file["sigma"].astype(np.float64), **said)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} is no .npz with mu and sigma: {error}.") from None


@dataclass(frozen=True)
class FID(Metric):
    """Fréchet Inception Distance (Heusel et al. 2017), by torch-fidelity, on uint8 images.

    features: a feature extractor registered with torch-fidelity (none: the model's own, such as `mnist-cnn`).
    reference: an .npz of mu and sigma, or the name of a data set that comes with benchbox (none: the model's data set).
    The columns `fid` and `fid_features`; values of different features, data sets or sample counts do not compare.
    """

    name = "fid"
    features: str | None = None
    reference: str | None = None

    def check(self, model: Model) -> None:
        from benchbox.metrics.features import accepts

        if len(model.shape) != 3 or model.data_range is None:
            raise UsageError(
                f"metric fid measures images: model {model.name} makes samples of shape {model.shape} without a range."
            )
        features = self.extractor(model)
        if problem := accepts(features, model.shape):
            raise UsageError(f"metric fid cannot measure model {model.name}: {problem}")
        self.read(model)

    def extractor(self, model: Model) -> str:
        features = self.features or model.features
        if features is None:
            raise UsageError(
                f"model {model.name} names no feature extractor for its FID: give one with --set fid.features=NAME."
            )
        return features

    def read(self, model: Model) -> Reference:
        """The reference statistics. UsageError where they are missing or of another extractor."""
        features, name = self.extractor(model), self.reference or model.dataset
        path = Path(name) if name.endswith(".npz") else REFERENCES / f"{features}-{name}-train.npz"
        if not path.is_file():
            raise UsageError(
                f"there are no {features} statistics of data set {name!r}: "
                "give an .npz of mu and sigma with --set fid.reference=FILE."
            )
        found = read_reference(path, features)
        if found.features != features:
            raise UsageError(f"{path} holds {found.features} statistics where {features} ones are needed.")
        return found

    def start(self, context: Context) -> FIDAccumulator:
        from benchbox.metrics.features import extractor

        model, features = context.model, self.extractor(context.model)
        assert model.data_range is not None
        return FIDAccumulator(extractor(features, str(context.device)), features, self.read(model), model.data_range)


class FIDAccumulator(Accumulator):
    """Streams images through the extractor and keeps only the moments of their features."""

    def __init__(self, extract: Any, features: str, reference: Reference, data_range: tuple[float, float]) -> None:
        self.extract, self.features, self.reference, self.range = extract, features, reference, data_range
        self.moments = Moments(len(reference.mu))

    def update(self, batch: Tensor, index: Tensor) -> None:
        features = self.extract(to_uint8(batch, self.range))
        self.moments.update(features.double().cpu().numpy())

    def merge(self, other: FIDAccumulator) -> None:
        self.moments.merge(other.moments)

    def state(self) -> dict[str, NDArray[Any]]:
        return self.moments.state()

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self.moments.load(state)

    def compute(self) -> dict[str, float | str | None]:
        from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

        if self.moments.n < 2:
            return {"fid": None, "fid_features": self.features}
        ours = {"mu": self.moments.mean, "sigma": self.moments.covariance}
        reference = {"mu": self.reference.mu, "sigma": self.reference.sigma}
        value = fid_statistics_to_metric(ours, reference, verbose=False)[KEY_METRIC_FID]
        return {"fid": float(value), "fid_features": self.features}


def to_uint8(x: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Images as they would be saved: the range to 0 … 255, rounded, clipped (Karras et al. 2022, generate.py)."""
    import torch

    low, high = data_range
    return ((x - low) * (255 / (high - low)) + 0.5).clamp(0, 255).to(torch.uint8)
