"""Sizes of the autoencoders: those of the papers, and ours for Moving Shapes of 32 x 32."""

from dataclasses import dataclass

from vidgauge.reference_models.cost import Grid


@dataclass(frozen=True, kw_only=True)
class ImageSize:
    """An image autoencoder in the layout of Stable Diffusion; defaults are its own, f = 8."""

    grid: Grid
    """T, H, W of the video that the preset is made for; each frame is an image."""
    base: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    """Channels of each level over the base; each has half the last one's height and width."""
    blocks: int = 2
    """Residual blocks of each level on the way down; one more on the way up."""
    latent_channels: int = 4
    groups: int = 32
    """Of the norms."""
    scale: float | None = 0.18215
    """What latents are multiplied with; None where mean and deviation of each channel are measured."""

    @property
    def factor(self) -> int:
        """f: how many times smaller latents are, along height and width."""
        return 1 << (len(self.multipliers) - 1)


@dataclass(frozen=True, kw_only=True)
class CausalSize:
    """A causal 3-D autoencoder; defaults are W.A.L.T.'s own."""

    grid: Grid
    """T = 1 + 2^k n, H and W of the video that the preset is made for."""
    base: int = 128
    multipliers: tuple[int, ...] = (1, 2, 2, 4)
    """Channels of each level over the base; each has half the last one's height and width."""
    blocks: int = 4
    """Residual blocks of each level, and as many again at the lowest resolution."""
    latent_channels: int = 8
    temporal_halvings: int = 2
    """k: how many of the steps between levels, the last ones, halve time too."""
    temporal_kernel: int = 3
    """Along time, of every 3 x 3 kernel; 1 (with no halving of time) is the image autoencoder to inflate."""
    up_kernel: int = 3
    """Of the convolutions before depth-to-space, along every axis ("all 3 x 3 x 3"; ours have 1, an eighth of their
    numbers would be half of all)."""
    groups: int = 32

    @property
    def factors(self) -> Grid:
        """How many times smaller latents are, along time (but for the first frame), height and width."""
        space = 1 << (len(self.multipliers) - 1)
        return 1 << self.temporal_halvings, space, space


STABLE_DIFFUSION = ImageSize(grid=(8, 320, 512))
"""Rombach et al., arXiv 2112.10752; clips as Align your Latents (arXiv 2304.08818) has them for text to video."""
IMAGE_SMALL = ImageSize(grid=(16, 32, 32), base=32, multipliers=(1, 2, 2), blocks=1, groups=8, scale=None)
IMAGE_LARGE = ImageSize(grid=(29, 128, 128), base=32, multipliers=(1, 2), blocks=1, groups=8, scale=None)
"""f = 2, for an upscaler."""
IMAGE_TINY = ImageSize(grid=(16, 32, 32), base=16, multipliers=(1, 2, 2), blocks=1, groups=4, scale=None)

WALT = CausalSize(grid=(17, 128, 128))
"""Gupta et al., arXiv 2312.06662: 17 x 128 x 128 to 5 x 16 x 16 x 8."""
CAUSAL_SMALL = CausalSize(grid=(17, 32, 32), base=32, multipliers=(1, 2, 4), blocks=1, up_kernel=1, groups=8)
CAUSAL_TINY = CausalSize(grid=(17, 32, 32), base=8, multipliers=(1, 3, 3), blocks=1, up_kernel=1, groups=2)
