"""What the attention layers have in common: projections, a pattern, and three forms in which to carry it out."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypedDict

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models import cost, flex, kernels
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layer import Execution, Layer, check_choice, check_counts
from vidgauge.reference_models.pattern import Pattern
from vidgauge.reference_models.positions import Positions, places

Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Query, key and value, each (B, heads, T, H, W, d)."""


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
        kernel: ``auto``, ``math``, ``flash``, ``efficient`` or ``cudnn``, for the first two forms.
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
        self._kept: tuple[object, Any] = (None, None)

    @abstractmethod
    def pattern(self, grid: Grid) -> Pattern:
        """Which tokens of the grid see which.

        Raises:
            UsageError: where the operator does not take that grid.
        """

    @abstractmethod
    def attend_folded(self, heads: Heads, frame_mask: torch.Tensor | None) -> torch.Tensor:
        """The form ``folded``: (B, heads, T, H, W, d) from query, key and value of that shape."""

    @abstractmethod
    def folded_pairs(self, grid: Grid) -> int:
        """Scores that the form ``folded`` computes for a clip and head, masked ones included."""

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
        """
        _, grid = self.split(tokens_bthwc.shape)
        pattern = self.pattern(grid)
        heads = self._heads(tokens_bthwc)
        if self.form == "folded":
            mixed = self.attend_folded(heads, frame_mask)
        elif self.form == "masked":
            mixed = self._attend_masked(heads, pattern, frame_mask)
        else:
            mixed = self._attend_flex(heads, pattern, frame_mask)
        joined: torch.Tensor = self.project_out(mixed.permute(0, 2, 3, 4, 1, 5).flatten(4))
        return joined

    def cost(self, shape: Sequence[int]) -> Cost:
        """Projections, 8 N C^2 operations a clip, and core, 4 C for each pair of tokens that is computed."""
        batch, grid = self.split(shape)
        tokens, width, itemsize = batch * math.prod(grid), self.in_channels, self.itemsize()
        pattern = self.pattern(grid)
        project_in = cost.linear(tokens, (width, 3 * width), bias=self.bias, itemsize=itemsize)
        project_out = cost.linear(tokens, (width, width), bias=self.bias, itemsize=itemsize)
        core = cost.attention_core(
            queries=tokens,
            keys=tokens,
            pairs=batch * self.computed_pairs(grid),
            useful_pairs=batch * pattern.pairs(),
            channels=width,
            heads=self.heads,
            itemsize=itemsize,
            fused=self.kernel != "math",
        )
        return project_in + core + project_out

    def computed_pairs(self, grid: Grid) -> int:
        """Scores that the layer's form computes for a clip and head."""
        if self.form == "folded":
            return self.folded_pairs(grid)
        if self.form == "masked":
            return math.prod(grid) ** 2
        pattern = self.pattern(grid)
        return pattern.computed_pairs(pattern.best_tile(flex.BLOCK))

    def keep(self, key: object, make: Any) -> Any:  # noqa: ANN401 - masks of several kinds
        """What ``make`` gave the last time the key was the same: a layer sees one grid over and over."""
        if self._kept[0] != key:
            self._kept = key, make()
        return self._kept[1]

    def _heads(self, tokens_bthwc: torch.Tensor) -> Heads:
        projected = self.project_in(tokens_bthwc).unflatten(-1, (3, self.heads, -1))
        query, key, value = projected.permute(4, 0, 5, 1, 2, 3, 6)  # each (B, heads, T, H, W, d)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        return query, key, value

    def _attend_masked(self, heads: Heads, pattern: Pattern, frame_mask: torch.Tensor | None) -> torch.Tensor:
        query, key, value = (x.flatten(2, 4) for x in heads)
        device, grid = query.device, pattern.grid
        mask: torch.Tensor | None = self.keep((grid, device), lambda: _unless_all(pattern.mask(device)))
        if frame_mask is not None:
            among_tokens = frame_mask.repeat_interleave(grid[1] * grid[2], -1).repeat_interleave(grid[1] * grid[2], -2)
            among_tokens = among_tokens.reshape(-1, 1, *among_tokens.shape[-2:])
            mask = among_tokens if mask is None else among_tokens & mask
        if self.positions is not None:
            mask = self.positions.add_to(mask, query, places(grid, device))
        return kernels.attend(query, key, value, mask, self.kernel).unflatten(2, grid)

    def _attend_flex(self, heads: Heads, pattern: Pattern, frame_mask: torch.Tensor | None) -> torch.Tensor:
        order = flex.TileOrder(pattern.grid, pattern.best_tile(flex.BLOCK))
        device = heads[0].device
        if frame_mask is None:
            mask = self.keep(order, lambda: flex.block_mask(pattern, order, None, device))
        else:
            mask = flex.block_mask(pattern, order, frame_mask, device)
        query, key, value = map(order.arrange, heads)
        score_mod = None
        if self.positions is not None:
            score_mod = self.positions.score_mod(query, order.coordinates(device))
        return order.restore(flex.attend(query, key, value, mask, score_mod))


def _unless_all(mask: torch.Tensor) -> torch.Tensor | None:
    """The mask, or None where it takes nothing out: kernels without a mask are faster and more."""
    return None if bool(mask.all()) else mask
