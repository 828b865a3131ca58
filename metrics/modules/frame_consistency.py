"""Frame consistency, as a metric that is updated batch by batch."""

from typing import Any

from torch import Tensor

from vidgauge.metrics.measures import frame_consistency
from vidgauge.metrics.modules.mean_similarity import MeanSimilarity
from vidgauge.metrics.modules.video_input import check_real
from vidgauge.metrics.protocols import Protocol


class FrameConsistency(MeanSimilarity):
    r"""How alike the frames of each generated video are, by the cosine of their embeddings in an image network.

    .. math::
        FC = \mathbb{E}_x \frac{1}{T - 1} \sum_t cos(E_{x_t}, E_{x_{t+1}})

    for consecutive frames; a protocol may choose other pairs, and fixes everything else that the number depends on.
    A frozen video scores 1: read it beside a metric that sees motion. It equals what ``vidgauge score`` says of
    lossless files of the same videos.

    As input to ``forward`` and ``update`` the metric accepts

    - ``video_bcthw`` (`Tensor`): (N, 3, T, H, W), uint8, or floats in [0, 1], which are rounded to the nearest of
      256 levels as a file would hold them; other types and ranges are refused, never guessed. Any height and width:
      the protocol resizes. T is the protocol's number of frames.
    - ``real`` (`bool`, False): real videos are left out, so that the metric can stand beside
      ``FrechetVideoDistance`` in a ``MetricCollection``

    As output of ``forward`` and ``compute`` the metric returns

    - ``frame_consistency`` (`Tensor`): the mean cosine, a float64 scalar

    Args:
        protocol: name of a protocol of measure frame-consistency (``vidgauge list protocols``), or a ``Protocol``.
        random_weights: seed of random weights in place of the protocol's: tries speed and plumbing, says nothing.
        kwargs: torchmetrics' own, such as ``compute_on_cpu`` and ``process_group``.

    Raises:
        UsageError: a ``ValueError``, for an unknown protocol, or one of another measure.
        VidgaugeError: for weights that are not at hand.

    Example:
        >>> from vidgauge.datasets.moving_shapes import MovingShapes
        >>> from vidgauge.metrics import FrameConsistency
        >>> import torch
        >>> frames = torch.stack([sample.frames_thwc for sample in MovingShapes(height=32, width=32, count=8)])
        >>> consistency = FrameConsistency()
        >>> consistency.update(frames.permute(0, 4, 1, 2, 3))
        >>> print(f"{consistency.compute():.3f}")
        0.997
    """

    measure = frame_consistency.FrameConsistency

    def __init__(
        self,
        protocol: str | Protocol = "frame-consistency.shapes",
        *,
        random_weights: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        super().__init__(protocol, random_weights=random_weights, **kwargs)

    def update(self, video_bcthw: Tensor, real: bool = False) -> None:
        """Add a batch.

        Args:
            video_bcthw: (N, 3, T, H, W), uint8 or floats in [0, 1], with as many frames as the protocol looks at.
            real: True for real videos, which are left out.

        Raises:
            UsageError: for other videos than these, which leave the metric as it was.
        """
        if not check_real(real):
            frames_ntd = self._look(video_bcthw, real)[self.rule.output].cpu().numpy()
            self._keep({self.rule.output: frames_ntd})
