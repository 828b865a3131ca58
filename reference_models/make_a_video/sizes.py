"""How large each network is. Make-A-Video states no sizes (its first version has no appendix); these are inherited.

``PAPER`` has the shapes of table 3 of unCLIP (Ramesh et al., arXiv 2204.06125), on whose text-to-image model the system
is built. What the images are embedded in is not stated either: a CLIP of 1024 dimensions, as unCLIP's, is ours.
"""

from dataclasses import dataclass, field, replace

from vidgauge.reference_models.make_a_video.networks import Size
from vidgauge.reference_models.make_a_video.prior import PriorSize


@dataclass(frozen=True)
class Steps:
    """Of sampling, for each stage. unCLIP's: 64, 250, 27 and 15; F as D^t."""

    prior: int = 64
    decoder: int = 250
    interpolation: int = 250
    ssr1: int = 27
    ssr2: int = 15


@dataclass(frozen=True)
class Course:
    """How long a phase trains, on how much."""

    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True)
class Cascade:
    """A whole system."""

    prior: PriorSize
    decoder: Size
    """D^t, and F with more input: its frames are the key frames."""
    ssr1: Size
    """SR_l^t; its frames are those of a window."""
    ssr2: Size
    """SR_h; its frames are those that it makes at a time."""
    height: int
    width: int
    """Of what comes out: 512 of 768 in the paper."""
    courses: dict[str, Course]
    steps: Steps = field(default_factory=Steps)
    skip: int = 5
    """From one key frame to the next."""
    overlap: int = 4
    """Frames that windows of SR_l^t share; 76 frames are six windows of 16 (not stated; ours)."""
    guidance: float = 1.0
    """Scale for y_e, in D^t and F (not stated)."""
    fps: float = 8.0
    freeze_spatial: bool = False
    """Whether layers over time alone train on video. The paper can be read both ways; training all is ours."""

    @property
    def interpolation(self) -> Size:
        """F's: D^t's, on as many frames as temporal attention knows; 16 in the paper (not stated; ours)."""
        _, height, width = self.decoder.grid
        return replace(self.decoder, grid=(self.decoder.max_frames, height, width))

    @property
    def frames(self) -> int:
        """16 key frames at frame skip 5 become 76."""
        return self.skip * (self.decoder.grid[0] - 1) + 1


PAPER = Cascade(
    prior=PriorSize(dimension=1024, width=2048, layers=24, heads=32, text_channels=1024, context=256),
    decoder=Size((16, 64, 64), 512, (1, 2, 3, 4), 3, attention=(1, 2, 3), dimension=1024, dropout=0.1),
    ssr1=Size((16, 256, 256), 320, (1, 2, 3, 4), 3, dropout=0.1),
    ssr2=Size((1, 768, 768), 192, (1, 1, 2, 2, 4, 4), 2, over_time=False),
    height=512,
    width=512,
    courses={},  # unCLIP's steps, batches and rates are in its table; nobody trains this here
    fps=30.0,  # training draws from 1 to 30
)

SMALL = Cascade(
    prior=PriorSize(dimension=64, width=256, layers=6, heads=4, text_channels=32, context=20),
    decoder=Size((16, 32, 32), 48, (1, 2, 3), 2, attention=(1, 2), head_channels=48, dimension=64),
    ssr1=Size((16, 64, 64), 32, (1, 2, 3), 2),
    ssr2=Size((4, 192, 192), 32, (1, 2, 3), 2, over_time=False),
    height=128,
    width=128,
    steps=Steps(prior=32, decoder=64, interpolation=64, ssr1=27, ssr2=15),
    guidance=2.0,
    courses={
        "clip": Course(10_000, 256, 1e-3),
        "prior": Course(20_000, 256, 3e-4),
        "decoder-images": Course(60_000, 64, 3e-4),
        "ssr1-images": Course(30_000, 32, 3e-4),
        "ssr2-images": Course(30_000, 16, 3e-4),
        "decoder": Course(60_000, 16, 2e-4),
        "ssr1": Course(20_000, 8, 2e-4),
        "interpolation": Course(60_000, 16, 2e-4),
    },
)
"""16 key frames at 32 x 32 to 76 frames at 128 x 128, by way of 192: the paper's last two ratios."""

TINY = Cascade(
    prior=PriorSize(dimension=32, width=40, layers=2, heads=4, text_channels=32, context=20),
    decoder=Size((4, 16, 16), 24, (1, 1), 1, attention=(1,), head_channels=12, dimension=32, embedding=2),
    ssr1=Size((16, 32, 32), 12, (1, 2), 1, embedding=2),
    ssr2=Size((16, 48, 48), 12, (1, 1.5), 1, embedding=2, over_time=False),
    height=32,
    width=32,
    steps=Steps(prior=8, decoder=16, interpolation=4, ssr1=4, ssr2=2),
    courses={
        "clip": Course(300, 128, 2e-3),
        "prior": Course(600, 64, 2e-3),
        "decoder-images": Course(2000, 48, 2e-3),
        "ssr1-images": Course(250, 32, 2e-3),
        "ssr2-images": Course(120, 16, 2e-3),
        "decoder": Course(1200, 16, 1.5e-3),
        "ssr1": Course(150, 2, 1e-3),
        "interpolation": Course(500, 6, 1.5e-3),
    },
)
"""4 key frames at 16 x 16 to 16 frames at 32 x 32, by way of 48. The time to train is for two cores of a CPU."""
