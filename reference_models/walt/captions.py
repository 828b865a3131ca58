"""Captions as W.A.L.T's transformer is given them: words, or the class that a caption names."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vidgauge.reference_models.text import WordEncoder

Condition = tuple[Tensor, ...]
"""One row a caption: numbers of classes (B,); or words (B, n, c) and the mask of those that are real (B, n)."""


class Reader(nn.Module, ABC):
    """Captions in, condition out."""

    @abstractmethod
    def forward(self, captions: Sequence[str]) -> Condition:
        """Read them."""

    @abstractmethod
    def nothing(self, batch: int) -> Condition:
        """Of as many captions that are left out."""


class Words(Reader):
    """Our own text encoder's words, in the place of T5-XL's.

    Args:
        channels: of each word.
        layers: of the encoder.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.encoder = WordEncoder(channels, layers=layers)

    def forward(self, captions: Sequence[str]) -> Condition:
        """Words and mask; what the encoder pools is not used, for captions come in by cross-attention alone."""
        text = self.encoder(captions)
        return text.tokens_bnc, text.mask_bn

    def nothing(self, batch: int) -> Condition:
        """No words."""
        text = self.encoder.nothing(batch)
        return text.tokens_bnc, text.mask_bn


class Classes(Reader):
    """The number of the class whose name stands in the caption; where none does, the class that stands for none.

    Args:
        names: of the classes; none may stand in another.
    """

    place: Tensor
    """Empty; says where the numbers go."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.register_buffer("place", torch.empty(0), persistent=False)

    def forward(self, captions: Sequence[str]) -> Condition:
        """Numbers."""
        none = len(self.names)
        found = [next((i for i, name in enumerate(self.names) if name in caption), none) for caption in captions]
        return (torch.tensor(found, device=self.place.device),)

    def nothing(self, batch: int) -> Condition:
        """The class that stands for none."""
        return (torch.full((batch,), len(self.names), device=self.place.device),)


def left_out(condition: Condition, nothing: Condition, keep_b: Tensor) -> Condition:
    """The rows to keep, and nothing in the place of the others: training for classifier-free guidance."""
    return tuple(
        torch.where(keep_b.to(own.device).view(-1, *[1] * (own.ndim - 1)), own, null)
        for own, null in zip(condition, nothing, strict=True)
    )


def joined(first: Condition, second: Condition) -> Condition:
    """The rows of one after those of the other."""
    return tuple(torch.cat(parts) for parts in zip(first, second, strict=True))


def for_each_frame(condition: Condition, frames: int) -> Condition:
    """Of frames that are made each for itself, those of one video after the other."""
    return tuple(part.repeat_interleave(frames, 0) for part in condition)


def of_frames(condition: Condition, clips: int, frames: int) -> Condition:
    """(clips + stacks x T, ...) to (clips + stacks, T, ...): a video's caption is that of each of its frames."""
    return tuple(_of_frames(part, clips, frames) for part in condition)


def _of_frames(of_captions: Tensor, clips: int, frames: int) -> Tensor:
    videos, images = of_captions[:clips], of_captions[clips:]
    same = videos[:, None].expand(-1, frames, *videos.shape[1:])
    return torch.cat([same, images.reshape(-1, frames, *images.shape[1:])])
