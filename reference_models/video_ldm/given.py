"""How a network is called, and what one call of it hands to all of its layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True)
class Call:
    """How a network is called beside what it is given; the same for all of them."""

    text_mask_bn: Tensor | None = None
    """(B, n) bool, True where there is a word; Stable Diffusion sees its padding too."""
    images_b: Tensor | None = None
    """(B,) bool, True for clips whose frames are images of their own: alpha = 1, as without temporal layers."""
    time_text_bnc: Tensor | None = None
    """The text as temporal layers are to see it, where the image model has a text encoder of its own (DreamBooth)."""
    temporal: bool = True
    """Without temporal layers it is the image model, and as fast."""


class Words(NamedTuple):
    """What cross-attention sees."""

    text_bnc: Tensor
    """(B, n, C)."""
    mask_bn: Tensor | None = None
    """(B, n) bool, True where there is a word; all are without it."""


class Given(NamedTuple):
    """The first two are for the image model's layers, the others for the temporal ones."""

    embedding_be: Tensor
    """(B, E): the diffusion step and, in the upscaler, how noisy the small frames are."""
    words: Words
    time_embedding_be: Tensor
    """The same with what temporal layers alone are told: the regime of interpolation."""
    time_words: Words
    """The same text, by the text encoder that temporal layers were trained with."""
    temporal: bool
    """Whether there are temporal layers at all; without them it is the image model."""
    images_b: Tensor | None
    """(B,) bool, True for clips whose frames are images of their own: alpha = 1. None for videos."""
    frame_mask: Tensor | None
    """(T, T) bool, True where a frame may see another in attention; all see all without it."""
    context: Sequence[Tensor] | None
    """c_S at each resolution, (B, c, T, H, W)."""
