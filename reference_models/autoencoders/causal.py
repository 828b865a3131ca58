"""The causal 3-D autoencoder of W.A.L.T. (Gupta et al., arXiv 2312.06662): one latent space for images and videos.

It is MAGVIT-v2's tokenizer (Yu et al., arXiv 2310.05737, section 3.2) without quantisation. 1 + 4 k frames become
1 + k latents: the first frame is encoded for itself, so an image is a video of one frame. What is known of the layers
comes from the W.A.L.T. paper and from summaries of MAGVIT-v2's; what none of them says is marked ours.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.autoencoder import Autoencoder, Posterior, halved
from vidgauge.reference_models.autoencoders.normalisation import LatentNormalisation
from vidgauge.reference_models.autoencoders.residual import Convolve, blocks, laid_out_for, set_norms
from vidgauge.reference_models.autoencoders.sizes import CausalSize
from vidgauge.reference_models.autoencoders.slices import Memory, carried
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.inflation import inflate_kernel
from vidgauge.reference_models.layers.causal_conv3d import CausalConv3d
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layouts import as_laid_out
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.unet.residual import start_at_zero

EPSILON = 1e-6
"""Under the root of every norm."""


class CausalAutoencoder(Autoencoder):
    """1 + 4 k frames to 1 + k latents and back: latent j knows frames up to 4 j, frame 4 j needs latents up to j.

    Every norm is per frame: over a whole clip it would tell early latents of late frames. Whether the encoder gives a
    distribution is not stated; ours, for its small divergence keeps the latents near unit scale.

    Args:
        size: one of ``autoencoders.sizes``.
    """

    def __init__(self, size: CausalSize) -> None:
        super().__init__()
        self.size, self.grid, self.latent_channels = size, size.grid, size.latent_channels
        self.encoder = CausalEncoder(size)
        self.decoder = CausalDecoder(size)
        self.normalisation = LatentNormalisation(size.latent_channels)
        set_norms(self, size.groups, EPSILON)

    def latent_grid(self, grid: Grid) -> Grid:
        """1 + (T - 1) / 4 frames, H / 8 and W / 8 at the paper's factors."""
        frames, height, width = grid
        time, space, _ = self.size.factors
        if (frames - 1) % time:
            nearest = 1 + time * round((frames - 1) / time)
            raise UsageError(f"{frames} frames; this autoencoder takes 1 + {time} k of them: use {nearest}, say")
        return 1 + (frames - 1) // time, halved("height", height, space), halved("width", width, space)

    def posterior(self, video_bcthw: Tensor) -> Posterior:
        """(B, 3, 1 + 4 k, H, W) to the distribution of (B, c, 1 + k, h, w)."""
        _, grid = self.split(video_bcthw.shape)
        self.latent_grid(grid)
        return Posterior.of(self.encoder(video_bcthw))

    def reconstruct(self, z_bcthw: Tensor) -> Tensor:
        """(B, c, 1 + k, h, w) to (B, 3, 1 + 4 k, H, W)."""
        out: Tensor = self.decoder(z_bcthw)
        return out

    def reconstruct_slices(self, z_bcthw: Tensor, at_once: int) -> Iterator[Tensor]:
        """Each slice knows of those before what the convolutions look back to."""
        memory: Memory = {}
        for number, slice_bcthw in enumerate(torch.split(z_bcthw, at_once, 2)):
            with carried(self.decoder, memory):
                out = self.decoder(slice_bcthw, begun=number > 0)
            yield out

    @torch.no_grad()
    def inflate_(self, image: "CausalAutoencoder") -> None:
        """Start from an image autoencoder of size ``image_size(self.size)``: its kernels become the last slice.

        Latent j then is the image's of frame 4 j, and decoding repeats it for the frames from 4 j - 3 to 4 j.
        """
        given = image.state_dict()
        for name, own in self.state_dict().items():
            own.copy_(_inflated(given[name], own.shape))


