"""Appendix A of Video Diffusion Models (Ho et al., arXiv 2204.03458): every number of its six models, as data.

Where the paper's tables leave a line out, the field says so.
"""

from dataclasses import dataclass, replace
from typing import Literal

from vidgauge.reference_models.cost import Grid


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """One model: the network, how it is trained, and how it is sampled. Defaults are what most of the six share."""

    grid: Grid
    """T, H, W of a clip."""
    base: int
    """Channels at the first resolution, M_1 = 1 times."""
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    """M_1, M_2, ...: channels of each resolution over the base; each has half the last one's height and width."""
    blocks: int = 2
    """Residual blocks at each resolution on the way down."""
    attention_at: tuple[int, ...] = (8, 16, 32)
    """Heights at which each residual block is followed by attention."""
    head_channels: int = 64
    embedding: int = 1024
    embedding_layers: int = 4
    dropout: float = 0.0
    captions: bool = False
    """Whether the model is conditioned on text; the others are trained without."""
    text_channels: int = 64
    """Of the words of our own text encoder, which stands where the paper has BERT-large."""
    joint_images: int = 8
    """Independent frames appended to each clip in training."""

    target: Literal["eps", "v"] = "eps"
    min_log_snr: float = -20.0
    max_log_snr: float = 20.0
    steps: int
    batch: int = 128
    learning_rate: float = 3e-4
    decay: Literal["constant", "cosine"] = "constant"
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    ema: float = 0.9999
    frame_skip: int = 1
    flips: bool = False
    """Whether clips are turned left to right at random."""
    unconditional: float = 0.1
    """How often c := 0 in training, for classifier-free guidance. Not stated; ours."""

    sampler: Literal["ancestral", "langevin"] = "ancestral"
    sampling_steps: int = 256
    """Ancestral ones; Langevin adds a correction, and with it another call of the network, to each."""
    gamma: float = 0.3
    """Between the lower (0) and the upper (1) bound of the reverse process's log variance."""
    guidance: float = 1.0
    """s = 1 + w of classifier-free guidance; 1 is none. The paper's tables list 1, 2 and 5 and call 1 unguided: s."""
    reconstruction: float = 2.0
    """w_r of reconstruction guidance. Stated for BAIR and K600 alone; elsewhere ours ("w_r > 1 helps")."""


UCF101 = Hyperparameters(grid=(16, 64, 64), base=256, dropout=0.1, steps=60_000, gamma=0.1)
BAIR = Hyperparameters(
    grid=(16, 64, 64),
    base=128,
    multipliers=(1, 2, 3, 4),
    blocks=3,
    embedding_layers=2,
    dropout=0.1,
    target="v",
    steps=660_000,
    learning_rate=2e-4,
    betas=(0.9, 0.999),
    weight_decay=0.01,
    ema=0.999,
    flips=True,
    sampler="langevin",
    gamma=0.0,
    reconstruction=50.0,
)
K600 = Hyperparameters(
    grid=(16, 64, 64),
    base=256,
    embedding_layers=2,
    dropout=0.1,
    target="v",
    steps=220_000,
    batch=256,
    learning_rate=2e-4,
    sampler="langevin",
    sampling_steps=128,
    gamma=0.0,
    reconstruction=9.0,
)
T2V_SMALL = Hyperparameters(grid=(16, 64, 64), base=128, captions=True, steps=200_000)
"""Trained with 0, 4 and 8 joint images for table 4; this is the one with 8."""
T2V_LARGE = replace(T2V_SMALL, base=256, steps=700_000)
"""Two models, of frame skip 1 and 4; this is the first."""
T2V_128 = Hyperparameters(
    grid=(9, 128, 128),
    base=128,
    multipliers=(1, 2, 4, 8, 16),
    head_channels=128,
    captions=True,
    joint_images=7,
    steps=800_000,
    learning_rate=2e-4,
)

SMALL = Hyperparameters(
    grid=(16, 32, 32),
    base=32,
    multipliers=(1, 2, 4),
    attention_at=(8, 16),
    head_channels=32,
    embedding=128,
    embedding_layers=2,
    captions=True,
    joint_images=4,
    steps=100_000,
    batch=32,
    ema=0.999,
    sampling_steps=64,
)
"""Ours: what one GPU trains in an afternoon."""
TINY = Hyperparameters(
    grid=(16, 16, 16),
    base=16,
    multipliers=(1, 2, 3),
    blocks=1,
    attention_at=(4, 8, 16),
    head_channels=16,
    embedding=64,
    embedding_layers=2,
    captions=True,
    text_channels=16,
    joint_images=8,
    target="v",
    steps=5_000,
    batch=3,
    learning_rate=3e-3,
    decay="cosine",
    ema=0.995,
    sampling_steps=16,
    gamma=0.0,
    reconstruction=4.0,
)
"""Ours: what two cores of a CPU train in minutes. Motion is settled at 16 x 16, where steps cost little. Frames see
each other at full size too: what stands still is then drawn once for all of them."""
TINY_LARGE = replace(
    TINY,
    grid=(16, 32, 32),
    multipliers=(1, 1, 2),
    attention_at=(8,),
    joint_images=2,
    steps=3_500,
    batch=2,
    sampling_steps=12,
)
"""What the small video guides."""
