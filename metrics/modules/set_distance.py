"""What the distances between real and generated videos have in common."""

from typing import Any

from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.modules.video_input import check_real
from vidgauge.metrics.modules.video_metric import VideoMetric
from vidgauge.metrics.protocols import Protocol


class SetDistance(VideoMetric):
    """A distance between the features of two sets, all of which are kept: any convention can be had of them, exactly.

    Metrics with the same network and the same ``reset_real_features`` share a compute group in a ``MetricCollection``,
    which then runs the network once.
    """

    higher_is_better = False
    generated = "generated_features"

    real_features: list[Tensor]
    generated_features: list[Tensor]

    def __init__(
        self,
        protocol: str | Protocol,
        *,
        network: nn.Module | None = None,
        random_weights: int | None = None,
        reset_real_features: bool = True,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        if not isinstance(reset_real_features, bool):
            raise UsageError(f"reset_real_features is a bool; got {reset_real_features!r}")
        super().__init__(protocol, network, random_weights, **kwargs)
        self.reset_real_features = reset_real_features
        self._add_states("real_features", "generated_features", apart=f"reset {reset_real_features}")

    def update(self, video_bcthw: Tensor, real: bool) -> None:
        """Add a batch.

        Args:
            video_bcthw: (N, 3, T, H, W), uint8 or floats in [0, 1], with as many frames as the protocol looks at.
            real: whether they are real videos, or generated ones.

        Raises:
            UsageError: for other videos than these, which leave the metric as it was.
        """
        state = "real_features" if check_real(real) else "generated_features"
        self._add(state, self._look(video_bcthw, real)[self.rule.output])

    def reset(self) -> None:
        """Forget the videos; the real ones are kept with ``reset_real_features=False``."""
        kept = self.real_features
        if not self.reset_real_features:
            self.real_features = []  # the list that is emptied
        super().reset()
        if not self.reset_real_features:
            self.real_features = kept

    def _sets(self) -> list[Evidence]:
        return [self._evidence("real_features"), self._evidence("generated_features")]
