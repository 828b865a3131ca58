"""Costs of convolutions: against enumeration of every multiply-accumulate, copies that ran, what autograd kept."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.bench.modes import OperatorMode
from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.cost import Grid, convolution
from vidgauge.reference_models.layers import build
from vidgauge.reference_models.layers.conv2plus1d import Conv2Plus1d, matched_width

SINGLE = ("conv2d", "conv3d", "spatial_conv", "temporal_conv", "causal_conv3d")
FACTORISED = ("conv2plus1d", "pseudo_conv3d")
WAYS: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in SINGLE] + [
    (name, {"execution": way}) for name in FACTORISED for way in ("conv3d", "conv2d_conv1d")
]
SHAPES = [
    (2, 3, 4, 5, 2),
    (1, 4, 5, 3, 3),
    (1, 1, 4, 3, 3),
    (2, 1, 3, 2, 2),
    (2, 4, 1, 3, 2),
    (2, 3, 4, 1, 1),
    (1, 1, 1, 1, 1),
]


@dataclass
class Stage:
    """One convolution, as its definition has it."""

    channels: tuple[int, int]
    kernel: Grid
    stride: Grid
    grid: Grid
    groups: int = 1
    causal: bool = False

    def sources(self, axis: int) -> list[list[int]]:
        """For each output along an axis, the places its taps fall on, padding included."""
        extent, size, step = self.grid[axis], self.kernel[axis], self.stride[axis]
        before = size - 1 if self.causal and axis == 0 else size // 2
        behind = 0 if self.causal and axis == 0 else size // 2
        starts = range(-before, extent + behind - size + 1, step)
        return [list(range(start, start + size)) for start in starts]

    def after(self) -> Grid:
        """The grid of the output."""
        time, height, width = (len(self.sources(axis)) for axis in range(3))
        return time, height, width

    def macs(self) -> tuple[int, int]:
        """Multiply-accumulates of a clip, one by one: all, and those whose tap is on the input."""
        into, out = self.channels
        block_in, block_out = into // self.groups, out // self.groups
        pairs = sum(i // block_in == o // block_out for i, o in itertools.product(range(into), range(out)))
        everything = useful = 0
        for output in itertools.product(*(self.sources(axis) for axis in range(3))):
            for place in itertools.product(*output):
                everything += pairs
                useful += pairs * all(0 <= at < extent for at, extent in zip(place, self.grid, strict=True))
        return everything, useful


def stages(name: str, layer: Convolution, grid: Grid) -> list[Stage]:
    """The convolutions that an operator consists of."""
    (size, *sizes), (step, *steps) = layer.kernel, layer.stride
    if name in SINGLE:
        groups: int = getattr(layer, "groups", 1)
        channels = layer.in_channels, layer.out_channels
        return [Stage(channels, layer.kernel, layer.stride, grid, groups, name == "causal_conv3d")]
    into, out = layer.in_channels, layer.out_channels
    middle = matched_width(into, out, sizes[0], size) if name == "conv2plus1d" else out
    first = Stage((into, middle), (1, sizes[0], sizes[1]), (1, steps[0], steps[1]), grid)
    return [first, Stage((middle, out), (size, 1, 1), (step, 1, 1), first.after())]


def make(name: str, **config: Any) -> Convolution:  # noqa: ANN401 - numbers and lists, as in a suite's file
    layer = build(name, **config)
    assert isinstance(layer, Convolution)
    return layer


def axes(name: str, kernel: int, step: int) -> dict[str, Any]:
    """That kernel and stride along the axes that the operator has."""
    if name == "temporal_conv":
        return {"temporal_kernel": kernel, "stride": [step, 1, 1]}
    if name in ("conv2d", "spatial_conv"):
        return {"spatial_kernel": kernel, "stride": [1, step, step]}
    return {"spatial_kernel": kernel, "temporal_kernel": kernel, "stride": [step, step, step]}


def assert_flops(name: str, layer: Convolution, grid: Grid) -> None:
    """Forward and backward, padded and useful, of two clips against enumeration."""
    cost = layer.cost((2, layer.in_channels, *grid))
    macs = [stage.macs() for stage in stages(name, layer, grid)]
    everything, useful = (sum(counts) for counts in zip(*macs, strict=True))
    assert (cost.forward_flops, cost.useful_forward_flops) == (2 * 2 * everything, 2 * 2 * useful)
    # each product x w once more in both gradients: with g the output's gradient, g w and g x
    assert (cost.backward_flops, cost.useful_backward_flops) == (2 * 2 * 2 * everything, 2 * 2 * 2 * useful)


@pytest.mark.parametrize("name", [*SINGLE, *FACTORISED])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("step", [1, 2])
def test_flops_equal_enumeration(name: str, kernel: int, step: int) -> None:
    for grid in ((4, 5, 2), (1, 3, 6)):  # below most kernels along one axis, so that both ends are cut at once
        assert_flops(name, make(name, in_channels=3, out_channels=4, **axes(name, kernel, step)), grid)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(("into", "out", "groups"), [(4, 6, 2), (3, 3, 3), (3, 6, 3)])
def test_flops_of_groups_equal_enumeration(name: str, into: int, out: int, groups: int) -> None:
    assert_flops(name, make(name, in_channels=into, out_channels=out, groups=groups, **axes(name, 3, 2)), (3, 4, 5))


def test_flops_of_uneven_kernels_and_strides_equal_enumeration() -> None:
    for name in ("conv3d", "causal_conv3d", *FACTORISED):
        config = {"spatial_kernel": 3, "temporal_kernel": 5, "stride": [3, 1, 2]}
        assert_flops(name, make(name, in_channels=2, out_channels=3, **config), (7, 3, 4))


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_useful_taps_follow_the_closed_forms(size: int) -> None:
    frames, height, width = 8, 9, 7
    same = math.prod(size * extent - (size**2 - 1) // 4 for extent in (frames, height, width))
    full = make("conv3d", in_channels=1, out_channels=1, spatial_kernel=size, temporal_kernel=size)
    assert full.cost((1, 1, frames, height, width)).useful_forward_flops == 2 * same
    space = math.prod(size * extent - (size**2 - 1) // 4 for extent in (height, width))
    time = size * frames - size * (size - 1) // 2
    causal = make("causal_conv3d", in_channels=1, out_channels=1, spatial_kernel=size, temporal_kernel=size)
    assert causal.cost((1, 1, frames, height, width)).useful_forward_flops == 2 * time * space


def counted(layer: Convolution, shape: Sequence[int], *, backward: bool = False) -> int:
    """What torch's own counter says."""
    x = torch.zeros(shape, requires_grad=backward)
    with FlopCounterMode(display=False) as counter:
        out = layer(x)
        if backward:
            out.sum().backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("step", [1, 2])