class CausalEncoder(nn.Module):
    """Levels of residual blocks with strided convolutions between them; as many blocks again at the lowest resolution.

    Of 4 blocks each it has the 152 M numbers, of 2 the 80 M that are reckoned from the papers. There the last level
    ends in a convolution, too: its place is ours.
    """

    def __init__(self, size: CausalSize) -> None:
        super().__init__()
        convolve = _convolutions(size)
        widths = [size.base * multiplier for multiplier in size.multipliers]
        self.stem = convolve(3, widths[0], 3)
        self.parts = nn.ModuleList()
        """In the order in which they are called."""
        channels = widths[0]
        for width, step in zip(widths, [*_steps(size), (1, 1, 1)], strict=True):
            self.parts.extend(blocks(channels, width, size.blocks, convolve))
            self.parts.append(CausalConv3d(width, width, temporal_kernel=size.temporal_kernel, stride=step))
            channels = width
        self.parts.extend(blocks(channels, channels, size.blocks, convolve))
        self.norm, self.activation = FrameNorm(channels), nn.SiLU()
        self.head = convolve(channels, 2 * size.latent_channels, 3)

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, 3, 1 + 4 k, H, W) to (B, 2 c, 1 + k, h, w)."""
        hidden = self.stem(laid_out_for(self.stem, video_bcthw))
        for part in self.parts:
            hidden = part(hidden)
        out: Tensor = self.head(self.activation(self.norm(hidden)))
        return out


class CausalDecoder(nn.Module):
    """The way back; at each resolution the latents have their say again, by an adaptive norm before the blocks."""

    def __init__(self, size: CausalSize) -> None:
        super().__init__()
        convolve = _convolutions(size)
        widths = [size.base * multiplier for multiplier in size.multipliers]
        steps = _steps(size)
        channels = widths[-1]
        self.stem = convolve(size.latent_channels, channels, 3)
        self.middle = nn.Sequential(*blocks(channels, channels, size.blocks, convolve))
        self.levels = nn.ModuleList()
        above = (1, 1, 1)  # how many times larger than the latents
        for level in range(len(widths) - 1, -1, -1):
            step = steps[level - 1] if level else None
            self.levels.append(Level(size, channels, widths[level], above, step))
            channels = widths[level]
            above = _product(above, step or (1, 1, 1))
        self.norm, self.activation = FrameNorm(channels), nn.SiLU()
        self.head = convolve(channels, 3, 3)

    def forward(self, z_bcthw: Tensor, *, begun: bool = False) -> Tensor:
        """(B, c, 1 + k, h, w) to (B, 3, 1 + 4 k, H, W).

        Args:
            z_bcthw: latents.
            begun: whether others came before them, so that none is a video's first: (B, c, k, h, w) to 4 k frames.
        """
        z_bcthw = laid_out_for(self.stem, z_bcthw)
        hidden = self.middle(self.stem(z_bcthw))
        for level in self.levels:
            hidden = level(hidden, z_bcthw, begun=begun)
        out: Tensor = self.head(self.activation(self.norm(hidden)))
        return out


class Level(nn.Module):
    """One resolution of the decoder: adaptive norm, residual blocks, and depth to space unless it is the last.

    Args:
        size: of the autoencoder.
        channels: C of the input.
        out_channels: C of the output.
        above: how many times larger the input is than the latents.
        step: how many times larger its output is than its input; None for the last.
    """

    def __init__(self, size: CausalSize, channels: int, out_channels: int, above: Grid, step: Grid | None) -> None:
        super().__init__()
        self.norm = AdaptiveNorm(channels, size.latent_channels, above)
        self.blocks = nn.Sequential(*blocks(channels, out_channels, size.blocks, _convolutions(size)))
        self.up = DepthToSpace(out_channels, size, step) if step else None

    def forward(self, video_bcthw: Tensor, z_bcthw: Tensor, *, begun: bool = False) -> Tensor:
        """(B, C, T, H, W) and the latents (B, c, 1 + k, h, w) to (B, C_out, T', H', W')."""
        hidden: Tensor = self.blocks(self.norm(video_bcthw, z_bcthw, begun=begun))
        return hidden if self.up is None else self.up(hidden, begun=begun)


class AdaptiveNorm(nn.Module):
    """Group norm per frame whose scale and shift come from the latents: "adaptive group normalisation" of MAGVIT-v2.

    That it is there is from summaries of the paper. How latents become scales is ours: at each place, by a linear map
    that starts at zero; frames take those of the latent that they are decoded from, so it is as causal as the rest.
    """

    def __init__(self, channels: int, latent_channels: int, above: Grid) -> None:
        super().__init__()
        self.above = above
        self.norm = FrameNorm(channels, affine=False)
        self.project = start_at_zero(SpatialConv(latent_channels, 2 * channels, 1))

    def forward(self, video_bcthw: Tensor, z_bcthw: Tensor, *, begun: bool = False) -> Tensor:
        """(B, C, T, H, W) in and out, latents (B, c, 1 + k, h, w)."""
        scale, shift = enlarged(self.project(z_bcthw), self.above, begun=begun).chunk(2, dim=1)
        out: Tensor = self.norm(video_bcthw) * (1 + scale) + shift
        return as_laid_out(out, video_bcthw)


class DepthToSpace(nn.Module):
    """A convolution to as many channels more as there are to be places, which then come out of the channels.

    Twice the frames are one too many, for the first was never halved: it is dropped. 5 to 10 to 9 to 18 to 17.
    """

    def __init__(self, channels: int, size: CausalSize, step: Grid) -> None:
        super().__init__()
        self.step = step
        over_time = min(size.up_kernel, size.temporal_kernel)
        self.convolution = CausalConv3d(channels, math.prod(step) * channels, size.up_kernel, over_time)

    def forward(self, video_bcthw: Tensor, *, begun: bool = False) -> Tensor:
        """(B, C, T, H, W) to (B, C, 1 + t (T - 1), h H, w W) for a step of (t, h, w); t T frames of a video begun."""
        deep = self.convolution(video_bcthw).unflatten(1, (-1, *self.step))
        out = deep.permute(0, 1, 5, 2, 6, 3, 7, 4).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return as_laid_out(out if begun else out[:, :, self.step[0] - 1 :], video_bcthw)


def enlarged(video_bcthw: Tensor, times: Grid, *, begun: bool = False) -> Tensor:
    """Each place repeated; a video's first frame as often as an image's: (B, C, 1 + t (T - 1), h H, w W)."""
    out = functional.interpolate(video_bcthw, scale_factor=times, mode="nearest")
    return out if begun else out[:, :, times[0] - 1 :]


def image_size(size: CausalSize) -> CausalSize:
    """Of the image autoencoder that a causal one can start from: kernels of one frame, time never halved."""
    return replace(size, grid=(1, *size.grid[1:]), temporal_kernel=1, temporal_halvings=0)


def _convolutions(size: CausalSize) -> Convolve:
    return partial(_causal, size.temporal_kernel)


def _causal(temporal_kernel: int, channels: int, out_channels: int, kernel: int) -> CausalConv3d:
    return CausalConv3d(channels, out_channels, kernel, temporal_kernel if kernel > 1 else 1)


def _steps(size: CausalSize) -> list[Grid]:
    """Strides from each level to the next: time is halved by the last ones ("in later blocks", MAGVIT-v2)."""
    steps = len(size.multipliers) - 1
    assert size.temporal_halvings <= steps
    return [(2 if step >= steps - size.temporal_halvings else 1, 2, 2) for step in range(steps)]


def _product(a: Grid, b: Grid) -> Grid:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


def _inflated(given: Tensor, shape: torch.Size) -> Tensor:
    """An image's parameter for a video's of that shape."""
    if given.ndim == 5 and given.shape[2] != shape[2]:
        given = inflate_kernel(given[:, :, 0], shape[2], "last")
    if given.shape[:1] != shape[:1]:  # before depth to space, channels are (C, t, 2, 2): the same for each of t frames
        places = given.reshape(-1, 1, 4, *given.shape[1:])
        given = places.expand(-1, shape[0] // given.shape[0], *places.shape[2:]).flatten(0, 2)
    return given.reshape(shape)
