"""Convolutions of 3x3x3 with a quarter of the multiplications: Winograd's F(4x4, 3x3) over height and width.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), section 4.3: each tile of 4x4
outputs takes 36 products instead of 144 per pair of channels, between transforms that cost little. Time is summed
directly. Rounding is about twice that of the direct sum.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

_INPUT = [  # B^T of the paper
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL = [  # G, times 24
    [6, 0, 0],
    [-4, -4, -4],
    [-4, 4, -4],
    [1, 2, 4],
    [1, -2, 4],
    [0, 0, 24],
]
_OUTPUT = [  # A^T
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]


_AT_ONCE = 2**22
"""Products that are kept at once: what is much more than the caches hold is slow to write and to read again."""


def transform_kernel(weight_ncthw: Tensor) -> Tensor:
    """The kernel (N, C, 3, 3, 3) as `convolve` takes it: (3, 36, C, N), of the same precision."""
    matrix = torch.tensor(_KERNEL, dtype=torch.float64, device=weight_ncthw.device) / 24
    kernel = torch.einsum("pi,qj,nctij->tpqcn", matrix, matrix, weight_ncthw.to(torch.float64))
    return kernel.flatten(1, 2).to(weight_ncthw.dtype).contiguous()


def convolve(video_bthwc: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve with a kernel of 3x3x3, stride 1, zeros around: (B, T, H, W, N) as ``conv3d(..., padding=1)`` has it.

    Args:
        video_bthwc: (B, T, H, W, C).
        kernel: (3, 36, C, N), of `transform_kernel`.
        bias: (N,).
    """
    batch, frames, height, width, channels = video_bthwc.shape
    down, across = -(-height // 4), -(-width // 4)  # tiles; those at the end may hang over
    padded = F.pad(video_bthwc, (0, 0, 1, 4 * across + 1 - width, 1, 4 * down + 1 - height))
    b, t, h, w, c = padded.stride()
    windows = padded.as_strided((6, 6, frames, batch, down, across, channels), (h, w, t, b, 4 * h, 4 * w, c))
    inputs = (_both_ways(_INPUT, windows) @ windows.reshape(36, -1)).view(36, -1, channels)

    frame = batch * down * across  # rows: a step in time is so many of them
    convolved = video_bthwc.new_empty(batch, frames, 4 * down, 4 * across, len(bias))
    tiles = convolved.view(batch, frames, down, 4, across, 4, -1).permute(3, 5, 1, 0, 2, 4, 6)
    at_once = max(1, _AT_ONCE // (36 * frame * len(bias)))
    for start in range(0, frames, at_once):
        stop = min(start + at_once, frames)
        after, before = max(start, 1), min(stop, frames - 1)  # the first frame has none before it, the last none after
        products = torch.bmm(inputs[:, start * frame : stop * frame], kernel[1])
        late, early = products[:, (after - start) * frame :], products[:, : (before - start) * frame]
        late.baddbmm_(inputs[:, (after - 1) * frame : (stop - 1) * frame], kernel[0])
        early.baddbmm_(inputs[:, (start + 1) * frame : (before + 1) * frame], kernel[2])
        outputs = _both_ways(_OUTPUT, products) @ products.flatten(1)
        torch.add(outputs.view(4, 4, stop - start, batch, down, across, -1), bias, out=tiles[:, :, start:stop])
    return convolved[:, :, :height, :width].contiguous()


def _both_ways(matrix: list[list[int]], like: Tensor) -> Tensor:
    """What transforms all rows and all columns of a tile at once, flattened."""
    one_way = torch.tensor(matrix, dtype=like.dtype, device=like.device)
    return torch.kron(one_way, one_way)
