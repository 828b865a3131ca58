"""Causal 3-D convolution: no frame sees a later one."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from vidgauge.reference_models.cost import Cost, Padding
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.layers.conv3d import Conv3d
from vidgauge.reference_models.layouts import as_laid_out


@LAYERS.register("causal_conv3d")
class CausalConv3d(Conv3d):
    """Dense k_t x k x k kernel with all k_t - 1 frames of zeros in front and none behind.

    Output frame i sees the input's frames up to i times the stride. So 1 + s T' frames at stride s give 1 + T', and an
    image is a clip of one frame, which gives one: Yu et al., MAGVIT-v2 (arXiv 2310.05737), whose tokenizer
    W.A.L.T. builds on. torch pads both sides alike, so the padded clip is a copy; the zeros around a frame are not.

    Arguments are those of ``conv3d``.
    """

    def zeros(self) -> Padding:
        """In front alone along time."""
        _, height, width = super().zeros()
        return (self.kernel[0] - 1, 0), height, width

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T', H', W'), T' = floor((T - 1) / stride) + 1 and so on."""
        self.split(video_bcthw.shape)
        before, _ = self.padding[0]
        padded = functional.pad(video_bcthw, (0, 0, 0, 0, before, 0)) if before else video_bcthw
        return as_laid_out(self.convolution(padded), video_bcthw)

    def cost(self, shape: Sequence[int]) -> Cost:
        """As of conv3d; the clip is read, and written with k_t - 1 frames more, which autograd keeps too."""
        batch, (frames, height, width) = self.split(shape)
        plain, before = super().cost(shape), self.padding[0][0]
        frame = batch * self.in_channels * height * width * self.itemsize()
        return plain.model_copy(
            update={
                "copy_bytes": frame * (2 * frames + before) if before else 0,
                "activation_bytes": plain.activation_bytes + frame * before,
            }
        )
