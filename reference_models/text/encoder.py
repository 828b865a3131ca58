"""Captions as numbers: a sequence for cross-attention, a vector beside it, and the text that says nothing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Text:
    """Captions, one a row."""

    tokens_bnc: Tensor
    """Float (B, n, channels): what cross-attention sees; zeros where the mask is False."""
    mask_bn: Tensor
    """Bool (B, n), True where there is a token. A row without any is the null text."""
    pooled_bc: Tensor
    """Float (B, pooled_channels): the whole caption, which is added to the embedding of time."""

    def __len__(self) -> int:
        return len(self.mask_bn)


class TextEncoder(nn.Module, ABC):
    """Captions in, `Text` out, always of ``length`` tokens, so that no caption depends on its batch.

    Args:
        length: n, most tokens of a caption.
        channels: of the tokens.
        pooled_channels: of the vector.
    """

    place: Tensor
    """Empty; says where the encoder is and what it computes in."""

    def __init__(self, length: int, channels: int, pooled_channels: int) -> None:
        super().__init__()
        self.length, self.channels, self.pooled_channels = length, channels, pooled_channels
        self.register_buffer("place", torch.empty(0), persistent=False)

    @abstractmethod
    def forward(self, captions: Sequence[str]) -> Text:
        """Encode.

        Raises:
            UsageError: for a caption of more than ``length`` tokens, rather than cutting it.
        """

    def nothing(self, batch: int) -> Text:
        """The null text, for models without condition: zeros and nothing to attend to (VDM: c := 0)."""
        return Text(
            self.place.new_zeros(batch, self.length, self.channels),
            torch.zeros(batch, self.length, dtype=torch.bool, device=self.place.device),
            self.place.new_zeros(batch, self.pooled_channels),
        )


def dropped(text: Text, null: Text, keep_b: Tensor) -> Text:
    """The rows to keep, and the null text in the place of the others: training for classifier-free guidance.

    Args:
        text: of B captions.
        null: as many null texts of the same encoder.
        keep_b: (B,) bool.
    """
    keep = keep_b.to(text.mask_bn.device)[:, None]
    return Text(
        torch.where(keep[..., None], text.tokens_bnc, null.tokens_bnc),
        torch.where(keep, text.mask_bn, null.mask_bn),
        torch.where(keep, text.pooled_bc, null.pooled_bc),
    )


def joined(first: Text, second: Text) -> Text:
    """The rows of one after those of the other, such as text and null text for a step in one batch."""
    return Text(
        torch.cat([first.tokens_bnc, second.tokens_bnc]),
        torch.cat([first.mask_bn, second.mask_bn]),
        torch.cat([first.pooled_bc, second.pooled_bc]),
    )
