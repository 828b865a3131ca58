"""What there is to choose in the one backbone, and what is the same in all of its members."""

from dataclasses import dataclass
from typing import Literal

from vidgauge.reference_models.cost import Grid

Convolutions = Literal["conv3d", "conv2plus1d", "pseudo3d", "conv1x3x3"]
"""Of the residual blocks:

- ``conv3d``: one 3 x 3 x 3 kernel, inflated from an image's, so that a new layer is the image's on every frame.
- ``conv2plus1d``: 1 x 3 x 3, a non-linearity, 3 x 1 x 1, as many weights as ``conv3d`` (Tran et al., 1711.11248).
- ``pseudo3d``: 1 x 3 x 3, then 3 x 1 x 1 that starts as the identity (Make-A-Video, 2209.14792, section 3.2.1).
- ``conv1x3x3``: frames do not mix (Video Diffusion Models, 2204.03458, section 3).
"""
Attention = Literal["full", "window", "factorised"]
"""After each block but the last in the middle:

- ``full``: every token of the clip against every other.
- ``window``: inside windows through all frames, of half the height and width (W.A.L.T, 2312.06662, section 3.2).
- ``factorised``: inside each frame, then through all frames at each place (Video Diffusion Models, section 3).
"""
Training = Literal["joint", "temporal-on-frozen"]
"""How the layers over time come to what they know:

- ``joint``: everything is trained on clips and images from the start (Video Diffusion Models, section 3).
- ``temporal-on-frozen``: an image model is trained, then frozen, and the layers over time are trained between its
  layers (Align your Latents, 2304.08818, section 3.1).
"""


@dataclass(frozen=True, kw_only=True)
class Design:
    """One member: three choices, and numbers in which no two members differ. All are ours."""

    convolutions: Convolutions = "conv1x3x3"
    attention: Attention = "factorised"
    training: Training = "joint"

    grid: Grid = (16, 32, 32)
    """T, H, W of a clip."""
    patch: int = 4
    """Side of the patches that are one place of the U-Net: its full size is 8 x 8."""
    widths: tuple[int, ...] = (32, 32)
    """Channels at full size and at half of it."""
    head_channels: int = 16
    embedding: int = 64
    text_channels: int = 16

    steps: int = 600
    """Over all phases."""
    clips: int = 2
    """Of a joint training step."""
    images: int = 8
    """Joined to each clip. A step has 48 frames then: as many as three clips have."""
    learning_rate: float = 6e-3
    ema: float = 0.995
    unconditional: float = 0.1
    """How often captions are left out in training, for classifier-free guidance."""
    sampling_steps: int = 16
