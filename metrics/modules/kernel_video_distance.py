"""The kernel video distance, as a metric that is updated batch by batch."""

from typing import Any

from torch import nn

from vidgauge.metrics.measures.kvd import KVD
from vidgauge.metrics.modules.set_distance import SetDistance
from vidgauge.metrics.protocols import Protocol


class KernelVideoDistance(SetDistance):
    r"""Polynomial maximum mean discrepancy between the features of real and of generated videos.

    .. math::
        KVD = MMD^2, \quad k(x, y) = (x^T y / D + c)^d

    Unterthiner et al., arXiv 1812.01717; Binkowski et al., arXiv 1801.01401. A protocol fixes everything else that the
    number depends on. It equals what ``vidgauge score`` says of lossless files of the same videos.

    As input to ``forward`` and ``update`` the metric accepts

    - ``video_bcthw`` (`Tensor`): (N, 3, T, H, W), uint8, or floats in [0, 1], which are rounded to the nearest of
      256 levels as a file would hold them; other types and ranges are refused, never guessed. Any height and width:
      the protocol resizes. T is the protocol's number of frames.
    - ``real`` (`bool`): whether the videos are real ones or generated ones

    As output of ``compute`` the metric returns

    - ``kvd`` (`Tensor`): the distance, a float64 scalar; the unbiased one may be below 0. With fewer than two videos
      in a set there is none (an error).

    ``forward`` returns the distance of a generated batch to all real videos so far, and None for a real batch.

    Args:
        protocol: name of a protocol of measure kvd or kid (``vidgauge list protocols``), or a ``Protocol``.
        network: a module to use in place of the protocol's. It is given the videos as they are, neither rounded nor
            resized and of any length, and gives features (N, D). It is put into evaluation mode, and is not part of
            the metric's parameters and state dict.
        random_weights: seed of random weights in place of the protocol's: tries speed and plumbing, says nothing.
        reset_real_features: False keeps the features of real videos when the metric is reset, for sets that do not
            change.
        kwargs: torchmetrics' own, such as ``compute_on_cpu`` and ``process_group``.

    Raises:
        UsageError: a ``ValueError``, for an unknown protocol, one of another measure, or what is no module.
        VidgaugeError: for weights that are not at hand.

    Example:
        >>> from vidgauge.datasets.moving_shapes import MovingShapes
        >>> from vidgauge.metrics import KernelVideoDistance
        >>> import torch
        >>> frames = torch.stack([sample.frames_thwc for sample in MovingShapes(height=32, width=32, count=12)])
        >>> video_bcthw = frames.permute(0, 4, 1, 2, 3)
        >>> kvd = KernelVideoDistance()
        >>> kvd.update(video_bcthw, real=True)
        >>> kvd.update(video_bcthw[:, :, :1].expand_as(video_bcthw), real=False)  # they stand still
        >>> print(f"{kvd.compute():.2f}")
        2.73
    """

    measure = KVD

    def __init__(
        self,
        protocol: str | Protocol = "kvd.shapes",
        *,
        network: nn.Module | None = None,
        random_weights: int | None = None,
        reset_real_features: bool = True,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        super().__init__(
            protocol,
            network=network,
            random_weights=random_weights,
            reset_real_features=reset_real_features,
            **kwargs,
        )
