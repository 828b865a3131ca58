"""Published sizes of torchvision's video networks out of our formulas."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models import video

from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layers.conv2plus1d import matched_width

CLIP = (1, 3, 16, 112, 112)
Walked = tuple[nn.Conv3d, Grid]
"""A convolution and the grid of its input."""


def walk(network: nn.Module) -> list[Walked]:
    """The convolutions of a network and what each is given, found by a pass without numbers."""
    walked: list[Walked] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
        assert isinstance(module, nn.Conv3d)
        time, height, width = inputs[0].shape[2:]
        walked.append((module, (time, height, width)))

    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(note)
    network(torch.empty(CLIP, device="meta"))
    return walked


def of(module: nn.Conv3d, grid: Grid, into: int, out: int) -> Cost:
    """Our formula for a convolution like that module, but for its channels."""
    assert not isinstance(module.padding, str)
    assert (module.groups, module.dilation, module.padding_mode) == (1, (1, 1, 1), "zeros")
    (t, h, w), (kt, kh, kw), (st, sh, sw) = module.padding, module.kernel_size, module.stride
    zeros, biased = ((t, t), (h, h), (w, w)), module.bias is not None
    kernel, stride = (kt, kh, kw), (st, sh, sw)
    return cost.convolution(CLIP[0], grid, (into, out), kernel, bias=biased, itemsize=4, stride=stride, padding=zeros)


def head() -> Cost:
    """512 features to the 400 classes of Kinetics."""
    return cost.linear(CLIP[0], (512, 400), bias=True, itemsize=4)


def norms(network: nn.Module) -> int:
    """Scales and shifts of the batch normalisations, which are no business of a convolution's cost."""
    return sum(2 * module.num_features for module in network.modules() if isinstance(module, nn.BatchNorm3d))


def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        make: Callable[[], nn.Module] = getattr(video, name)
        return make()


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [("r3d_18", 33.37, 40.70), ("mc3_18", 11.70, 43.34), ("r2plus1d_18", 31.51, 40.52)],
)
def test_networks_as_torchvision_builds_them(name: str, parameters: float, macs: float) -> None:
    network = on_meta(name)
    total = head()
    for module, grid in walk(network):
        total += of(module, grid, module.in_channels, module.out_channels)
    assert total.parameters + norms(network) == sum(parameter.numel() for parameter in network.parameters())
    assert round((total.parameters + norms(network)) / 1e6, 2) == parameters
    assert round(total.forward_flops / 2 / 1e9, 2) == macs  # a multiply-accumulate is two operations


def matched(walked: list[Walked]) -> list[tuple[nn.Conv3d, Grid, int, int]]:
    """Each pair of halves with the middle width of its own channels; the rest as it is."""
    channels = {id(module): [module.in_channels, module.out_channels] for module, _ in walked}
    for (space, _), (time, _) in itertools.pairwise(walked):
        if space.kernel_size == (1, 3, 3):
            assert time.kernel_size == (3, 1, 1)
            middle = matched_width(space.in_channels, time.out_channels, 3, 3)
            channels[id(space)][1] = channels[id(time)][0] = middle
    return [(module, grid, channels[id(module)][0], channels[id(module)][1]) for module, grid in walked]


def test_r2plus1d_as_the_paper_has_it() -> None:
    """The paper's R(2+1)D-18 has 33.3 M parameters and 41.5 GMAC; torchvision's 31.5 M and 40.5.

    Section 3.5 of the paper (Tran et al., arXiv 1711.11248) gives each factorised convolution the width M that matches
    the 3-D kernel it replaces, from that kernel's own channels. torchvision's blocks compute M once, from the channels
    into the block to those out of it, and use it for both convolutions. In the three blocks that double the channels,
    C to 2 C, that is M = 230, 460, 921 for the second convolution too, though it goes from 2 C to 2 C and would have
    M = 288, 576, 1152. Put those in, and the published sizes come out: 33.34 M in convolutions and head. (With the
    norms it is 33.37 M: the published 33.3 leaves them out or cuts off.)
    """
    walked, total, widened = walk(on_meta("r2plus1d_18")), head(), []
    for module, grid, into, out in matched(walked):
        total += of(module, grid, into, out)
        if out != module.out_channels:
            widened.append((module.in_channels, module.out_channels, out))
    assert widened == [(128, 230, 288), (256, 460, 576), (512, 921, 1152)]
    assert round(total.parameters / 1e6, 2) == 33.34
    assert round(total.forward_flops / 2 / 1e9, 1) == 41.5


def test_a_matched_pair_weighs_what_its_kernel_weighs() -> None:
    """So R(2+1)D-18, matched throughout, has the weights of R3D-18 but for its stem and its norms, to 0.3 %."""
    for into, out in ((64, 64), (64, 128), (128, 128), (128, 256), (256, 512), (512, 512)):
        middle = matched_width(into, out, 3, 3)
        pair = middle * (9 * into + 3 * out)
        assert 0.997 < pair / (math.prod((3, 3, 3)) * into * out) <= 1
