"""CLIPSIM, as a metric that is updated batch by batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torchmetrics.wrappers.feature_share import NetworkCache

from vidgauge.errors import UsageError
from vidgauge.metrics.measures import clipsim
from vidgauge.metrics.modules.mean_similarity import MeanSimilarity
from vidgauge.metrics.modules.video_input import check_real
from vidgauge.metrics.protocols import Protocol


class CLIPSIM(MeanSimilarity):
    r"""How well the frames of generated videos fit their captions, by the cosine of embeddings in a CLIP model.

    .. math::
        CLIPSIM = \mathbb{E}_x \frac{1}{T} \sum_t cos(E_{x_t}, E_{caption})

    GODIVA, arXiv 2104.14806; raw, neither scaled nor divided by that of real videos. A protocol fixes everything else
    that the number depends on: model, weights, cropping, frames, and what is averaged. It equals what
    ``vidgauge score`` says of lossless files of the same videos.

    As input to ``forward`` and ``update`` the metric accepts

    - ``video_bcthw`` (`Tensor`): (N, 3, T, H, W), uint8, or floats in [0, 1], which are rounded to the nearest of
      256 levels as a file would hold them; other types and ranges are refused, never guessed. Any height and width:
      the protocol resizes. T is the protocol's number of frames.
    - ``captions`` (list of `str`): what each video should show. What the model does not read of them (words, or tokens
      past its limit) is told by a warning, once.
    - ``real`` (`bool`, False): real videos are left out and need no captions, so that the metric can stand beside
      ``FrechetVideoDistance`` in a ``MetricCollection``

    As output of ``forward`` and ``compute`` the metric returns

    - ``clipsim`` (`Tensor`): the mean cosine, a float64 scalar

    Args:
        protocol: name of a protocol of measure clipsim (``vidgauge list protocols``), or a ``Protocol``.
        random_weights: seed of random weights in place of the protocol's: tries speed and plumbing, says nothing.
        kwargs: torchmetrics' own, such as ``compute_on_cpu`` and ``process_group``.

    Raises:
        UsageError: a ``ValueError``, for an unknown protocol, or one of another measure.
        VidgaugeError: for weights that are not at hand.

    Example:
        >>> from vidgauge.datasets.moving_shapes import MovingShapes
        >>> from vidgauge.metrics import CLIPSIM
        >>> import torch
        >>> samples = list(MovingShapes(height=32, width=32, count=8))
        >>> video_bcthw = torch.stack([sample.frames_thwc for sample in samples]).permute(0, 4, 1, 2, 3)
        >>> clipsim = CLIPSIM()
        >>> clipsim.update(video_bcthw, [sample.caption for sample in samples])
        >>> print(f"{clipsim.compute():.3f}")
        0.913
    """

    measure = clipsim.CLIPSIM

    def __init__(
        self,
        protocol: str | Protocol = "clipsim.shapes",
        *,
        random_weights: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        super().__init__(protocol, random_weights=random_weights, **kwargs)

    def update(self, video_bcthw: Tensor, captions: Sequence[str] | None = None, real: bool = False) -> None:
        """Add a batch.

        Args:
            video_bcthw: (N, 3, T, H, W), uint8 or floats in [0, 1], with as many frames as the protocol looks at.
            captions: one a video; only real videos need none.
            real: True for real videos, which are left out.

        Raises:
            UsageError: for other videos or captions than these, which leave the metric as it was.
        """
        if check_real(real):
            return
        if not isinstance(captions, list | tuple) or not all(isinstance(caption, str) for caption in captions):
            raise UsageError("captions= is a list of texts, one for each generated video")
        if len(captions) != len(video_bcthw):
            raise UsageError(f"there are {len(captions)} captions for {len(video_bcthw)} videos; give one each")
        texts_nd = self._embed([self.protocol.prefix + caption for caption in captions])
        frames_ntd = self._look(video_bcthw, real)[self.rule.output].cpu().numpy()
        self._keep({self.rule.output: frames_ntd, "texts_nd": texts_nd})

    def _embed(self, captions: Sequence[str]) -> np.ndarray[Any, Any]:
        # torchmetrics' FeatureShare wraps the network in a cache of its outputs over videos.
        network: Any = self.network.network if isinstance(self.network, NetworkCache) else self.network
        texts_nd: np.ndarray[Any, Any]
        texts_nd, notes = network.embed_captions(captions)
        self._warn_once("captions", notes)
        return texts_nd
