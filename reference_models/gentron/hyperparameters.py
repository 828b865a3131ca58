"""The sizes of GenTron (Chen, Xu, Ren et al., arXiv 2312.04557), as data.

Where the paper leaves a line out, the field says so.
"""

from dataclasses import dataclass, replace
from typing import Literal

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


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained and sampled; defaults are the paper's, or ours where it is silent."""

    image_steps: int = 500_000
    """Of the first phase, without temporal layers. The paper has 300,000 more on images of twice the size."""
    image_batch: int = 2048
    video_steps: int
    """Of the second phase, all parameters. Not stated."""
    video_batch: int = 128
    learning_rate: float = 1e-4
    decay: Literal["constant", "cosine"] = "constant"
    ema: float = 0.9999
    """Not stated; ours, as DiT."""
    stride: int = 1
    """Every how many frames of the data make a clip; the paper takes 4 of 24 in a second."""
    motion_free: float = 0.2
    """How often a clip is an image repeated, with the identity as the mask of temporal attention. Not stated; ours."""
    unconditional: float = 0.1
    """How often the text is left out. Not stated; ours."""
    target: Literal["eps", "v"] = "eps"
    sampling_steps: int = 50
    """Of DDIM. Not stated; ours."""
    text_scale: float = 7.5
    """l_T."""
    motion_scale: float = 1.1
    """l_M; the paper has 1.0 to 1.3."""


XL2 = Hyperparameters(layers=28, width=1152)
"""DiT-XL's depth, width and patch."""
G2 = Hyperparameters(layers=48, width=1664)
XL2_IMAGE = replace(XL2, grid=(1, 32, 32), video=False)
"""Images of 256 x 256: the first of two stages; the second has 512 x 512, and the same parameters."""
G2_IMAGE = replace(XL2_IMAGE, layers=48, width=1664)

SMALL = Hyperparameters(
    grid=(16, 32, 32),
    channels=3,
    patch=4,
    layers=8,
    width=192,
    heads=6,
    text_channels=(128, 256),
    text_tokens=(16, 16),
    pooled_channels=128,
    learned_sigma=False,
)
"""Ours: pixels in the place of latents, for one GPU."""
SMALL_RECIPE = Recipe(
    image_steps=100_000, image_batch=256, video_steps=100_000, video_batch=32, ema=0.999, text_scale=3.0
)  # fmt: skip

TINY = replace(
    SMALL, layers=6, width=64, heads=4, text_channels=(32, 32), pooled_channels=32
)  # fmt: skip
"""Ours: for two cores of a CPU."""
TINY_RECIPE = Recipe(
    image_steps=2_000,
    image_batch=16,
    video_steps=3_000,
    video_batch=2,
    learning_rate=2e-3,
    decay="cosine",
    ema=0.995,
    target="v",
    sampling_steps=16,
    text_scale=2.0,
)
"""v in the place of eps, whose colours a few steps of sampling do not settle."""
