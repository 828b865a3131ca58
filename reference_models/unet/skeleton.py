"""The U: down through the resolutions, and up again past what was seen on the way."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from vidgauge.reference_models.layouts import layout_of
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.unet.residual import start_at_zero


class Parts(Protocol):
    """What a system builds its U-Net of. Every part is called with the video and with what the call was given."""

    def block(self, level: int, channels: int, out_channels: int) -> nn.Module:
        """A residual block and whatever follows it at that level; 0 is the input's resolution."""

    def middle(self, channels: int) -> nn.Module:
        """What lies at the lowest resolution between the way down and the way up."""

    def down(self, level: int, channels: int) -> nn.Module:
        """From that level to the next."""

    def up(self, level: int, channels: int) -> nn.Module:
        """From that level to the one above."""

    def end(self, channels: int, out_channels: int) -> Any:  # noqa: ANN401 - a convolution of the zoo
        """The first and the last convolution."""


class InTurn(nn.ModuleList):
    """Parts one after the other."""

    def forward(self, video_bcthw: torch.Tensor, given: Any) -> torch.Tensor:  # noqa: ANN401 - the system's own
        """(B, C, T, H, W) to what the last of them makes of it."""
        for part in self:
            video_bcthw = part(video_bcthw, given)
        return video_bcthw


class UNet(nn.Module):
    """A U-Net with a skip from every block and every step down, as in ADM (Dhariwal and Nichol, arXiv 2105.05233).

    The way up has one block more at each level than the way down. No paper of the three says where skips are taken;
    with fewer, the published sizes do not come out.

    Args:
        channels: of the input and of the output.
        widths: channels at each level.
        blocks: how many blocks each level has on the way down.
        parts: makes them.
        skip_scale: what skips are multiplied with.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        widths: Sequence[int],
        blocks: Sequence[int],
        parts: Parts,
        *,
        skip_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.skip_scale = skip_scale
        last = len(widths) - 1
        self.stem = parts.end(channels[0], widths[0])
        self.downward, self.upward = nn.ModuleList(), nn.ModuleList()
        width, skips = widths[0], [widths[0]]
        for level, (out, count) in enumerate(zip(widths, blocks, strict=True)):
            for _ in range(count):
                self.downward.append(parts.block(level, width, out))
                width = out
                skips.append(width)
            if level < last:
                self.downward.append(parts.down(level, width))
                skips.append(width)
        self.middle = parts.middle(width)
        self.returns: list[bool] = []
        """For each part of the way up whether it takes a skip."""
        for level in range(last, -1, -1):
            for _ in range(blocks[level] + 1):
                self.upward.append(parts.block(level, width + skips.pop(), widths[level]))
                width = widths[level]
                self.returns.append(True)
            if level:
                self.upward.append(parts.up(level, width))
                self.returns.append(False)
        self.norm, self.activation = FrameNorm(width), nn.SiLU()
        self.head = start_at_zero(parts.end(width, channels[1]))

    def forward(self, video_bcthw: torch.Tensor, given: Any) -> torch.Tensor:  # noqa: ANN401 - the system's own
        """(B, C, T, H, W) to (B, C_out, T, H, W), any height and width; ``given`` goes to every part as it is.

        It works in the memory format of its weights (``Measured.to_layout``): with channels last, frames fold into the
        batch without a copy.
        """
        layout = layout_of(next(self.stem.parameters()))
        video_bcthw = self.stem(video_bcthw.contiguous(memory_format=layout))
        skips = [video_bcthw]
        for part in self.downward:
            video_bcthw = part(video_bcthw, given)
            skips.append(video_bcthw)
        video_bcthw = self.middle(video_bcthw, given)
        for part, returns in zip(self.upward, self.returns, strict=True):
            if returns:
                skip = skips.pop()
                height, width = skip.shape[-2:]  # an odd extent was rounded up on the way down
                video_bcthw = torch.cat([video_bcthw[..., :height, :width], skip * self.skip_scale], dim=1)
            video_bcthw = part(video_bcthw, given)
        out: torch.Tensor = self.head(self.activation(self.norm(video_bcthw)))
        return out
