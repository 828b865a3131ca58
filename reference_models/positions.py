"""Relative positions in attention: what is added to a score for the offset from query to key."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.flex import ScoreMod

Places = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Place along time, height and width of each token, each (N,) int."""


def places(grid: Grid, device: torch.device) -> Places:
    """The places of a grid's tokens, row by row."""
    axes = torch.meshgrid(*(torch.arange(extent, device=device) for extent in grid), indexing="ij")
    time, height, width = (axis.flatten() for axis in axes)
    return time, height, width


class Positions(nn.Module, ABC):
    """A number for each offset, head and, perhaps, query.

    Args:
        reach: largest distances along time, height and width that it knows; farther ones count as the largest.
    """

    def __init__(self, reach: Grid) -> None:
        super().__init__()
        self.reach = reach

    @property
    def offsets(self) -> int:
        """How many offsets there are: (2 r + 1) along each axis."""
        time, height, width = (2 * distance + 1 for distance in self.reach)
        return time * height * width

    @abstractmethod
    def scores(self, query_shld: torch.Tensor) -> torch.Tensor:
        """What is added for each offset: (S or 1, heads, L or 1, offsets) for queries (S, heads, L, d)."""

    def index(self, query: Places, key: Places) -> torch.Tensor:
        """The number of the offset from a query to a key, whose places broadcast against each other."""
        number: torch.Tensor | int = 0
        for ours, theirs, distance in zip(query, key, self.reach, strict=True):
            offset = (theirs - ours).clamp(-distance, distance) + distance
            number = number * (2 * distance + 1) + offset
        assert isinstance(number, torch.Tensor)
        return number

    def add_to(self, mask: torch.Tensor | None, query_shld: torch.Tensor, at: Places) -> torch.Tensor:
        """The float mask (S or 1, heads, L, L) for tokens at those places, minus infinity where ``mask`` is False."""
        time, height, width = at
        index = self.index((time[:, None], height[:, None], width[:, None]), at)
        scores = self.scores(query_shld)
        added = scores.expand(-1, -1, len(index), -1).gather(-1, index.expand(*scores.shape[:2], *index.shape))
        return added if mask is None else added.masked_fill(~mask, float("-inf"))

    def score_mod(self, query_bhnd: torch.Tensor, at: Places) -> ScoreMod:
        """The same for FlexAttention."""
        scores, (time, height, width) = self.scores(query_bhnd), at
        per_clip, per_query = scores.shape[0] > 1, scores.shape[2] > 1

        def add(
            score: torch.Tensor, batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
        ) -> torch.Tensor:
            index = self.index((time[query], height[query], width[query]), (time[key], height[key], width[key]))
            return score + scores[batch if per_clip else 0, head, query if per_query else 0, index]

        return add


class RelativeBias(Positions):
    """A learned number for each offset inside a window and each head (Liu et al., Swin, arXiv 2103.14030, eq. 4).

    Args:
        heads: attention heads.
        window: extents of the window; the table has (2 t - 1) (2 h - 1) (2 w - 1) offsets.
    """

    def __init__(self, heads: int, window: Grid) -> None:
        time, height, width = window
        super().__init__((time - 1, height - 1, width - 1))
        self.table = nn.Parameter(torch.zeros(heads, self.offsets))
        nn.init.trunc_normal_(self.table, std=0.02)

    def scores(self, query_shld: torch.Tensor) -> torch.Tensor:
        """The table, whatever the query: (1, heads, 1, offsets)."""
        del query_shld
        return self.table[None, :, None]


class RelativeKeys(Positions):
    """Vectors added to the keys for the distance in time: q (k + r_{j-i}) / sqrt(d) (Shaw et al., arXiv 1803.02155, eq. 4).

    One vector for each of the 2 T - 1 offsets, shared by the heads; the part on values is left out, as Video Diffusion
    Models does not say it has one.

    Args:
        head_channels: d.
        max_frames: T up to which offsets are known; a shorter clip uses the middle of the table.
    """

    def __init__(self, head_channels: int, max_frames: int) -> None:
        super().__init__((max_frames - 1, 0, 0))
        self.max_frames = max_frames
        self.vectors = nn.Parameter(torch.randn(self.offsets, head_channels) * head_channels**-0.5)

    def scores(self, query_shld: torch.Tensor) -> torch.Tensor:
        """q r / sqrt(d) for each query and offset: (S, heads, L, offsets)."""
        scaled: torch.Tensor = query_shld @ self.vectors.mT * query_shld.shape[-1] ** -0.5
        return scaled

    def check_frames(self, frames: int) -> None:
        """Refuse clips longer than the table.

        Raises:
            UsageError: saying how long they may be.
        """
        if frames > self.max_frames:
            raise UsageError(
                f"{frames} frames, but the relative positions were made for at most {self.max_frames}; "
                "build the layer with a larger max_frames"
            )
