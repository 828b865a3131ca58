"""Enumeration on ones, held against loops over every position, tap and pair."""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from vidgauge.bench.cost.enumeration import enumerate_macs


def looped_taps(
    grid: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: int
) -> tuple[int, int]:
    """Kernel taps at all output positions, and those that lie on the input, one by one."""
    outputs = [
        (extent + 2 * zeros - dilation * (size - 1) - 1) // step + 1
        for extent, size, step, zeros in zip(grid, kernel, stride, padding, strict=True)
    ]
    computed = useful = 0
    for position in itertools.product(*map(range, outputs)):
        for tap in itertools.product(*map(range, kernel)):
            source = [p * s - z + dilation * t for p, s, z, t in zip(position, stride, padding, tap, strict=True)]
            computed += 1
            useful += all(0 <= place < extent for place, extent in zip(source, grid, strict=True))
    return computed, useful


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [
        ((3, 3, 3), (1, 1, 1), (1, 1, 1), 1, 1),
        ((3, 1, 5), (2, 1, 3), (1, 0, 2), 1, 2),
        ((1, 3, 3), (1, 2, 2), (0, 1, 1), 1, 4),
        ((2, 2, 2), (1, 1, 1), (0, 0, 0), 2, 1),
        ((7, 7, 7), (1, 1, 1), (3, 3, 3), 1, 1),  # the kernel is larger than the input
    ],
)
def test_convolutions_equal_loops(
    kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: int, groups: int
) -> None:
    grid = (4, 5, 6)
    convolution = nn.Conv3d(4, 8, kernel, stride, padding, dilation, groups)  # type: ignore[arg-type]  # any triple does
    macs = enumerate_macs(lambda: convolution(torch.randn(2, 4, *grid)))
    computed, useful = looped_taps(grid, kernel, stride, padding, dilation)
    channels = 2 * (4 // groups) * 8  # for each clip and tap
    assert (macs.computed, macs.useful) == (channels * computed, channels * useful)


def test_convolutions_of_one_and_two_axes_are_counted_and_so_are_their_gradients() -> None:
    for convolution, x in ((nn.Conv1d(2, 3, 3), torch.randn(1, 2, 7)), (nn.Conv2d(2, 3, 3), torch.randn(1, 2, 7, 5))):
        forward = enumerate_macs(lambda c=convolution, x=x: c(x))  # type: ignore[misc]  # bound early on purpose
        assert forward.computed == forward.useful == 6 * 3 ** (x.ndim - 2) * math.prod(n - 2 for n in x.shape[2:])
        both = enumerate_macs(lambda c=convolution, x=x: c(x.requires_grad_()).sum().backward())  # type: ignore[misc]
        assert both.computed == 3 * forward.computed
        weights_alone = enumerate_macs(lambda c=convolution, x=x: c(x.detach()).sum().backward())  # type: ignore[misc]
        assert weights_alone.computed == 2 * forward.computed


def test_matrix_products() -> None:
    linear = nn.Linear(5, 7)
    assert enumerate_macs(lambda: linear(torch.randn(3, 5))).computed == 3 * 5 * 7
    assert enumerate_macs(lambda: torch.bmm(torch.randn(2, 3, 4), torch.randn(2, 4, 5))).computed == 2 * 3 * 4 * 5


@pytest.mark.parametrize("as_float", [False, True])
def test_attention_equals_a_count_of_pairs(as_float: bool) -> None:
    query, key = torch.randn(2, 3, 6, 4), torch.randn(2, 3, 9, 4)
    sees = torch.rand(6, 9, generator=torch.Generator().manual_seed(0)) < 0.4
    pairs = sum(bool(sees[q, k]) for q in range(6) for k in range(9))
    mask = torch.zeros(6, 9).masked_fill(~sees, float("-inf")) if as_float else sees
    macs = enumerate_macs(lambda: functional.scaled_dot_product_attention(query, key, key, attn_mask=mask))
    assert macs.computed == 2 * 3 * 6 * 9 * 2 * 4
    assert macs.useful == 2 * 3 * pairs * 2 * 4


@pytest.mark.parametrize("kernel", [torch.nn.attention.SDPBackend.MATH, torch.nn.attention.SDPBackend.FLASH_ATTENTION])
def test_backward_passes_of_attention(kernel: torch.nn.attention.SDPBackend) -> None:
    query, key, value = (torch.randn(1, 2, 8, 16, requires_grad=True) for _ in range(3))

    def call() -> None:
        with torch.nn.attention.sdpa_kernel(kernel):
            torch.autograd.backward(functional.scaled_dot_product_attention(query, key, value).sum())

    product = 2 * 8 * 8 * 16
    fused = kernel is torch.nn.attention.SDPBackend.FLASH_ATTENTION
    assert enumerate_macs(call).computed == product * (2 + (5 if fused else 4))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_equals_a_count_of_pairs_and_of_blocks() -> None:
    query = torch.randn(1, 2, 256, 16)
    mask = create_block_mask(
        lambda _b, _h, q, k: q // 100 == k // 100, None, None, 256, 256, device="cpu", BLOCK_SIZE=64
    )
    macs = enumerate_macs(lambda: flex_attention(query, query, query, block_mask=mask))
    runs = [range(100), range(100, 200), range(200, 256)]
    blocks = {(q // 64, k // 64) for run in runs for q in run for k in run}
    assert macs.useful == 2 * sum(len(run) ** 2 for run in runs) * 2 * 16
    assert macs.computed == 2 * len(blocks) * 64**2 * 2 * 16


def test_transposed_convolutions_are_refused_not_miscounted() -> None:
    with pytest.raises(NotImplementedError, match="transposed"):
        enumerate_macs(lambda: nn.ConvTranspose2d(1, 1, 2)(torch.zeros(1, 1, 2, 2)))


def test_zeros_put_around_by_an_operator_of_its_own_are_no_useful_input() -> None:
    convolution = nn.Conv3d(2, 3, (3, 1, 1))
    macs = enumerate_macs(lambda: convolution(functional.pad(torch.randn(1, 2, 5, 1, 1), (0, 0, 0, 0, 2, 0))))
    assert (macs.computed, macs.useful) == (6 * 5 * 3, 6 * (5 * 3 - 3))  # k T - k (k - 1) / 2 in time
