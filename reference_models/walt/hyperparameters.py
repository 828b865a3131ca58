"""Tables 3, 6 and 8 of W.A.L.T (Gupta et al., arXiv 2312.06662): the sizes of its transformers, as data.

Where the tables leave a line out, or cannot be taken at their word, the field or the model says so.
"""

from dataclasses import dataclass, replace
from typing import Literal

from vidgauge.reference_models.cost import Grid


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """One transformer."""

    grid: Grid = (5, 16, 16)
    """1 + t, h, w of the latents: 17x128x128 pixels through an encoder of 4x8x8."""
    channels: int = 8
    """Of the latents."""
    patch: int = 1
    """p: height and width of a patch, in latents."""
    layers: int = 24
    width: int = 1024
    heads: int = 16
    mlp: int = 0
    """Width of the MLP; 4 d where it is 0."""
    windows: tuple[Grid, Grid] = ((1, 16, 16), (5, 8, 8))
    """Of the spatial and of the space-time layers, which take turns; the whole token grid is full attention."""
    rank: int | None = 2
    """r of AdaLN-LoRA; None gives each layer a map of its own."""
    classes: int = 0
    text_channels: int = 0
    """Of the caption's tokens: 2,048 for T5-XL."""
    text_tokens: int = 64
    """Usual length of a caption, for costs. Not stated; ours."""
    cross_windows: Literal["space", "own"] = "space"
    """Where cross-attention looks: in windows of the spatial layers throughout, as for training on images and videos
    together, or in each layer's own, for videos alone."""
    prediction: bool = False
    """Whether frames may be given, (m z, m) on the channels."""
    upscale: int = 1
    """How much smaller the latents of the stage before are; 1 where there is none."""

    @property
    def tokens(self) -> Grid:
        """The grid of patches."""
        time, height, width = self.grid
        return time, height // self.patch, width // self.patch

    @property
    def mlp_width(self) -> int:
        """Of the hidden layer."""
        return self.mlp or 4 * self.width


L = Hyperparameters(classes=101)
"""W.A.L.T-L on UCF-101 with r = 2: what table 3 varies."""
XL = replace(L, layers=28, width=1152)
K600 = replace(L, classes=0, prediction=True)
"""Frame prediction on Kinetics-600."""
IMAGENET = replace(L, grid=(1, 32, 32), windows=((1, 32, 32), (1, 8, 8)), rank=None, classes=1000)
"""One latent frame. Windows are not stated; ours, the whole frame and the usual ones inside it."""
T2V_L = replace(L, classes=0, text_channels=2048, prediction=True)
"""The 419 M model of the ablations. Its count says that all layers have cross-attention."""
T2V_BASE = replace(T2V_L, layers=52, width=1792, mlp=9216)
"""The table's "hidden size 9216" would be over 50 billion parameters: read as the MLP's width. d = 1792 is ours."""
WIDE = ((1, 16, 28), (5, 8, 14))
"""The windows of 9:16: stated for the fine-tuned base, taken for the super-resolution stages (not stated; ours)."""
T2V_WIDE = replace(T2V_BASE, grid=(5, 16, 28), windows=WIDE)
"""The base fine-tuned for 17x128x224, which the next stages start from; see ``widening``."""
T2V_SR1 = replace(T2V_L, grid=(5, 32, 56), patch=2, layers=40, width=1408, windows=WIDE, prediction=False, upscale=2)
"""To 17x256x448."""
T2V_SR2 = replace(T2V_SR1, grid=(5, 64, 112), patch=4, layers=24, width=1024)
"""To 17x512x896. The table has p = 4 and the text 2; with 4 all stages have 5x16x28 tokens."""
SMALL = Hyperparameters(grid=(5, 8, 8), layers=8, width=256, heads=4, windows=((1, 8, 8), (5, 4, 4)))
"""Ours: latents of 17x32x32 pixels through an encoder of 4x4x4."""
SMALL_TEXT = replace(SMALL, text_channels=64, text_tokens=16, prediction=True)
"""The same with captions."""
SMALL_SR = replace(SMALL_TEXT, grid=(5, 16, 16), patch=2, layers=6, prediction=False, upscale=2)
"""To latents of 17x64x64. With patches of 2 it has as many tokens as the stage before, as in the paper."""
SMALL_CLASSES = replace(SMALL, classes=56)
"""As of UCF-101, for the classes of Moving Shapes."""
TINY = replace(SMALL_TEXT, layers=6, width=64, text_channels=32)
"""Ours: what two cores of a CPU train."""
