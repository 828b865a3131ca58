"""Attention of the backbone: residual branches on video, of which those through time know frames and caption."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.backbone import design
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers.joint_attention import JointAttention
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.layers.window_attention import WindowAttention
from vidgauge.reference_models.make_a_video.pseudo import TimeSwitch
from vidgauge.reference_models.unet.attending import Attending


class Given(NamedTuple):
    """What one call hands to every block: noise level and caption, for the image model and for what is over time."""

    embedding_be: Tensor
    time_embedding_be: Tensor


class ThroughTime(Attending):
    """Attention that sees several frames: its tokens are told their frame, the noise level and the caption.

    Without, the order of the frames would make no difference. All kinds are told in the same way, by what is added
    after the norm, inside the branch: a vector for each frame, and a linear map of the embedding.

    Args:
        attention: a layer of the zoo.
        frames: most frames of a clip.
        embedding: E.
    """

    def __init__(self, attention: Attention, frames: int, embedding: int) -> None:
        super().__init__(attention)
        self.frame = nn.Embedding(frames, attention.in_channels)
        self.told = nn.Linear(embedding, attention.in_channels)
        self.activation = nn.SiLU()

    def forward(self, video_bcthw: Tensor, given: Given) -> Tensor:  # type: ignore[override] # all it is given
        """(B, C, T, H, W) in and out."""
        frames = torch.arange(video_bcthw.shape[2], device=video_bcthw.device)
        told_bc = self.told(self.activation(given.time_embedding_be))
        known_btc = self.frame(frames) + told_bc[:, None]
        tokens_bthwc = self.norm(video_bcthw).permute(0, 2, 3, 4, 1) + known_btc[:, :, None, None]
        mixed: Tensor = self.attention(tokens_bthwc)
        return video_bcthw + mixed.permute(0, 4, 1, 2, 3)


class Factorised(nn.Module):
    """Attention inside each frame, then through time at each place; in images the second is left out.

    Args:
        space: inside each frame.
        time: at each place.
        switch: the network's, off for images.
    """

    def __init__(self, space: SpatialAttention, time: ThroughTime, switch: TimeSwitch) -> None:
        super().__init__()
        self.space, self.time, self.switch = Attending(space), time, switch

    def forward(self, video_bcthw: Tensor, given: Given) -> Tensor:
        """(B, C, T, H, W) in and out."""
        video_bcthw = self.space(video_bcthw)
        return self.time(video_bcthw, given) if self.switch.on else video_bcthw


class WindowsOfAllFrames(WindowAttention):
    """Windows that reach through as many frames as there are: in an image through one."""

    def box(self, grid: Grid) -> Grid:
        """The window, as long as the clip."""
        _, height, width = super().box((self.window[0], *grid[1:]))
        return grid[0], height, width


def attention(member: design.Design, channels: int, side: int, switch: TimeSwitch) -> nn.Module:
    """The branch of one kind.

    Args:
        member: which kind, and of what size.
        channels: C.
        side: height of the frames there.
        switch: the network's.
    """
    heads, frames = channels // member.head_channels, member.grid[0]

    def through_time(layer: Attention) -> ThroughTime:
        return ThroughTime(layer, frames, member.embedding)

    if member.attention == "full":
        return through_time(JointAttention(channels, heads))
    if member.attention == "window":
        return through_time(WindowsOfAllFrames(channels, heads, (frames, side // 2, side // 2)))
    return Factorised(SpatialAttention(channels, heads), through_time(TemporalAttention(channels, heads)), switch)
