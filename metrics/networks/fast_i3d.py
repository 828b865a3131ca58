"""I3D made fast for inference: the same function of the same weights, equal but for rounding.

Batch norms are folded into the convolutions before them; everything stays in the layout of channels last, whose axes
are written out (B, T, H, W, C). On the CPU, where the arithmetic is what takes the time, convolutions go by Winograd's
algorithm, those of 1x1x1 by a matrix product, and clips pass one by one, for they fit the caches then.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vidgauge.metrics.networks import winograd
from vidgauge.metrics.networks.i3d import I3D, MaxPoolSame, Mixed, Unit, check_clips, pad_same, read_outputs


class FastI3D(nn.Module):
    """What `I3D` computes, made of one; that one stays as it is.

    Args:
        plain: with the weights to take, in their precision.
    """

    input = I3D.input

    def __init__(self, plain: I3D) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for name, layer in plain.named_children():
            if isinstance(layer, Unit):
                self.layers.add_module(name, FoldedUnit([layer]))
            elif isinstance(layer, MaxPoolSame):
                self.layers.add_module(name, FastMaxPool(layer))
            elif isinstance(layer, Mixed):
                self.layers.add_module(name, FastMixed(layer))
        self.AvgPool3d = plain.AvgPool3d
        self.Logits = copy.deepcopy(plain.Logits).requires_grad_(False)
        self.eval()

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """The same as `I3D.extract`."""
        check_clips(video_bcthw)
        at_once = torch.split(video_bcthw, 1) if video_bcthw.is_cpu else [video_bcthw]
        return read_outputs(torch.cat([self.pool(2 * clips - 1) for clips in at_once]), self.Logits)

    def pool(self, video_bcthw: Tensor) -> Tensor:
        """The same as `I3D.pool`."""
        mixed = self.layers(video_bcthw.permute(0, 2, 3, 4, 1).contiguous())
        pooled: Tensor = self.AvgPool3d(mixed.permute(0, 4, 1, 2, 3))
        return pooled


class FoldedUnit(nn.Module):
    """Convolution and ReLU, the batch norm between them folded into the convolution.

    Args:
        units: several that read the same input become one, their channels joined.
    """

    def __init__(self, units: Sequence[Unit]) -> None:
        super().__init__()
        first = units[0].conv_3d
        self.kernel_size, self.stride = first.kernel_size, first.stride
        folded = [_fold(unit) for unit in units]
        weight, bias = torch.cat([one for one, _ in folded]), torch.cat([one for _, one in folded])
        self.weight = nn.Parameter(weight.to(first.weight, memory_format=torch.channels_last_3d), requires_grad=False)
        self.bias = nn.Parameter(bias.to(first.weight), requires_grad=False)
        transform, self._on_cpu = _ON_CPU[self.kernel_size]
        self.transformed: Tensor
        self.register_buffer("transformed", transform(weight).to(first.weight))

    def forward(self, video_bthwc: Tensor) -> Tensor:
        """(B, T, H, W, C), of which the stride leaves every so manieth, rounded up."""
        if video_bthwc.is_cpu and not torch.is_autocast_enabled("cpu"):
            return self._on_cpu(video_bthwc, self.transformed, self.bias).relu_()
        return self._directly(video_bthwc.permute(0, 4, 1, 2, 3)).relu_().permute(0, 2, 3, 4, 1).contiguous()

    def _directly(self, video_bcthw: Tensor) -> Tensor:
        if self.stride == (1, 1, 1):  # as much padding before as behind
            around = [size // 2 for size in self.kernel_size]
            return F.conv3d(video_bcthw, self.weight, self.bias, padding=around)
        padded = pad_same(video_bcthw, self.kernel_size, self.stride)
        return F.conv3d(padded, self.weight, self.bias, self.stride)


_ON_CPU: dict[tuple[int, ...], tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
    (7, 7, 7): (winograd.transform_halving_kernel, winograd.convolve_halving),
    (3, 3, 3): (winograd.transform_kernel, winograd.convolve),
    (1, 1, 1): (partial(torch.flatten, start_dim=1), F.linear),
}
"""By the size of the kernel: how it is prepared, and what takes the video, the prepared kernel and the bias."""


class FastMaxPool(nn.Module):
    """`MaxPoolSame`, axis by axis."""

    def __init__(self, plain: MaxPoolSame) -> None:
        super().__init__()
        self._kernel, self._stride = plain.kernel, plain.stride

    def forward(self, video_bthwc: Tensor) -> Tensor:
        """(B, T, H, W, C), of which the stride leaves every so manieth, rounded up."""
        for axis, (reach, step) in enumerate(zip(self._kernel, self._stride, strict=True), start=1):
            if reach > 1:
                video_bthwc = _maxima(video_bthwc.transpose(0, axis), reach, step).transpose(0, axis)
        return video_bthwc


class FastMixed(nn.Module):
    """`Mixed` with the three convolutions that read its input as one."""

    def __init__(self, plain: Mixed) -> None:
        super().__init__()
        heads = [cast("Unit", branch[0]) for branch in (plain.Branch_0, plain.Branch_1, plain.Branch_2)]
        self._channels = [head.conv_3d.out_channels for head in heads]
        self.heads = FoldedUnit(heads)
        self.three = FoldedUnit([cast("Unit", plain.Branch_1[1])])
        self.other = FoldedUnit([cast("Unit", plain.Branch_2[1])])
        self.pool = FastMaxPool(cast("MaxPoolSame", plain.Branch_3[0]))
        self.pooled = FoldedUnit([cast("Unit", plain.Branch_3[1])])

    def forward(self, video_bthwc: Tensor) -> Tensor:
        """(B, T, H, W, C) with the channels of all branches."""
        one, reduced, squeezed = self.heads(video_bthwc).split(self._channels, dim=-1)
        pooled = self.pooled(self.pool(video_bthwc))
        return torch.cat([one, self.three(reduced), self.other(squeezed), pooled], dim=-1)


def _fold(unit: Unit) -> tuple[Tensor, Tensor]:
    """Weight and bias in float64 of a convolution that does what the unit does before its ReLU."""
    norm = unit.batch_norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = unit.conv_3d.weight.double() * scale[:, None, None, None, None]
    return weight.detach(), (norm.bias.double() - norm.running_mean.double() * scale).detach()


def _maxima(values: Tensor, reach: int, step: int) -> Tensor:
    """Maxima over windows along the first axis, laid as `pad_same` lays them; what lies outside is ignored."""
    size = len(values)
    windows = -(-size // step)
    before = max((windows - 1) * step + reach - size, 0) // 2
    maxima = values[::step].clone(memory_format=torch.preserve_format)
    for offset in range(-before, reach - before):
        if offset != 0:
            first = max(0, -(offset // step))
            inside = values[first * step + offset :: step][: windows - first]
            part = maxima[first : first + len(inside)]
            torch.maximum(part, inside, out=part)
    return maxima
