"""Sizes of the networks of Align your Latents (Blattmann et al., arXiv 2304.08818), on Stable Diffusion's U-Nets.

The paper states the counts of parameters, Stable Diffusion's published configurations the shapes of the image models.
"""

from dataclasses import dataclass

from vidgauge.reference_models.cost import Grid


@dataclass(frozen=True, kw_only=True)
class Size:
    """One network. Defaults are Stable Diffusion 1.4."""

    grid: Grid
    """T, H, W of the latents. T = 8 is ours, from the paper's 113 frames and its window of attention."""
    channels: int = 4
    """Of a latent."""
    base: int = 320
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    """Channels of each resolution over the base; each has half the last one's height and width."""
    blocks: int = 2
    """Residual blocks at each resolution on the way down."""
    attention_at: tuple[int, ...] = (1, 2, 4)
    """How many times smaller than the latents the resolutions with transformers are; the middle always has one."""
    text_twice_at: tuple[int, ...] = ()
    """Likewise, where the first attention of both blocks of a transformer is to the text as the second is: so in the
    spatial ones of the published x4 upscaler. For the temporal ones it is reconstructed: it takes 438 M to 443 M, of
    449 M stated. Frames mix by convolutions alone there."""
    heads: int | None = 8
    """Of each attention; None for heads of ``head_channels``."""
    head_channels: int = 64
    text_channels: int = 768
    """Of the words."""
    dropout: float = 0.0
    """Of the residual blocks; not stated, ours."""
    frame_distance: int = 8
    """How far apart frames may be to see each other in temporal attention."""

    @property
    def embedding(self) -> int:
        """Width of what residual blocks are told."""
        return 4 * self.base

    def heads_of(self, channels: int) -> int:
        """Of an attention on so many channels. Not stated for the temporal ones; ours, as many as the spatial ones."""
        return self.heads or channels // self.head_channels


SD1_4 = Size(grid=(8, 40, 64))
"""320 x 512 pixels, 8 times smaller as latents."""
SD2_1 = Size(grid=(8, 40, 64), heads=None, text_channels=1024)
INTERPOLATION = Size(grid=(5, 40, 64))
"""Two key frames, and the three between them."""
UPSCALER = Size(
    grid=(8, 80, 80),
    base=256,
    multipliers=(1, 2, 2, 4),
    attention_at=(2, 4, 8),
    text_twice_at=(2, 4),
    text_channels=1024,
)
"""Latents 4 times smaller than the video: patches of 320 x 320 of its 1280 x 2048 pixels, from patches of 80 x 80."""
SMALL = Size(
    grid=(8, 16, 16),
    base=48,
    multipliers=(1, 2, 4),
    blocks=1,
    attention_at=(2,),
    heads=None,
    head_channels=32,
    text_channels=128,
)
"""Ours: what one GPU trains in an afternoon, on 64 x 64 pixels, 4 times smaller as latents."""
SMALL_UPSCALER = Size(
    grid=(8, 32, 32),
    base=32,
    multipliers=(1, 2, 4),
    blocks=1,
    attention_at=(4,),
    heads=None,
    head_channels=32,
    text_channels=128,
)
"""Ours: patches of 64 x 64 of 128 x 128 pixels, from patches of 32 x 32."""
TINY = Size(grid=(5, 8, 8), base=28, multipliers=(1,), blocks=1, attention_at=(), heads=2, text_channels=32)
"""Ours: what two cores of a CPU train, on 32 x 32 pixels. Latents so small need no lower resolution; the one
transformer is in the middle."""
