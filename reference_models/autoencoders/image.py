"""The image autoencoder of latent diffusion (Rombach et al., arXiv 2112.10752), in Stable Diffusion's layout.

GenTron and Align your Latents work on its latents, each frame of a video encoded for itself. The paper's appendix G
gives the losses; the layers are those of the published code and weights, 83.65 M numbers.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidgauge.reference_models.autoencoders.autoencoder import Autoencoder, Posterior, halved
from vidgauge.reference_models.autoencoders.normalisation import LatentNormalisation
from vidgauge.reference_models.autoencoders.residual import ResidualBlock, blocks, laid_out_for, set_norms
from vidgauge.reference_models.autoencoders.sizes import ImageSize
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.folding import fold_frames, unfold_frames
from vidgauge.reference_models.layers.conv2d import Conv2d
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layouts import as_laid_out, layout_of
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.unet.resampling import repeated

EPSILON = 1e-6
"""Under the root of every norm."""


class ImageAutoencoder(Autoencoder):
    """Each frame (3, H, W) to latents (z, H / f, W / f) and back; frames do not see each other.

    Args:
        size: one of ``autoencoders.sizes``.
    """

    def __init__(self, size: ImageSize) -> None:
        super().__init__()
        self.size, self.grid, self.latent_channels = size, size.grid, size.latent_channels
        channels = size.latent_channels
        self.encoder = ImageEncoder(size)
        self.moments = Conv2d(2 * channels, 2 * channels, 1)
        self.unfolding = Conv2d(channels, channels, 1)
        self.decoder = ImageDecoder(size)
        if size.scale is None:
            self.normalisation = LatentNormalisation(channels)
        else:
            self.normalisation = LatentNormalisation.scaled(channels, size.scale)
        set_norms(self, size.groups, EPSILON)

    def latent_grid(self, grid: Grid) -> Grid:
        """As many frames, H / f and W / f."""
        frames, height, width = grid
        return frames, halved("height", height, self.size.factor), halved("width", width, self.size.factor)

    def posterior(self, video_bcthw: Tensor) -> Posterior:
        """(B, 3, T, H, W) to the distribution of (B, z, T, h, w)."""
        _, grid = self.split(video_bcthw.shape)
        self.latent_grid(grid)
        return Posterior.of(self.moments(self.encoder(video_bcthw)))

    def reconstruct(self, z_bcthw: Tensor) -> Tensor:
        """(B, z, T, h, w) to (B, 3, T, H, W), frame by frame."""
        return self.reconstruct_frames(z_bcthw)

    def reconstruct_slices(self, z_bcthw: Tensor, at_once: int) -> Iterator[Tensor]:
        """Frames are independent."""
        return map(self.reconstruct, torch.split(z_bcthw, at_once, 2))

    def reconstruct_frames(self, z_bcthw: Tensor) -> Tensor:
        """The image decoder, whatever a video's autoencoder has beside it."""
        out: Tensor = self.decoder(self.unfolding(z_bcthw))
        return out


class ImageEncoder(nn.Module):
    """Levels of residual blocks, each with half the last one's height and width; then block, attention, block."""

    def __init__(self, size: ImageSize) -> None:
        super().__init__()
        widths = [size.base * multiplier for multiplier in size.multipliers]
        self.stem = Conv2d(3, widths[0])
        self.parts = nn.ModuleList()
        """In the order in which they are called."""
        channels = widths[0]
        for level, width in enumerate(widths):
            self.parts.extend(blocks(channels, width, size.blocks, Conv2d))
            channels = width
            if level < len(widths) - 1:
                self.parts.append(Down(channels))
        self.parts.extend(middle(channels))
        self.norm, self.activation = FrameNorm(channels), nn.SiLU()
        self.head = Conv2d(channels, 2 * size.latent_channels)

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, 3, T, H, W) to (B, 2 z, T, H / f, W / f)."""
        hidden = self.stem(laid_out_for(self.stem, video_bcthw))
        for part in self.parts:
            hidden = part(hidden)
        out: Tensor = self.head(self.activation(self.norm(hidden)))
        return out


class ImageDecoder(nn.Module):
    """The way back: block, attention, block; levels with one block more than the encoder's, and steps up between."""

    def __init__(self, size: ImageSize) -> None:
        super().__init__()
        widths = [size.base * multiplier for multiplier in size.multipliers]
        channels = widths[-1]
        self.stem = Conv2d(size.latent_channels, channels)
        self.parts = nn.ModuleList(middle(channels))
        """In the order in which they are called."""
        for level in range(len(widths) - 1, -1, -1):
            self.parts.extend(blocks(channels, widths[level], size.blocks + 1, Conv2d))
            channels = widths[level]
            if level:
                self.parts.append(Up(channels))
        self.norm, self.activation = FrameNorm(channels), nn.SiLU()
        self.head = Conv2d(channels, 3)

    def residual_widths(self) -> list[int]:
        """Channels that each residual block gives, in their order."""
        return [part.out_channels for part in self.parts if isinstance(part, ResidualBlock)]

    def forward(self, z_bcthw: Tensor, after: nn.ModuleList | None = None) -> Tensor:
        """(B, z, T, h, w) to (B, 3, T, H, W).

        Args:
            z_bcthw: latents.
            after: what is called after each residual block, one for each: the temporal layers of a video's decoder.
        """
        hidden = self.stem(laid_out_for(self.stem, z_bcthw))
        temporal = iter(after if after is not None else ())
        for part in self.parts:
            hidden = part(hidden)
            if after is not None and isinstance(part, ResidualBlock):
                hidden = next(temporal)(hidden)
        out: Tensor = self.head(self.activation(self.norm(hidden)))
        return out


class Down(nn.Module):
    """Half the height and width: stride 2, with the zeros at the far edges alone, as the published weights want it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W) to (B, C, T, H / 2, W / 2)."""
        last = layout_of(video_bcthw) == torch.channels_last_3d
        images = functional.pad(fold_frames(video_bcthw, channels_last=last), (0, 1, 0, 1))
        return as_laid_out(unfold_frames(self.convolution(images), len(video_bcthw)), video_bcthw)


class Up(nn.Module):
    """Each place four times, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = Conv2d(channels, channels)

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W) to (B, C, T, 2 H, 2 W)."""
        out: Tensor = self.convolution(repeated(video_bcthw))
        return out


def middle(channels: int) -> list[nn.Module]:
    """Block, attention with one head, block: at the lowest resolution."""
    first, last = blocks(channels, channels, 2, Conv2d)
    return [first, Attending(SpatialAttention(channels, 1), zero=False), last]
