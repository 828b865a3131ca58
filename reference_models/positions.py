"""Relative positions in attention: what is added to a score for the offset from query to key."""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost, Grid
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

    per_query: bool
    """Whether the numbers depend on the query."""

    def __init__(self, reach: Grid) -> None:
        super().__init__()
        self.reach = reach

    @property
    def offsets(self) -> int:
        """How many offsets there are: (2 r + 1) along each axis."""
        return math.prod(2 * distance + 1 for distance in self.reach)

    @abstractmethod
    def scores(self, query_slhd: torch.Tensor) -> torch.Tensor:
        """What is added for each offset: (S or 1, heads, L or 1, offsets) for queries (S, L, heads, d)."""

    @abstractmethod
    def at(self, scores: torch.Tensor, index_lm: torch.Tensor) -> torch.Tensor:
        """Those ``scores`` at the offsets from L queries to M keys: (S or 1, heads, L, M)."""

    @abstractmethod
    def cost(self, queries: int, useful_pairs: int, itemsize: int) -> Cost:
        """What ``scores`` costs for so many queries, over all sequences."""

    def index(self, query: Places, key: Places) -> torch.Tensor:
        """The number of the offset from a query to a key, whose places broadcast against each other."""
        number: torch.Tensor | int = 0
        for ours, theirs, distance in zip(query, key, self.reach, strict=True):
            offset = (theirs - ours).clamp(-distance, distance) + distance
            number = number * (2 * distance + 1) + offset
        assert isinstance(number, torch.Tensor)
        return number

    def table_index(self, grid: Grid, device: torch.device) -> torch.Tensor:
        """The number of the offset from each token of a grid to each: (N, N) int."""
        time, height, width = places(grid, device)
        return self.index((time[:, None], height[:, None], width[:, None]), (time, height, width))

    def add_to(self, mask: torch.Tensor | None, query_slhd: torch.Tensor, index_lm: torch.Tensor) -> torch.Tensor:
        """The float mask (S or 1, heads, L, M): the scores at those offsets, minus infinity where ``mask`` is False."""
        added = self.at(self.scores(query_slhd), index_lm)
        return added if mask is None else torch.where(mask, added, float("-inf"))

    def score_mod(self, query_bnhd: torch.Tensor, at: Places) -> ScoreMod:
        """The same for FlexAttention."""
        scores, (time, height, width) = self.scores(query_bnhd), at
        per_query = self.per_query

        def add(
            score: torch.Tensor, batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
        ) -> torch.Tensor:
            index = self.index((time[query], height[query], width[query]), (time[key], height[key], width[key]))
            if per_query:
                return score + scores[batch, head, query, index]
            return score + scores[0, head, 0, index]

        return add


class RelativeBias(Positions):
    """A learned number for each offset inside a window and each head (Liu et al., Swin, arXiv 2103.14030, eq. 4).

    Args:
        heads: attention heads.
        window: extents of the window; the table has (2 t - 1) (2 h - 1) (2 w - 1) offsets.
    """

    per_query = False

    def __init__(self, heads: int, window: Grid) -> None:
        time, height, width = window
        super().__init__((time - 1, height - 1, width - 1))
        self.table = nn.Parameter(torch.zeros(heads, self.offsets))
        nn.init.trunc_normal_(self.table, std=0.02)

    def scores(self, query_slhd: torch.Tensor) -> torch.Tensor:
        """The table, whatever the query: (1, heads, 1, offsets)."""
        del query_slhd
        return self.table[None, :, None]

    def at(self, scores: torch.Tensor, index_lm: torch.Tensor) -> torch.Tensor:
        """(1, heads, L, M)."""
        return scores[:, :, 0, index_lm]

    def cost(self, queries: int, useful_pairs: int, itemsize: int) -> Cost:
        """The table is read."""
        del queries, useful_pairs
        entries = self.table.numel()
        return cost.elementwise(0).model_copy(update={"parameters": entries, "min_bytes": itemsize * entries})


class RelativeKeys(Positions):
    """Vectors added to keys for distances in time: q (k + r_{j-i}) / sqrt(d) (Shaw et al., arXiv 1803.02155, eq. 4).

    One vector for each of the 2 T - 1 offsets, shared by the heads; the part on values is left out, as Video Diffusion
    Models does not say it has one.

    Args:
        heads: attention heads.
        head_channels: d.
        max_frames: T up to which offsets are known; a shorter clip uses the middle of the table.
    """

    per_query = True

    def __init__(self, heads: int, head_channels: int, max_frames: int) -> None:
        super().__init__((max_frames - 1, 0, 0))
        self.heads, self.max_frames = heads, max_frames
        self.vectors = nn.Parameter(torch.randn(self.offsets, head_channels) * head_channels**-0.5)

    def scores(self, query_slhd: torch.Tensor) -> torch.Tensor:
        """Products q r / sqrt(d) for each query and offset: (S, heads, L, offsets)."""
        scaled = self.vectors * query_slhd.shape[-1] ** -0.5
        rows = query_slhd.reshape(-1, query_slhd.shape[-1])  # a copy where the queries are a view of the projection
        products = functional.linear(rows, scaled)
        return products.view(*query_slhd.shape[:-1], self.offsets).transpose(1, 2)

    def at(self, scores: torch.Tensor, index_lm: torch.Tensor) -> torch.Tensor:
        """(S, heads, L, M)."""
        return scores.gather(-1, index_lm.expand(*scores.shape[:2], *index_lm.shape))

    def cost(self, queries: int, useful_pairs: int, itemsize: int) -> Cost:
        """Products q r for every query and all 2 T - 1 offsets, of which a query needs those to the frames it sees.

        The vectors are scaled, one operation a number; the products are written, and read by what picks from them.
        """
        offsets, width = self.vectors.shape
        product = cost.linear(queries * self.heads, (width, offsets), bias=False, itemsize=itemsize)
        useful = 2 * useful_pairs * self.heads * width
        return product.model_copy(
            update={
                "useful_forward_flops": useful,
                "useful_backward_flops": 2 * useful,
                "elementwise_flops": offsets * width,
                "min_bytes": product.min_bytes + itemsize * queries * self.heads * offsets,
                # Scaled vectors and products; the queries are with what the core keeps.
                "activation_bytes": itemsize * (offsets * width + queries * self.heads * offsets),
            }
        )

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