def test_flops_equal_torchs_counter(name: str, way: dict[str, Any], step: int) -> None:
    layer = make(name, in_channels=3, out_channels=4, **way, **axes(name, 3, step))
    for shape in ((2, 3, 4, 5, 2), (1, 3, 1, 4, 4)):
        cost = layer.cost(shape)
        assert cost.forward_flops == counted(layer, shape)
        assert cost.forward_flops + cost.backward_flops == counted(layer, shape, backward=True)


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_torchs_counter_is_wrong_in_the_backward_pass_of_groups(groups: int) -> None:
    """It takes the gradient of the weights for that of a dense kernel, g times too much; enumeration is on our side."""
    layer, shape = make("conv3d", in_channels=8, out_channels=8, groups=groups), (1, 8, 3, 4, 4)
    assert_flops("conv3d", layer, (3, 4, 4))
    cost, theirs = layer.cost(shape), counted(layer, shape, backward=True)
    assert counted(layer, shape) == cost.forward_flops
    wrong = (1 + 1 + groups) * cost.forward_flops
    assert theirs in (wrong, 3 * cost.forward_flops)  # the second once it is mended


def numbers(layer: Convolution) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("bias", [True, False])
def test_parameters_biases_and_bytes(name: str, way: dict[str, Any], bias: bool) -> None:
    layer, shape = make(name, in_channels=3, out_channels=4, bias=bias, **way, **axes(name, 3, 2)), (2, 3, 5, 4, 7)
    parts, cost = stages(name, layer, (5, 4, 7)), layer.cost(shape)
    assert cost.parameters == numbers(layer)
    outputs = [2 * part.channels[1] * math.prod(part.after()) for part in parts]
    inputs = [2 * part.channels[0] * math.prod(part.grid) for part in parts]
    assert layer(torch.zeros(shape)).numel() == outputs[-1]
    assert cost.min_bytes == 4 * (sum(inputs) + sum(outputs) + cost.parameters)
    relu = outputs[0] if name == "conv2plus1d" else 0
    assert cost.elementwise_flops == sum(outputs) * bias + relu
    assert layer.double().cost(shape).min_bytes == 2 * cost.min_bytes


class Traffic(OperatorMode):
    """Bytes read and written by every operator that is neither a view nor arithmetic."""

    ARITHMETIC = ("convolution", "relu")

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        out = func(*args, **kwargs)
        assert isinstance(func, torch._ops.OpOverload)
        if not func.is_view and "view" not in str(func) and not any(word in str(func) for word in self.ARITHMETIC):
            self.bytes += args[0].nbytes + out.nbytes
        return out


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_copy_bytes_equal_the_copies_that_ran(name: str, way: dict[str, Any], shape: tuple[int, ...]) -> None:
    for kernel, step in ((3, 1), (1, 1), (5, 2)):
        layer = make(name, in_channels=shape[1], out_channels=3, **way, **axes(name, kernel, step))
        x = torch.zeros(shape)
        with torch.no_grad(), Traffic() as traffic:
            layer(x)
        assert layer.cost(shape).copy_bytes == traffic.bytes


