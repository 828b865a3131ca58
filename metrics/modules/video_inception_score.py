"""The video Inception Score, as a metric that is updated batch by batch."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.inception import inception_scores
from vidgauge.metrics.measures import inception_score
from vidgauge.metrics.modules.video_input import check_real
from vidgauge.metrics.modules.video_metric import VideoMetric
from vidgauge.metrics.protocols import Protocol


class VideoInceptionScore(VideoMetric):
    r"""How sure a video classifier is of each generated video, and how evenly the classes come.

    .. math::
        IS = exp(\mathbb{E}_x KL(p(y | x) \| p(y)))

    Salimans et al., arXiv 1606.03498; for videos TGAN, arXiv 1611.06624. A protocol fixes everything else that the
    number depends on, and into how many parts the videos are cut. It equals what ``vidgauge score`` says of lossless
    files of the same videos in the same order.

    As input to ``forward`` and ``update`` the metric accepts

    - ``video_bcthw`` (`Tensor`): (N, 3, T, H, W), uint8, or floats in [0, 1], which are rounded to the nearest of
      256 levels as a file would hold them; other types and ranges are refused, never guessed. Any height and width:
      the protocol resizes. T is the protocol's number of frames.
    - ``real`` (`bool`, False): real videos are left out, so that the metric can stand beside
      ``FrechetVideoDistance`` in a ``MetricCollection``

    As output of ``compute`` the metric returns

    - ``is`` (`Tensor`): the score, a float64 scalar: the mean over the parts. It is one number, not a pair, so that it
      can be logged like any other; ``parts()`` gives each part's score, whose deviation papers print.

    ``forward`` returns the score of the batch, and None if the batch has fewer videos than there are parts.

    Args:
        protocol: name of a protocol of measure is (``vidgauge list protocols``), or a ``Protocol``.
        network: a module to use in place of the protocol's. It is given the videos as they are, neither rounded nor
            resized and of any length, and gives class probabilities (N, K). It is put into evaluation mode, and is not
            part of the metric's parameters and state dict.
        random_weights: seed of random weights in place of the protocol's: tries speed and plumbing, says nothing.
        kwargs: torchmetrics' own, such as ``compute_on_cpu`` and ``process_group``.

    Raises:
        UsageError: a ``ValueError``, for an unknown protocol, one of another measure, or what is no module.
        VidgaugeError: for weights that are not at hand.

    Example:
        >>> from vidgauge.datasets.moving_shapes import MovingShapes
        >>> from vidgauge.metrics import VideoInceptionScore
        >>> import torch
        >>> frames = torch.stack([sample.frames_thwc for sample in MovingShapes(height=32, width=32, count=12)])
        >>> score = VideoInceptionScore()
        >>> score.update(frames.permute(0, 4, 1, 2, 3))
        >>> print(f"{score.compute():.2f}")
        10.13
    """

    higher_is_better = True
    plot_lower_bound = 1.0
    measure = inception_score.VideoInceptionScore
    generated = "probabilities"

    rule: inception_score.VideoInceptionScore
    probabilities: list[Tensor]

    def __init__(
        self,
        protocol: str | Protocol = "is.shapes",
        *,
        network: nn.Module | None = None,
        random_weights: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        super().__init__(protocol, network, random_weights, **kwargs)
        self._add_states("probabilities")

    def update(self, video_bcthw: Tensor, real: bool = False) -> None:
        """Add a batch.

        Args:
            video_bcthw: (N, 3, T, H, W), uint8 or floats in [0, 1], with as many frames as the protocol looks at.
            real: True for real videos, which are left out.

        Raises:
            UsageError: for other videos than these, which leave the metric as it was.
        """
        if not check_real(real):
            self._add("probabilities", self._look(video_bcthw, real)[self.rule.output])

    def parts(self) -> Tensor:
        """The score of each part of all videos so far, float64; with several processes, all of them must ask.

        Raises:
            UsageError: for fewer videos than parts.
        """
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            (evidence,) = self._sets()
            if len(evidence) < self.rule.fewest:
                raise UsageError(
                    f"{self.protocol.name} needs at least {self.rule.fewest} videos in a set; one has {len(evidence)}"
                )
            scores = inception_scores(evidence.outputs[self.rule.output], self.rule.convention)
        return torch.stack([self._scalar(score) for score in scores])

    def _sets(self) -> list[Evidence]:
        evidence = self._evidence("probabilities")
        if self.dtype in (torch.float16, torch.bfloat16):  # rounded so, rows no longer sum to 1
            rows = np.asarray(evidence.outputs[self.rule.output])
            return [replace(evidence, outputs={self.rule.output: rows / rows.sum(axis=1, keepdims=True)})]
        return [evidence]
