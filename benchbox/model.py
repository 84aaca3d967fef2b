"""Models: a network or a formula for the denoiser of a data distribution, with its schedule and prediction type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from benchbox.data_distribution import DataDistribution

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from benchbox.agreement import Agreement
    from benchbox.grid import Grid
    from benchbox.problem import Problem
    from benchbox.schedule import Schedule

Prediction = Literal["eps", "x0", "score", "v", "flow", "edm"]
"""What a network predicts, see `benchbox.prediction`."""

Jumps = Literal["consistency", "flow-map"]
"""consistency: to the data alone, σ' = 0 (Song et al. 2023, arXiv:2303.01469); flow-map: to any lower level σ' (Kim
et al. 2023, arXiv:2310.02279)."""

Jump = Callable[..., "Tensor"]
"""(x, sigma, sigma_next, **conditions) to the state at σ' < σ on the trajectory through x; σ' = 0 is the data."""


class Model(DataDistribution):
    """A score model; a frozen dataclass whose fields are its options. It has `network` or, for a formula, `denoiser`.

    `schedule` is the native noise schedule, `grid` the default grid (name, or instance), `metrics` the names of the
    default metrics.
    """

    aliases: ClassVar[tuple[str, ...]] = ()

    @property
    def prediction(self) -> Prediction | None:
        """What the network predicts; None for a formula."""
        return None

    @property
    def sigma_data(self) -> float | None:
        """The data's standard deviation, for prediction `edm`."""
        return None

    @property
    def continuous(self) -> bool:
        """Whether a network on a discrete schedule accepts times between its points."""
        return False

    @property
    def needs_grad(self) -> bool:
        """Whether it computes gradients inside, as classifier guidance and energy models do; torch then keeps them."""
        return False

    @property
    def learned_variance(self) -> bool:
        """Whether the network gives 2C channels: after its prediction 2v − 1, for the variance β^v β̃^(1−v).

        Nichol & Dhariwal 2021, arXiv:2102.09672, eq. 15; β and β̃ are of the variance-preserving frame.
        """
        return False

    @property
    def half_weights(self) -> bool:
        """Whether `--dtype float16` and `bfloat16` convert the weights of its network, which then takes such y.

        Without it such a run keeps float32 weights and computes in torch's autocast.
        """
        return False

    @property
    def jumps(self) -> Jumps | None:
        """How it jumps along the ODE in one evaluation: to the data (`consistency`) or to any level (`flow-map`)."""
        return None

    @property
    def denoises(self) -> bool:
        """Whether it can be asked D(x, σ). A network that jumps, as a distilled one, gives f(x, σ) in its place."""
        return self.jumps is None

    @property
    def features(self) -> str | None:
        """The default feature extractor of the model's image metrics."""
        return None

    @property
    def reference(self) -> str | None:
        """The default reference of the model's image metrics, a file or a data set; None: that of its data set."""
        return None

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the weights; None for a formula."""
        return None

    @property
    def schedule(self) -> Schedule:
        raise NotImplementedError

    @property
    def grid(self) -> Grid | str:
        return "uniform"

    @property
    def own_grid(self) -> bool:
        """Whether `grid` comes before the one that a sampler recommends, as the shift of a flow does."""
        return False

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("sw2",)

    def network(self, device: Any) -> Callable[..., Tensor]:
        """callable(y, t, **conditions): y (batch, *shape) in the native frame; t (batch,).

        t is int64 k−1 in 0 … T−1 with 0 the least noise for a discrete schedule (float in between if `continuous`),
        c_noise = ¼ ln σ for prediction `edm`, the schedule's t otherwise. It returns a tensor like y, of twice the
        channels with `learned_variance`.
        """
        raise NotImplementedError

    def denoiser(self, device: Any) -> Callable[[Tensor, float], Tensor] | None:
        """callable(x, sigma) -> D(x, σ) in canonical coordinates, for a formula; None where the model has a network."""
        return None

    def jump(self, device: Any) -> Jump | None:
        """callable(x, sigma, sigma_next, **conditions): x at σ to the state at σ' on its trajectory, σ' = 0 the data.

        None for a `consistency` model with a network: its prediction, converted as that of a denoiser, is the jump.
        """
        return None

    def conditions(self, index: Tensor) -> dict[str, Tensor]:
        """Per-sample inputs of the network, from the samples' global numbers."""
        return {}

    @property
    def problem(self) -> Problem | None:
        """The inverse problem whose measurement the network takes as an input; None: it takes none."""
        return None

    def measured(self, y: Tensor) -> dict[str, Tensor]:
        """Per-sample inputs of the network, from measurements (batch, *measurement) of `problem`."""
        return {}

    @property
    def period(self) -> int | None:
        """The number of prompts: sample i has prompt i mod this; None where each sample is one of its own."""
        return None

    def unconditional(self, index: Tensor) -> dict[str, Tensor] | None:
        """`conditions` that mean no condition; None for a model that cannot be evaluated without one."""
        return None

    def classifier(self, device: Any) -> Callable[[Tensor, float], Tensor] | None:
        """callable(x, sigma) -> log p(c | x), (batch, classes), differentiable; None where it has none."""
        return None

    def conditioned(self) -> Model:
        """The model under a guidance: itself, or with conditions if it has none by default."""
        return self

    def agreements(self, device: Any) -> Iterator[Agreement]:
        """Comparisons with the software that the model comes from, for `benchbox check --model`; by default none."""
        return iter(())

    @classmethod
    def hint(cls, path: Path) -> str | None:
        """What to write in place of a path that was given as a model's name, such as `torchscript:net.pt`; or None."""
        return None