def test_copy_bytes_by_hand() -> None:
    batch, into, out, (frames, height, width) = 2, 3, 4, (5, 6, 7)
    shape, size = (batch, into, frames, height, width), batch * frames * height * width * 4
    config = {"in_channels": into, "out_channels": out}
    for name in ("conv3d", "spatial_conv", "temporal_conv"):
        assert make(name, **config).cost(shape).copy_bytes == 0
    assert make("conv2d", **config).cost(shape).copy_bytes == 2 * size * (into + out)
    pseudo = make("pseudo_conv3d", **config)
    assert pseudo.cost(shape).copy_bytes == 2 * size * (into + 2 * out)
    middle = matched_width(into, out, 3, 3)
    pair = make("conv2plus1d", execution="conv2d_conv1d", **config)
    assert pair.cost(shape).copy_bytes == 2 * size * (into + middle + out)
    causal = make("causal_conv3d", temporal_kernel=5, **config)
    assert causal.cost(shape).copy_bytes == 4 * batch * into * height * width * (2 * frames + 5 - 1)


def kept_bytes(layer: Convolution, x: torch.Tensor) -> int:
    """Bytes of the storages that autograd holds, those of parameters left out."""
    storages: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        held.append(tensor)  # so that no storage takes the place of one before
        return tensor

    held: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(x)
    for parameter in layer.parameters():
        storages.pop(parameter.untyped_storage().data_ptr(), None)
    return sum(storages.values())


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_activation_bytes_equal_what_autograd_keeps(name: str, way: dict[str, Any], shape: tuple[int, ...]) -> None:
    for kernel, step in ((3, 1), (5, 2)):
        layer = make(name, in_channels=shape[1], out_channels=3, **way, **axes(name, kernel, step))
        assert layer.cost(shape).activation_bytes == kept_bytes(layer, torch.zeros(shape).requires_grad_())


def test_equal_width_ratios_of_the_literature() -> None:
    shape = (1, 64, 8, 16, 16)
    flops = {
        name: make(name, in_channels=64, out_channels=64, bias=False).cost(shape).forward_flops
        for name in (*SINGLE, *FACTORISED)
    }
    assert flops["conv2plus1d"] == flops["conv3d"]  # M = 2.25 C makes (2+1)-D cost exactly the 3-D kernel
    assert flops["pseudo_conv3d"] * 27 == flops["conv3d"] * 12
    assert flops["spatial_conv"] * 3 == flops["conv3d"] == flops["causal_conv3d"]
    assert flops["conv2d"] == flops["spatial_conv"]
    assert flops["temporal_conv"] * 9 == flops["conv3d"]


def test_with_a_stride_along_time_the_matched_pair_costs_more() -> None:
    """Its first half runs at all frames: 2 (T 9 C M + T' 3 M C) H' W' against 2 T' 27 C^2 H' W'."""
    shape, config = (1, 64, 8, 16, 16), {"in_channels": 64, "out_channels": 64, "bias": False, "stride": [2, 2, 2]}
    full, pair = make("conv3d", **config).cost(shape), make("conv2plus1d", **config).cost(shape)
    assert full.forward_flops == 2 * 4 * 64 * 27 * 64**2
    assert pair.forward_flops == 2 * 64 * (8 * 9 * 64 * 144 + 4 * 3 * 144 * 64)
    assert pair.parameters == full.parameters
    assert pair.forward_flops * 4 == full.forward_flops * 7


def test_matched_width_and_parameters() -> None:
    for (into, out), middle, parameters in (((64, 64), 144, 110592), ((64, 128), 230, 220800), ((3, 64), 23, 5037)):
        layer = Conv2Plus1d(into, out, bias=False)
        assert layer.middle_channels == middle
        assert numbers(layer) == parameters <= 27 * into * out
        assert parameters + 9 * into + 3 * out > 27 * into * out  # one channel more would be too many
    assert Conv2Plus1d(1, 1, 1, 1).middle_channels == 1  # never none


def test_costs_need_no_memory() -> None:
    with torch.device("meta"):
        layer = make("conv3d", in_channels=2048, out_channels=2048)
    assert layer.cost((8, 2048, 64, 256, 256)).forward_flops == 2 * 8 * 64 * 256**2 * 27 * 2048**2


def test_uneven_zeros_of_a_bare_convolution() -> None:
    zeros = ((2, 0), (0, 0), (1, 3))
    cost = convolution(1, (4, 3, 2), (1, 1), (3, 2, 3), bias=False, itemsize=4, padding=zeros, stride=(1, 1, 2))
    padded = useful = 0
    for t, h, w in itertools.product(range(4), range(2), range(2)):
        for place in itertools.product(range(t - 2, t + 1), range(h, h + 2), range(2 * w - 1, 2 * w + 2)):
            padded += 1
            useful += all(0 <= at < extent for at, extent in zip(place, (4, 3, 2), strict=True))
    assert (cost.forward_flops, cost.useful_forward_flops) == (2 * padded, 2 * useful)
