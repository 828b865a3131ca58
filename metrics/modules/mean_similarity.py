"""What the metrics have in common that are means of one similarity a video."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.modules.video_metric import VideoMetric
from vidgauge.metrics.protocols import Protocol


class MeanSimilarity(VideoMetric):
    """A mean over videos, of which each one's similarity is kept: eight bytes a video, in float64."""

    higher_is_better = True
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0
    generated = "similarities"

    similarities: list[Tensor]

    def __init__(
        self,
        protocol: str | Protocol,
        *,
        random_weights: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        super().__init__(protocol, random_weights=random_weights, **kwargs)
        self._add_states("similarities", apart=f"{self.rule!r} {self.protocol.prefix}")
        self.set_dtype(torch.float64)

    def _keep(self, outputs: dict[str, Any]) -> None:
        """Add the similarity of each video of a batch."""
        n = len(outputs[self.rule.output])
        mean = self.rule.statistic(Evidence(outputs, [str(i) for i in range(n)]))
        self._add("similarities", torch.tensor([mean(only) for only in np.eye(n)], dtype=torch.float64))

    def _sets(self) -> list[Evidence]:
        return [self._evidence("similarities")]

    def _value(self, *sets: Evidence) -> float:
        (evidence,) = sets
        return float(np.asarray(evidence.outputs[self.rule.output]).mean(dtype=np.float64))
