"""The image decoder taught time: Align your Latents (Blattmann et al., arXiv 2304.08818), section 3.1.1.

Decoded frame by frame, videos flicker. The paper adds temporal layers to the decoder alone and trains them on videos
with a discriminator of 3-D convolutions; the encoder stays, so the latents of images and of videos stay the same.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vidgauge.reference_models.autoencoders.image import EPSILON, ImageAutoencoder
from vidgauge.reference_models.autoencoders.residual import set_norms
from vidgauge.reference_models.autoencoders.sizes import ImageSize
from vidgauge.reference_models.layers.temporal_conv import TemporalConv
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.unet.residual import start_at_zero


class VideoAutoencoder(ImageAutoencoder):
    """An image autoencoder with a temporal residual block after each residual block of its decoder.

    Where they are is not stated; ours, and so in the weights that the authors published later. ``temporal`` holds all
    that is new and is the only part that has to be trained; a new one decodes exactly as the image autoencoder.

    Args:
        size: of the image autoencoder.
    """

    def __init__(self, size: ImageSize) -> None:
        super().__init__(size)
        self.temporal = nn.ModuleList(TemporalBlock(width) for width in self.decoder.residual_widths())
        set_norms(self.temporal, size.groups, EPSILON)

    def reconstruct(self, z_bcthw: Tensor) -> Tensor:
        """(B, z, T, h, w) to (B, 3, T, H, W); frames see their neighbours."""
        out: Tensor = self.decoder(self.unfolding(z_bcthw), self.temporal)
        return out

    def reconstruct_slices(self, z_bcthw: Tensor, at_once: int) -> Iterator[Tensor]:
        """Each slice with as many frames on both sides as it sees, whose own pictures are left out again."""
        reach = 2 * len(self.temporal)  # two kernels over three frames in each block
        frames = z_bcthw.shape[2]
        for start in range(0, frames, at_once):
            first, end = max(0, start - reach), min(frames, start + at_once)
            seen = self.reconstruct(z_bcthw[:, :, first : min(frames, end + reach)])
            yield seen[:, :, start - first : end - first]

    @torch.no_grad()
    def start_from_(self, image: ImageAutoencoder) -> None:
        """Take over an image autoencoder of the same size, normalisation included; temporal blocks stay as they are."""
        own = self.state_dict()
        given = image.state_dict()
        assert {name for name in own if not name.startswith("temporal.")} == set(given)
        for name, tensor in given.items():
            own[name].copy_(tensor)


class TemporalBlock(nn.Module):
    """``x + conv(SiLU(norm(conv(SiLU(norm(x))))))`` with 3 x 1 x 1 kernels, the last of them zero at the start.

    The kernels are the paper's; the zeros are ours, its starting point is not stated. Norms are per frame.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = FrameNorm(channels), FrameNorm(channels)
        self.convolution_in = TemporalConv(channels, channels)
        self.convolution_out = start_at_zero(TemporalConv(channels, channels))
        self.activation = nn.SiLU()

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W) in and out."""
        hidden = self.convolution_in(self.activation(self.norm_in(video_bcthw)))
        changed: Tensor = self.convolution_out(self.activation(self.norm_out(hidden)))
        return video_bcthw + changed
