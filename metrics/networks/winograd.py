"""Convolutions with fewer multiplications, by Winograd's algorithm; equal to the direct sums but for rounding.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308). F(m, r) computes m neighbouring
outputs of a filter of r taps with m + r - 1 products instead of m r, between transforms that cost little. Two
convolutions are here: 3x3x3 with stride 1 by F(4x4, 3x3) over height and width, a quarter of the multiplications; and
kernels of 7 with stride 2 by F(4, 4) over the width, half of them. Rounding is two to three times that of direct sums.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

_AT_ONCE = 2**22
"""Products that are kept at once: what is much more than the caches hold is slow to write and to read again."""
_TILE = 4
"""Outputs of a tile along an axis."""


def transforms(points: Sequence[float], outputs: int, taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """B^T, G and A^T of F(outputs, taps) in float64: ``A^T ((G kernel) * (B^T input))`` is the filtered input.

    They evaluate and interpolate polynomials at the points and at infinity (Toom and Cook); each row of B^T is scaled
    as in the paper's section 4.3, where it is of whole numbers if the points are.

    Args:
        points: outputs + taps - 2 different ones.
        outputs: m of F(m, r).
        taps: r.
    """

    def powers(count: int) -> Tensor:
        rows = [[point**power for power in range(count)] for point in points]
        return torch.tensor([*rows, [0] * (count - 1) + [1]], dtype=torch.float64, device="cpu")

    inputs = torch.linalg.inv(powers(outputs + taps - 1)).T
    scale = torch.cat([inputs[:-1, -2], inputs[-1:, -1]])[:, None]
    return inputs / scale, powers(taps) * scale, powers(outputs).T


_INPUT, _KERNEL, _OUTPUT = transforms((0, 1, -1, 2, -2), _TILE, 3)
_HALVING_INPUT, _HALVING_KERNEL, _HALVING_OUTPUT = transforms((0, 1, -1, 2, -2, -0.5), _TILE, 4)


def transform_kernel(weight_ncthw: Tensor) -> Tensor:
    """A kernel (N, C, 3, 3, 3) as `convolve` takes it: (3, 36, C, N), of the same precision."""
    weight = weight_ncthw.to(torch.float64)
    taps = weight.permute(2, 3, 4, 1, 0).reshape(3, 9, -1)
    kernel = (_both_ways(_KERNEL, weight) @ taps).to(weight_ncthw.dtype)
    return kernel.view(3, 36, *weight.shape[1::-1])


def convolve(video_bthwc: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve with a kernel of 3x3x3, stride 1, zeros around: (B, T, H, W, N) as ``conv3d(..., padding=1)`` has it.

    Args:
        video_bthwc: (B, T, H, W, C).
        kernel: (3, 36, C, N), of `transform_kernel`.
        bias: (N,).
    """
    batch, frames, height, width, channels = video_bthwc.shape
    down, across = -(-height // _TILE), -(-width // _TILE)  # tiles; those at the end may hang over
    padded = F.pad(video_bthwc, (0, 0, 1, _TILE * across + 1 - width, 1, _TILE * down + 1 - height, 1, 1))
    b, t, h, w, c = padded.stride()
    windows = padded.as_strided(
        (6, 6, frames + 2, batch, down, across, channels), (h, w, t, b, _TILE * h, _TILE * w, c)
    )
    inputs = (_both_ways(_INPUT, bias) @ windows.reshape(36, -1)).view(36, frames + 2, -1, channels)
    inverse = _both_ways(_OUTPUT, bias)

    convolved = video_bthwc.new_empty(batch, frames, _TILE * down, _TILE * across, len(bias))
    tiles = convolved.view(batch, frames, down, _TILE, across, _TILE, -1).permute(3, 5, 1, 0, 2, 4, 6)
    at_once = max(1, _AT_ONCE // (36 * batch * down * across * len(bias)))
    for start in range(0, frames, at_once):
        part = tiles[:, :, start : start + at_once]
        shifted = [inputs[:, start + tap : start + tap + part.shape[2]].flatten(1, 2) for tap in range(3)]
        products = torch.bmm(shifted[0], kernel[0])
        products.baddbmm_(shifted[1], kernel[1]).baddbmm_(shifted[2], kernel[2])
        torch.add((inverse @ products.flatten(1)).view(part.shape), bias, out=part)
    return convolved[:, :, :height, :width].contiguous()


def transform_halving_kernel(weight_ncthw: Tensor) -> Tensor:
    """A kernel (N, C, 7, 7, 7) as `convolve_halving` takes it: (7, N, 2 C, 7, 7), of the same precision.

    A filter of seven taps with stride 2 is the sum of two with stride 1: of four taps over the even columns and of
    three over the odd ones, which a zero makes four. Pairs of columns so become channels.
    """
    pairs = F.pad(weight_ncthw.to(torch.float64), (0, 1)).view(*weight_ncthw.shape[:4], 4, 2)
    kernel = torch.einsum("pj,ncthjs->pnscth", _HALVING_KERNEL.to(weight_ncthw.device), pairs)
    return kernel.flatten(2, 3).to(weight_ncthw.dtype).contiguous()


def convolve_halving(video_bthwc: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve with a kernel of 7x7x7, stride 2, zeros around as TensorFlow's "SAME" padding puts them.

    Args:
        video_bthwc: (B, T, H, W, C).
        kernel: (7, N, 2 C, 7, 7), of `transform_halving_kernel`.
        bias: (N,).

    Returns:
        (B, T / 2, H / 2, W / 2, N), rounded up.
    """
    batch, frames, height, width, channels = video_bthwc.shape
    halves = [-(-size // 2) for size in (frames, height, width)]
    across = -(-halves[2] // _TILE)
    reaches = [2 * halves[0] + 5, 2 * halves[1] + 5, 2 * _TILE * across + 6]  # the last tile may hang over
    pads = [0, 0]
    for size, half, reach in zip((width, height, frames), reversed(halves), reversed(reaches), strict=True):
        before = (2 * half + 5 - size) // 2
        pads += [before, reach - size - before]
    padded = F.pad(video_bthwc, pads)
    b, t, h, w, c = padded.stride()
    windows = padded.as_strided(
        (7, across, batch, reaches[0], reaches[1], 2 * channels), (2 * w, 2 * _TILE * w, b, t, h, c)
    )
    forth, back = _HALVING_INPUT.to(bias), _HALVING_OUTPUT.to(bias)

    convolved = video_bthwc.new_empty(batch, halves[0], halves[1], _TILE * across, len(bias))
    tiles = convolved.view(*convolved.shape[:3], across, _TILE, -1).permute(4, 3, 0, 1, 2, 5)
    at_once = max(1, _AT_ONCE // (7 * batch * halves[0] * halves[1] * len(bias)))
    for start in range(0, across, at_once):
        window = windows[:, start : start + at_once]
        inputs = (forth @ window.reshape(7, -1)).view(7, -1, *window.shape[3:]).permute(0, 1, 4, 2, 3)
        products = [F.conv2d(one, weight, None, 2) for one, weight in zip(inputs, kernel, strict=True)]
        outputs = back @ torch.stack([one.permute(0, 2, 3, 1) for one in products]).flatten(1)
        part = tiles[:, start : start + at_once]
        torch.add(outputs.view(part.shape), bias, out=part)
    return convolved[:, :, :, : halves[2]].contiguous()


def _both_ways(matrix: Tensor, like: Tensor) -> Tensor:
    """What transforms all rows and all columns of a tile at once, flattened."""
    return torch.kron(matrix, matrix).to(like)
