"""What an operator costs, by formula: parameters, operations, bytes. Formulas are the truth; counters cross-check."""

import math
from typing import Self

from vidgauge.record import Frozen

Grid = tuple[int, int, int]
"""Extents along time, height and width."""
Padding = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Zeros before and after along time, height and width."""


class Cost(Frozen):
    """Operations and bytes of one call. Two operations (FLOPs) per multiply-accumulate.

    Costs add up: ``a + b`` is operator b on the output of a, the tensor between written once and read once.
    """

    parameters: int
    """Learned numbers, biases included."""
    forward_flops: int
    """Convolutions and matrix products as they are computed: taps on zero padding, tokens that fill up a window and
    pairs that a mask takes out again all count, as in published tables and in torch's counter."""
    useful_forward_flops: int
    """The same without what padding and masks waste."""
    backward_flops: int
    """Gradients of the input and of the parameters. A convolution or a linear map costs one forward for each; the core
    of attention five matrix products against two forward in a fused kernel, which computes the scores again, and four
    in an un-fused one."""
    useful_backward_flops: int
    """The same without what padding and masks waste."""
    elementwise_flops: int
    """Biases, activations, layer norms (6 a number), relative positions (1 a score) and softmax (5 a score), forward;
    in none of the figures above."""
    min_bytes: int
    """Forward traffic if every tensor is read or written once: input, parameters, tensors between operators, output;
    masks too (a bool is a byte), but not the index tables behind them."""
    copy_bytes: int
    """Forward traffic of the copies that carry no arithmetic (permutes, padding, gathers, rolls) on a contiguous input:
    the source read and the copy written. Copies inside torch's kernels are not seen. Not in ``min_bytes``."""
    activation_bytes: int
    """What autograd keeps from forward to backward, parameters left out: the input of each convolution and linear map,
    Q, K and V, float masks, what norms know, the logarithm of each softmax's sum (fused) or all its probabilities
    (un-fused)."""

    def __add__(self, after: Self) -> "Cost":
        ours, theirs = self.model_dump(), after.model_dump()
        return Cost(**{name: ours[name] + theirs[name] for name in ours})


_NOTHING = dict.fromkeys(Cost.model_fields, 0)


def same_padding(kernel: Grid) -> Padding:
    """Zeros with which an odd kernel at stride 1 keeps the grid."""
    time, height, width = ((size // 2, size // 2) for size in kernel)
    return time, height, width


def output_grid(grid: Grid, kernel: Grid, stride: Grid, padding: Padding) -> Grid:
    """Extents of a convolution's output: floor((L + before + after - k) / stride) + 1 along each axis."""
    time, height, width = (
        (extent + sum(zeros) - size) // step + 1
        for extent, size, step, zeros in zip(grid, kernel, stride, padding, strict=True)
    )
    return time, height, width


def convolution(
    batch: int,
    grid: Grid,
    channels: tuple[int, int],
    kernel: Grid,
    *,
    bias: bool,
    itemsize: int,
    stride: Grid = (1, 1, 1),
    padding: Padding | None = None,
    groups: int = 1,
) -> Cost:
    """A convolution with zero padding.

    Args:
        batch: clips.
        grid: T, H, W of the input.
        channels: in and out.
        kernel: extents along T, H, W.
        bias: whether it adds one.
        itemsize: bytes of one number.
        stride: steps along T, H, W.
        padding: zeros before and after along each axis; half the (odd) kernel unless given.
        groups: blocks of channels that do not mix.
    """
    into, out = channels
    padding = padding or same_padding(kernel)
    extents = output_grid(grid, kernel, stride, padding)
    positions = batch * math.prod(extents)
    weights = into // groups * out * math.prod(kernel)
    per_tap = 2 * batch * (into // groups) * out
    taps = math.prod(map(_taps_inside, grid, extents, kernel, stride, (before for before, _ in padding)))
    flops, useful = 2 * positions * weights, per_tap * taps
    given = batch * into * math.prod(grid)
    return Cost(
        parameters=weights + out * bias,
        forward_flops=flops,
        useful_forward_flops=useful,
        backward_flops=2 * flops,
        useful_backward_flops=2 * useful,
        elementwise_flops=positions * out * bias,
        min_bytes=itemsize * (given + positions * out + weights + out * bias),
        copy_bytes=0,
        activation_bytes=itemsize * given,
    )


def linear(rows: int, channels: tuple[int, int], *, bias: bool, itemsize: int) -> Cost:
    """A linear map of ``rows`` vectors: a convolution whose kernel is one point."""
    return convolution(1, (1, 1, rows), channels, (1, 1, 1), bias=bias, itemsize=itemsize)


def attention_core(
    *,
    queries: int,
    keys: int,
    pairs: int,
    useful_pairs: int,
    channels: int,
    heads: int,
    itemsize: int,
    fused: bool = True,
) -> Cost:
    """Scores and weighted sum of attention: QK^T and PV cost 4 * channels operations for each pair of tokens.

    Args:
        queries: tokens that ask, over all sequences.
        keys: tokens that are asked, over all sequences.
        pairs: query and key tokens whose score is computed.
        useful_pairs: those that no mask takes out again.
        channels: width of Q, K and V over all heads.
        heads: attention heads; each has its own scores.
        itemsize: bytes of one number.
        fused: whether scores stay on the chip. If not, scores and probabilities are each written and read once, and the
            probabilities are kept for the backward pass.
    """
    flops, useful = 4 * pairs * channels, 4 * useful_pairs * channels
    scores = heads * pairs
    return Cost(
        parameters=0,
        forward_flops=flops,
        useful_forward_flops=useful,
        backward_flops=flops * 5 // 2 if fused else 2 * flops,
        useful_backward_flops=useful * 5 // 2 if fused else 2 * useful,
        elementwise_flops=5 * scores,
        min_bytes=itemsize * (2 * (queries + keys) * channels + (0 if fused else 4 * scores)),
        copy_bytes=0,
        activation_bytes=itemsize * (queries + 2 * keys) * channels
        + (heads * queries * max(4, itemsize) if fused else itemsize * scores),  # the sums are at least float32
    )


def elementwise(numbers: int) -> Cost:
    """One operation on each number, in place: no traffic of its own."""
    return Cost(**_NOTHING | {"elementwise_flops": numbers})


def copied(numbers: int, itemsize: int) -> Cost:
    """A copy of so many numbers, each read and written once."""
    return Cost(**_NOTHING | {"copy_bytes": 2 * numbers * itemsize})


def _taps_inside(extent: int, outputs: int, size: int, step: int, before: int) -> int:
    """Pairs of output and kernel tap that lie on the input, along one axis."""
    first = min(outputs, -(-before // step))  # the first output whose taps all lie there
    end = max(first, min(outputs, (extent - size + before) // step + 1))
    edges: list[int] = [*range(first), *range(end, outputs)]
    starts = (step * output - before for output in edges)
    return size * (end - first) + sum(max(0, min(start + size, extent) - max(start, 0)) for start in starts)
