"""What an operator costs, by formula: parameters, operations, bytes. Formulas are the truth; counters cross-check."""

import math
from typing import Self

from vidgauge.record import Frozen

Grid = tuple[int, int, int]
"""Extents along time, height and width."""


class Cost(Frozen):
    """Operations and bytes of one call. Two operations (FLOPs) per multiply-accumulate.

    Costs add up: ``a + b`` is operator b on the output of a, the tensor between written once and read once.
    """

    parameters: int
    """Learned numbers, biases included."""
    forward_flops: int
    """Convolutions and matrix products. Taps on the padding count, as in published tables and in torch's counter."""
    useful_forward_flops: int
    """The same without the taps that fall on the padding."""
    backward_flops: int
    """Gradients of the input and of the parameters. A convolution or a linear map costs one forward for each; the core
    of attention five matrix products against two forward, since a fused kernel computes the scores again."""
    elementwise_flops: int
    """Biases, activations and softmax (5 for each score), forward; in none of the figures above."""
    min_bytes: int
    """Forward traffic if every tensor is read or written once: input, parameters, tensors between operators, output."""

    def __add__(self, after: Self) -> "Cost":
        ours, theirs = self.model_dump(), after.model_dump()
        return Cost(**{name: ours[name] + theirs[name] for name in ours})


def convolution(batch: int, grid: Grid, channels: tuple[int, int], kernel: Grid, *, bias: bool, itemsize: int) -> Cost:
    """A dense convolution with stride 1 and same (zero) padding.

    Args:
        batch: clips.
        grid: T, H, W of input and output.
        channels: in and out.
        kernel: odd extents along T, H, W.
        bias: whether it adds one.
        itemsize: bytes of one number.
    """
    into, out = channels
    positions = batch * math.prod(grid)
    weights = into * out * math.prod(kernel)
    flops = 2 * positions * weights
    taps = math.prod(_taps_inside(extent, size) for extent, size in zip(grid, kernel, strict=True))
    return Cost(
        parameters=weights + out * bias,
        forward_flops=flops,
        useful_forward_flops=2 * batch * taps * into * out,
        backward_flops=2 * flops,
        elementwise_flops=positions * out * bias,
        min_bytes=itemsize * (positions * (into + out) + weights + out * bias),
    )


def linear(rows: int, channels: tuple[int, int], *, bias: bool, itemsize: int) -> Cost:
    """A linear map of ``rows`` vectors: a convolution whose kernel is one point."""
    return convolution(1, (1, 1, rows), channels, (1, 1, 1), bias=bias, itemsize=itemsize)


def attention_core(sequences: int, length: int, channels: int, heads: int, *, itemsize: int) -> Cost:
    """Scores and weighted sum of full attention inside each sequence, fused: no score is written to memory.

    QK^T and PV visit ``length ** 2`` pairs a sequence and head: 4 * length ** 2 * channels operations.
    """
    pairs = sequences * length**2
    flops = 4 * pairs * channels
    return Cost(
        parameters=0,
        forward_flops=flops,
        useful_forward_flops=flops,
        backward_flops=flops // 2 * 5,
        elementwise_flops=5 * heads * pairs,
        min_bytes=itemsize * 4 * sequences * length * channels,  # Q, K, V read, output written
    )


def elementwise(numbers: int) -> Cost:
    """One operation on each number, in place: no traffic of its own."""
    return Cost(
        parameters=0,
        forward_flops=0,
        useful_forward_flops=0,
        backward_flops=0,
        elementwise_flops=numbers,
        min_bytes=0,
    )


def _taps_inside(extent: int, size: int) -> int:
    """Pairs of output and kernel tap that lie on the input, along one axis: k L - (k^2 - 1) / 4 where L >= k / 2."""
    reach = size // 2
    return sum(max(0, extent - abs(offset)) for offset in range(-reach, reach + 1))
