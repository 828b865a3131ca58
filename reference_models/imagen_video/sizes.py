"""The numbers of all models: the paper's seven, and two cascades of ours for small machines."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.imagen_video.cascade import Training
from vidgauge.reference_models.imagen_video.stage import Recipe


@dataclass(frozen=True)
class Size:
    """One network of the cascade."""

    grid: Grid
    """T, H, W of the video it makes."""
    base: int
    """Channels of the first level."""
    mults: tuple[int, ...]
    """Channels of each level over ``base``."""
    blocks: tuple[int, ...]
    """Blocks of each level on the way down."""
    space: tuple[int, ...]
    """Levels with self-attention in each frame."""
    text: tuple[int, ...]
    """Levels with cross-attention to the words."""
    time: Literal["attention", "convolution"]
    """What mixes frames: self-attention at the levels that have it in space, or a convolution in every block."""
    low: bool
    """Whether there is a video of lower resolution to start from: all but the base."""
    efficient: bool = False
    """Whether it is an Efficient U-Net (Imagen, appendix B.1): the first level too is at half the input's height and
    width, and skips are scaled by 1 / sqrt(2)."""
    places: bool = False
    """Whether norms look at one place alone, so that the network may be applied to tiles: the last model."""
    head: int = 64
    """Channels of each head of every attention, as Imagen."""
    words: int = 4096
    """Channels of the text encoder's tokens and of its vector: T5-XXL's."""

    @property
    def levels(self) -> list[tuple[int, int]]:
        """Channels and blocks of each resolution, the input's first: an Efficient U-Net has no blocks there."""
        own = [(self.base * mult, count) for mult, count in zip(self.mults, self.blocks, strict=True)]
        return [(self.base, 0), *own] if self.efficient else own

    def reach(self) -> Grid:
        """Frames, rows and columns around a place that its output may depend on: margins of tiles without seams."""
        blocks = [2 * count + 1 for _, count in self.levels]  # down and up
        lowest = 2 ** (len(blocks) - 1)
        places = 2 + 4 * lowest  # first and last convolution; two blocks in the middle, each with two
        places += sum(2 * count * 2**level for level, count in enumerate(blocks))
        places += 3 * (lowest - 1)  # down and up: a convolution each, and where a place that is repeated falls
        around = -(-places // lowest) * lowest if self.places and not self.space else max(self.grid[1:])
        return sum(blocks) + 1 if self.time == "convolution" else self.grid[0], around, around


class Plan(NamedTuple):
    """One model of a cascade."""

    size: Size
    recipe: Recipe
    training: Training


_SUPER_RESOLUTION = Size(
    grid=(32, 48, 80),
    base=320,
    mults=(1, 2, 4),
    blocks=(2, 4, 8),
    space=(2,),
    text=(2,),
    time="convolution",
    low=True,
    efficient=True,
)
_TRAINING = Training(steps=1_000_000, batch=1024, learning_rate=1e-4, ema=0.9999)
"""Not stated; ours, but for the rate, which is Imagen's, as is Adam in the place of Adafactor but for the base."""
_OSCILLATING = (15.0, 1.0)
"""Section 2.6: up to 80 x 48; above, it harms. Whether these are s or w is not said; ours, s."""

PAPER = {
    "base": Plan(
        Size(
            grid=(16, 24, 40),
            base=768,
            mults=(1, 2, 3, 4),
            blocks=(3, 3, 3, 3),
            space=(1, 2, 3),
            text=(1, 2, 3),
            time="attention",
            low=False,
        ),
        Recipe(guidance=_OSCILLATING, images=256),
        _TRAINING,
    ),
    "tsr1": Plan(
        replace(
            _SUPER_RESOLUTION,
            grid=(32, 24, 40),
            base=288,
            mults=(1, 2, 4, 8),
            blocks=(2, 2, 2, 2),
            space=(1, 2, 3),
            text=(1, 2, 3),
            efficient=False,
        ),
        Recipe(time=2, guidance=_OSCILLATING),
        _TRAINING,
    ),
    "ssr1": Plan(_SUPER_RESOLUTION, Recipe(space=2, guidance=_OSCILLATING, images=256), _TRAINING),
    "ssr2": Plan(
        replace(
            _SUPER_RESOLUTION,
            grid=(32, 192, 320),
            base=192,
            mults=(1, 2, 4, 8),
            blocks=(2, 4, 4, 4),
            space=(3,),
            text=(3,),
        ),
        Recipe(space=4, images=256, tile=(16, 192, 320), margin=(8, 0, 0)),
        _TRAINING,
    ),
    "tsr2": Plan(
        replace(
            _SUPER_RESOLUTION,
            grid=(64, 192, 320),
            base=160,
            mults=(1, 2, 4, 8),
            blocks=(2, 4, 4, 4),
            space=(),
            text=(3,),
        ),
        Recipe(time=2, tile=(16, 192, 320), margin=(8, 0, 0)),
        _TRAINING,
    ),
    "tsr3": Plan(
        replace(
            _SUPER_RESOLUTION,
            grid=(128, 192, 320),
            base=224,
            mults=(1, 2, 4, 4),
            blocks=(2, 4, 4, 4),
            space=(),
            text=(3,),
        ),
        Recipe(time=2, tile=(16, 192, 320), margin=(8, 0, 0)),
        _TRAINING,
    ),
    "ssr3": Plan(
        replace(
            _SUPER_RESOLUTION,
            grid=(128, 768, 1280),
            base=96,
            mults=(1, 2, 4, 8),
            blocks=(2, 2, 4, 4),
            space=(),
            text=(1, 2, 3),
            places=True,
        ),
        Recipe(space=4, images=256, crop=(256, 256), tile=(16, 256, 256), margin=(8, 64, 64)),
        _TRAINING,
    ),
}
"""The seven in order. Grids and what mixes frames are the paper's; widths, depths and levels reconstructions. With T5's
4,096 channels in every cross-attention, embeddings of four times the base width, one convolution over time a block and
a residual block without one in the middle, counts come out within 1.3 % of those that the paper prints, and their sum
within 0.7 % of its 11.6 billion. Margins are ours, and smaller than ``Size.reach``, which is 30 frames and more: where
pieces meet, results are not quite those of the whole."""

_SMALL_BASE = Size(
    grid=(8, 16, 16),
    base=48,
    mults=(1, 2, 3),
    blocks=(2, 2, 2),
    space=(1, 2),
    text=(1, 2),
    time="attention",
    low=False,
    head=32,
    words=64,
)
_SMALL_NEXT = replace(_SMALL_BASE, grid=(16, 16, 16), base=32, space=(2,), text=(2,), time="convolution", low=True)

SMALL = {
    "base": Plan(
        _SMALL_BASE, Recipe(guidance=(4.0, 1.0), images=4), Training(steps=50_000, batch=32, learning_rate=3e-4)
    ),
    "tsr": Plan(_SMALL_NEXT, Recipe(time=2), Training(steps=30_000, batch=32, learning_rate=3e-4)),
    "ssr1": Plan(
        replace(_SMALL_NEXT, grid=(16, 32, 32), efficient=True),
        Recipe(space=2, images=1),
        Training(steps=30_000, batch=16, learning_rate=3e-4),
    ),
    "ssr2": Plan(
        replace(_SMALL_NEXT, grid=(16, 64, 64), efficient=True, space=(), text=(1, 2), places=True),
        Recipe(space=2, images=1, crop=(32, 32)),
        Training(steps=30_000, batch=16, learning_rate=3e-4),
    ),
}
"""Ours, for a GPU or a patient CPU: 17 million parameters."""

_TINY_BASE = replace(
    _SMALL_BASE, grid=(8, 8, 8), base=40, mults=(1,), blocks=(1,), space=(0,), text=(0,), head=20, words=32
)
_TINY_NEXT = replace(_TINY_BASE, grid=(16, 8, 8), base=20, space=(), time="convolution", low=True, head=10)
_TINY_TRAINING = Training(steps=1500, batch=4, learning_rate=2e-3, ema=0.995)
_TINY_RECIPE = Recipe(steps=8, guidance=1.0, snr=20.0, lowest_log_snr=0.0)

TINY = {
    "base": Plan(_TINY_BASE, replace(_TINY_RECIPE, steps=16, images=1), replace(_TINY_TRAINING, steps=4000)),
    "tsr": Plan(_TINY_NEXT, replace(_TINY_RECIPE, time=2), _TINY_TRAINING),
    "ssr": Plan(
        replace(
            _TINY_NEXT, grid=(16, 32, 32), base=24, head=12, mults=(1, 1), blocks=(0, 1), text=(1,), efficient=True
        ),
        replace(_TINY_RECIPE, space=4, steps=4, crop=(16, 16), shared_noise=True),
        replace(_TINY_TRAINING, steps=2500),
    ),
}
"""Ours: what a CPU trains in a quarter of an hour. Motion is settled at 8 x 8, where steps cost little; the last model,
the dearest, learns from crops. The low resolution gets less noise than in the paper: all its levels take longer."""
