"""Cross-attention: every token against a context, such as the words of a caption."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models import attention_work, cost, kernels
from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.attention_work import Projected, Work
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layer import Execution, Layer, check_choice, check_counts
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("cross_attention")
class CrossAttention(Layer):
    """Queries from the tokens, keys and values from the context; tokens do not see each other.

    All tokens of a clip are one sequence over its context. There is no pattern, so there are no forms; a context is one
    block or two, of which FlexAttention could skip none. A clip without context, or with all of it masked, gets what
    the output projection makes of zeros: its bias.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        context_channels: width of the context.
        context_tokens: its usual length, for ``cost``, which ``forward`` does not ask for; 77 is CLIP's.
        kernel: ``auto``, ``math``, ``flash``, ``efficient`` or ``cudnn``.
        qk_norm: normalise queries and keys in each head, with a learned scale.
        bias: whether the projections add one.

    Raises:
        UsageError: where the heads do not divide the channels, or a choice does not exist.
    """

    takes = "tokens_bthwc"

    def __init__(
        self,
        channels: int,
        heads: int,
        context_channels: int,
        *,
        context_tokens: int = 77,
        kernel: str = "auto",
        qk_norm: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_counts(channels=channels, heads=heads, context_channels=context_channels, context_tokens=context_tokens)
        if channels % heads:
            raise UsageError(f"{channels} channels do not split into {heads} heads; the heads must divide the channels")
        check_choice("kernel", kernel, kernels.KERNELS)
        self.in_channels, self.heads, self.kernel, self.bias = channels, heads, kernel, bias
        self.context_channels, self.context_tokens = context_channels, context_tokens
        self.project_query = nn.Linear(channels, channels, bias=bias)
        self.project_context = nn.Linear(context_channels, 2 * channels, bias=bias)  # K and V, in this order
        self.project_out = nn.Linear(channels, channels, bias=bias)
        self.query_norm = nn.LayerNorm(channels // heads, bias=False) if qk_norm else None
        self.key_norm = nn.LayerNorm(channels // heads, bias=False) if qk_norm else None

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """The context of CLIP ViT-L/14: 77 tokens of 768 channels."""
        return Attention.example(channels, grid) | {"context_channels": 768}

    @classmethod
    def executions(cls) -> Sequence[Execution]:
        """Every kernel."""
        return [{"kernel": kernel} for kernel in kernels.KERNELS]

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """A context of ``context_tokens`` for each clip."""
        weight = self.project_context.weight
        size = (shape[0], self.context_tokens, self.context_channels)
        return (torch.randn(size, generator=generator, device=generator.device).to(weight),)

    def forward(
        self,
        tokens_bthwc: torch.Tensor,
        context_bnc: torch.Tensor | None = None,
        context_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend: (B, T, H, W, C) in and out.

        Args:
            tokens_bthwc: float.
            context_bnc: (B, n, context_channels) float, n of any length, 0 included. It must be given.
            context_mask: (B, n) bool, True where the context is real; all of it unless given.

        Raises:
            UsageError: where a shape does not fit, or the kernel does not run.
        """
        batch, grid = self.split(tokens_bthwc.shape)
        context = self._checked(batch, context_bnc, context_mask)
        if context.shape[1] == 0:
            nothing: torch.Tensor = self.project_out(torch.zeros_like(tokens_bthwc))
            return nothing
        query = self.project_query(tokens_bthwc).flatten(1, 3).unflatten(-1, (self.heads, -1))
        key, value = self.project_context(context).unflatten(-1, (2, self.heads, -1)).unbind(-3)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        mixed = self._attend(query, key, value, context_mask)
        joined: torch.Tensor = self.project_out(mixed.reshape(batch, *grid, -1))
        return joined

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 C (2 N C + 2 n C_context) operations a clip for the projections, 4 N n C for the core.

        The gradient of the context counts as that of an input.
        """
        batch, grid = self.split(shape)
        tokens, context, width, itemsize = math.prod(grid), self.context_tokens, self.in_channels, self.itemsize()
        tokens, asked, pairs = batch * tokens, batch * context, batch * tokens * context
        moved = 2 * tokens * (self.kernel == "math" and self.heads > 1 and tokens > batch)
        normed = self.query_norm is not None
        work = Work(queries=tokens, keys=asked, pairs=pairs, sequences=batch, moved=moved)
        square = cost.linear(tokens, (width, width), bias=self.bias, itemsize=itemsize)
        into = cost.linear(asked, (self.context_channels, 2 * width), bias=self.bias, itemsize=itemsize)
        core = attention_work.core(
            work,
            pairs,
            Projected(tokens, asked, asked, around_value=2 * asked),
            width,
            self.heads,
            itemsize,
            fused=self.kernel != "math",
            normed=normed,
        )
        total = square + into + core + square
        return total + attention_work.norms(tokens + asked, width, self.heads, itemsize) if normed else total

    def _checked(self, batch: int, context_bnc: torch.Tensor | None, context_mask: torch.Tensor | None) -> torch.Tensor:
        wanted = f"context_bnc of shape ({batch}, n, {self.context_channels})"
        if context_bnc is None:
            raise UsageError(f"CrossAttention needs a {wanted}; for none, give one with n = 0")
        if context_bnc.ndim != 3 or context_bnc.shape[::2] != (batch, self.context_channels):
            raise UsageError(f"CrossAttention takes {wanted}, not {tuple(context_bnc.shape)}")
        if context_mask is not None and (
            context_mask.dtype != torch.bool or context_mask.shape != context_bnc.shape[:2]
        ):
            raise UsageError(
                f"the context mask is {context_mask.dtype} of shape {tuple(context_mask.shape)}; "
                f"it must be torch.bool of shape {tuple(context_bnc.shape[:2])}"
            )
        return context_bnc

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, context_mask: torch.Tensor | None
    ) -> torch.Tensor:
        """(B, N, heads, d). A clip whose context is all masked sees all of it, and what it saw is set to zero."""
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        if context_mask is None:
            return kernels.attend(query, key, value, None, self.kernel).transpose(1, 2)
        any_real = context_mask.any(1)[:, None, None, None]
        mask = context_mask[:, None, None] | ~any_real
        mixed = kernels.attend(query, key, value, mask, self.kernel)
        return mixed.masked_fill(~any_real, 0).transpose(1, 2)
