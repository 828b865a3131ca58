"""What the attention layers have in common: projections, a pattern, and three forms in which to carry it out."""

import math
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, TypedDict, TypeVar

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models import attention_work, cost, flex, kernels
from vidgauge.reference_models.attention_work import Projected, Work
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layer import Execution, Layer, check_choice, check_counts
from vidgauge.reference_models.pattern import Pattern
from vidgauge.reference_models.positions import Positions

Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Query, key and value, each (B, T, H, W, heads, d)."""
Kept = TypeVar("Kept")


class AttentionOptions(TypedDict, total=False):
    """What every attention layer takes beside its own arguments; see ``Attention``."""

    form: str | None
    kernel: str
    qk_norm: bool
    bias: bool


class Attention(Layer):
    """Multi-head self-attention in which each token of a clip sees those that ``pattern`` says.

    The same parameters give the same result in three forms:

    - ``folded``: tokens are folded (or gathered) into short sequences that hold what sees each other, for the kernels
      of ``scaled_dot_product_attention``;
    - ``masked``: all tokens are one sequence and a dense mask takes out what does not see each other: N^2 scores;
    - ``flex``: FlexAttention with a block mask, tokens in tile order: only blocks with a pair in them are computed. The
      first call compiles. On a CPU torch has no gradients for it.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        form: one of the above.
        kernel: ``auto``, ``math``, ``flash``, ``efficient`` or ``cudnn``, for the first two forms. ``auto`` counts as
            fused in ``cost``; on a CPU with relative positions and gradients it is not.
        qk_norm: normalise queries and keys in each head before their product (Dehghani et al., arXiv 2302.05442,
            section 2), with a learned scale.
        bias: whether the projections add one.

    Raises:
        UsageError: where the heads do not divide the channels, or a choice does not exist.
    """

    takes = "tokens_bthwc"
    forms: ClassVar[tuple[str, ...]] = ("folded", "masked", "flex")
    """Those that the operator has; the first is the default."""

    def __init__(
        self,
        channels: int,
        heads: int,
        *,
        form: str | None = None,
        kernel: str = "auto",
        qk_norm: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_counts(channels=channels, heads=heads)
        if channels % heads:
            raise UsageError(f"{channels} channels do not split into {heads} heads; the heads must divide the channels")
        self.form = self.forms[0] if form is None else form
        check_choice("form", self.form, self.forms)
        check_choice("kernel", kernel, kernels.KERNELS)
        if self.form == "flex" and kernel != "auto":
            raise UsageError(f"kernel {kernel!r} is for the forms folded and masked; flex has its own")
        self.in_channels, self.heads, self.kernel, self.bias = channels, heads, kernel, bias
        self.project_in = nn.Linear(channels, 3 * channels, bias=bias)  # Q, K and V, in this order
        self.project_out = nn.Linear(channels, channels, bias=bias)
        self.query_norm = nn.LayerNorm(channels // heads, bias=False) if qk_norm else None
        self.key_norm = nn.LayerNorm(channels // heads, bias=False) if qk_norm else None
        self.positions: Positions | None = None
        self._kept: dict[str, tuple[Hashable, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles of a layer make their masks themselves: some hold functions that cannot be pickled."""
        return self.__dict__ | {"_kept": {}}

    @abstractmethod
    def pattern(self, grid: Grid) -> Pattern:
        """Which tokens of the grid see which.

        Raises:
            UsageError: where the operator does not take that grid.
        """

    @abstractmethod
    def attend_folded(self, heads: Heads, frame_mask: torch.Tensor | None) -> torch.Tensor:
        """The form ``folded``: (B, T, H, W, C) from query, key and value."""

    @abstractmethod
    def folded_work(self, batch: int, grid: Grid) -> Work:
        """What the form ``folded`` does."""

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """Heads of 64 channels where they divide, else one."""
        del grid
        return {"channels": channels, "heads": channels // 64 if channels % 64 == 0 else 1}

    @classmethod
    def executions(cls) -> Sequence[Execution]:
        """Every form with every kernel it can have."""
        with_kernels = [form for form in cls.forms if form != "flex"]
        chosen = [{"form": form, "kernel": kernel} for form in with_kernels for kernel in kernels.KERNELS]
        return chosen + [{"form": "flex"}] * ("flex" in cls.forms)

    def forward(self, tokens_bthwc: torch.Tensor, frame_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Attend: (B, T, H, W, C) in and out.

        Args:
            tokens_bthwc: float.
            frame_mask: (T, T) or (B, T, T) bool, True where a frame (first) may see another (second), on top of the
                pattern. The identity keeps the images of a batch apart that lie where a clip has its frames.

        Raises:
            UsageError: where the operator does not take the shape, the mask does not fit, or the kernel does not run.
        """
        batch, grid = self.split(tokens_bthwc.shape)
        if frame_mask is not None:
            _check_frame_mask(frame_mask, batch, grid[0])
        heads = self._heads(tokens_bthwc)
        if self.form == "folded":
            mixed = self.attend_folded(heads, frame_mask)
        elif self.form == "masked":
            mixed = self._attend_masked(heads, grid, frame_mask)
        else:
            mixed = self._attend_flex(heads, grid, frame_mask)
        joined: torch.Tensor = self.project_out(mixed)
        return joined

    def cost(self, shape: Sequence[int]) -> Cost:
        """Projections, 8 N C^2 operations a clip, and core, 4 C for each pair of tokens that is computed."""
        batch, grid = self.split(shape)
        useful = batch * self.pattern(grid).pairs()
        work = {"folded": self.folded_work, "masked": self._masked_work, "flex": self._flex_work}[self.form](
            batch, grid
        )
        tokens, width, itemsize = batch * math.prod(grid), self.in_channels, self.itemsize()
        fused, normed = self.kernel != "math", self.query_norm is not None
        total = cost.linear(tokens, (width, 3 * width), bias=self.bias, itemsize=itemsize)
        projected = Projected(tokens, tokens, tokens, around_value=3 * tokens)
        total += attention_work.core(work, useful, projected, width, self.heads, itemsize, fused=fused, normed=normed)
        if normed:
            total += attention_work.norms(2 * tokens, width, self.heads, itemsize)
        if self.positions is not None:
            total += self.positions.cost(work.queries, useful, itemsize) + cost.elementwise(self.heads * work.pairs)
            if self.positions.per_query:
                total += self._rows(work, fused=fused, normed=normed)
        return total + cost.linear(tokens, (width, width), bias=self.bias, itemsize=itemsize)

    def _rows(self, work: Work, *, fused: bool, normed: bool) -> Cost:
        """The copy of Q without gaps that relative keys are multiplied with, unless Q is so; kept for backward.

        An un-fused kernel scales Q and keeps the result, so that Q is kept beside it, unless as part of the projection.
        """
        numbers, itemsize = work.queries * self.in_channels, self.itemsize()
        without_gaps = work.rows and (work.held[0] > 0 or normed or self.heads == 1)
        kept_anyway = without_gaps and (fused or not (work.held[0] or normed))
        kept = 0 if kept_anyway else itemsize * numbers
        return cost.copied(0 if without_gaps else numbers, itemsize).model_copy(update={"activation_bytes": kept})

    def keep(self, kind: str, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What ``make`` gave the last time the key of that kind was the same: a layer sees one grid over and over."""
        if kind not in self._kept or self._kept[kind][0] != key:
            with torch.inference_mode(mode=False):  # what is made there could not be used in training
                self._kept[kind] = key, make()
        kept: Kept = self._kept[kind][1]
        return kept

    def attend(self, heads: Heads, mask: torch.Tensor | None) -> torch.Tensor:
        """Queries (S, L, heads, d), keys and values (S, M, heads, d) to (S, L, heads, d), by the layer's kernel."""
        query, key, value = (x.transpose(1, 2) for x in heads)
        return kernels.attend(query, key, value, mask, self.kernel).transpose(1, 2)

    def heads_first(self, tokens: int) -> bool:
        """Whether the kernel gives sequences of so many tokens head after head, so that they must be copied."""
        return self.kernel == "math" and self.heads > 1 and tokens > 1

    def _heads(self, tokens_bthwc: torch.Tensor) -> Heads:
        query, key, value = self.project_in(tokens_bthwc).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        return query, key, value

    def _attend_masked(self, heads: Heads, grid: Grid, frame_mask: torch.Tensor | None) -> torch.Tensor:
        query, key, value = (x.flatten(1, 3) for x in heads)
        device = query.device
        mask = self.keep("mask", (grid, device), lambda: _unless_all(self.pattern(grid).mask(device)))
        if frame_mask is not None:
            place = grid[1] * grid[2]
            among_tokens = frame_mask.repeat_interleave(place, -1).repeat_interleave(place, -2)
            among_tokens = among_tokens.reshape(-1, 1, *among_tokens.shape[-2:])
            mask = among_tokens if mask is None else among_tokens & mask
        if self.positions is not None:
            mask = self.positions.add_to(mask, query, self.offsets(grid, device))
        mixed = self.attend((query, key, value), mask)
        return mixed.reshape(len(mixed), *grid, -1)

    def offsets(self, grid: Grid, device: torch.device) -> torch.Tensor:
        """The numbers of the offsets between the tokens of a grid or box, for the positions."""
        assert self.positions is not None
        positions = self.positions
        return self.keep("offsets", (grid, device), lambda: positions.table_index(grid, device))

    def _masked_work(self, batch: int, grid: Grid) -> Work:
        tokens = math.prod(grid)
        pattern = self.pattern(grid)
        mask = 0 if pattern.pairs() == tokens**2 else tokens**2
        added, between = self.added(1 if mask else 0, batch, tokens)
        return Work(
            queries=batch * tokens,
            keys=batch * tokens,
            pairs=batch * tokens**2,
            sequences=batch,
            moved=2 * batch * tokens * self.heads_first(tokens),
            mask=mask,
            added=added,
            between=between,
        )

    def added(self, masks: int, sequences: int, tokens: int) -> tuple[int, int]:
        """Numbers of the float mask for sequences of so many tokens, and of all tensors on the way to it.

        Args:
            masks: different bool masks that are merged into it.
            sequences: sequences that the kernel is given.
            tokens: tokens of each.
        """
        if self.positions is None:
            return 0, 0
        scores = self.heads * tokens**2
        picked = (sequences if self.positions.per_query else 1) * scores
        merged = max(masks * scores, picked) if masks else 0
        return merged or picked, picked + merged

    def _attend_flex(self, heads: Heads, grid: Grid, frame_mask: torch.Tensor | None) -> torch.Tensor:
        device = heads[0].device
        order = self.keep("order", grid, lambda: flex.tiles(self.pattern(grid)))
        if frame_mask is None:
            mask = self.keep("blocks", (grid, device), lambda: flex.block_mask(self.pattern(grid), order, None, device))
        else:
            mask = flex.block_mask(self.pattern(grid), order, frame_mask, device)
        query, key, value = (flex.arrange(x, order) for x in heads)
        score_mod = None
        if self.positions is not None:
            at = self.keep("places", (grid, device), lambda: flex.coordinates(order, device))
            score_mod = self.positions.score_mod(query, at)
        return order.join(flex.attend(query, key, value, mask, score_mod))

    def _flex_work(self, batch: int, grid: Grid) -> Work:
        pattern = self.pattern(grid)
        order = flex.tiles(pattern)
        filled, moved_in = batch * order.tokens, order.moved_in(batch, whole=True)
        moved_out = order.moved_out(batch, heads_first=False, viewed=not moved_in)
        return Work(
            queries=filled,
            keys=filled,
            pairs=batch * pattern.computed_pairs(order.size),
            sequences=batch,
            held=(filled, filled, filled) if moved_in else (0, 0, 0),
            moved=3 * moved_in + moved_out,
            output_copied=moved_out > 0,
            spare=order.spare(batch),
        )


def _unless_all(mask: torch.Tensor) -> torch.Tensor | None:
    """The mask, or None where it takes nothing out: kernels without a mask are faster and more."""
    return None if bool(mask.all()) else mask


def _check_frame_mask(mask: torch.Tensor, batch: int, frames: int) -> None:
    if mask.dtype != torch.bool or mask.shape not in {(frames, frames), (batch, frames, frames)}:
        raise UsageError(
            f"the frame mask is {mask.dtype} of shape {tuple(mask.shape)}; it must be torch.bool of shape "
            f"({frames}, {frames}) or ({batch}, {frames}, {frames})"
        )
