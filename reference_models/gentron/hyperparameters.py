"""The sizes of GenTron (Chen, Xu, Ren et al., arXiv 2312.04557), as data.

Where the paper leaves a line out, the field says so.
"""

from dataclasses import dataclass, replace

from vidgauge.reference_models.cost import Grid


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """One transformer; defaults are what XL/2 and G/2 share."""

    grid: Grid = (8, 64, 64)
    """T, H, W of the latents: 8 frames of 512 x 512 pixels through an autoencoder of f = 8. That clips are as large as
    the images of the second stage is not stated; ours."""
    channels: int = 4
    """Of the latents."""
    patch: int = 2
    """p: height and width of a patch."""
    layers: int
    width: int
    """d."""
    heads: int = 16
    """DiT-XL's; not stated for G/2; ours."""
    text_channels: tuple[int, int] = (768, 4096)
    """Of the tokens of CLIP ViT-L and of Flan-T5-XXL."""
    text_tokens: tuple[int, int] = (77, 256)
    """Usual lengths of a caption, for costs. CLIP's own, and one for T5; not stated; ours."""
    pooled_channels: int = 768
    """Of the caption as one vector: CLIP's (whose is not stated; ours)."""
    video: bool = True
    """Whether there are temporal layers; the image model has none."""
    learned_sigma: bool = True
    """Whether the variance of a sampling step is predicted beside eps, as DiT does. Not stated; ours."""


XL2 = Hyperparameters(layers=28, width=1152)
"""DiT-XL's depth, width and patch."""
G2 = Hyperparameters(layers=48, width=1664)
XL2_IMAGE = replace(XL2, grid=(1, 32, 32), video=False)
"""Images of 256 x 256: the first of two stages; the second has 512 x 512, and the same parameters."""
G2_IMAGE = replace(XL2_IMAGE, layers=48, width=1664)

SMALL = Hyperparameters(
    grid=(16, 8, 8),
    patch=1,
    layers=8,
    width=192,
    heads=6,
    text_channels=(128, 256),
    text_tokens=(16, 16),
    pooled_channels=128,
    learned_sigma=False,
)
"""Ours, for one GPU: latents of 32 x 32 pixels through an autoencoder of f = 4."""
TINY = replace(SMALL, layers=4, width=64, heads=4, text_channels=(32, 32), pooled_channels=32)
"""Ours, for two cores of a CPU."""
