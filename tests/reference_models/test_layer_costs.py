"""Costs against enumeration of every multiply-accumulate, and parameter counts against the modules."""

import itertools
from collections.abc import Iterable, Sequence

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS, build

CONV_SHAPE = (2, 3, 4, 5, 2)  # B, C, T, H, W; W below the kernel, so that both ends are cut at once
TOKEN_SHAPE = (2, 4, 2, 6, 8)  # B, T, H, W, C
CONVOLUTIONS = ("conv3d", "conv2plus1d", "pseudo_conv3d", "spatial_conv")
ATTENTIONS: dict[str, dict[str, object]] = {
    "joint_attention": {},
    "factorised_attention": {},
    "window_attention": {"window": [2, 2, 3]},
}


def every_layer() -> Iterable[tuple[Layer, Sequence[int]]]:
    for name in CONVOLUTIONS:
        yield build(name, in_channels=3, out_channels=6), CONV_SHAPE
        yield build(name, in_channels=3, out_channels=5, spatial_kernel=5, bias=False), CONV_SHAPE
    for name, config in ATTENTIONS.items():
        yield build(name, channels=8, heads=2, **config), TOKEN_SHAPE


def enumerate_taps(grid: Sequence[int], kernel: Sequence[int], *, padded: bool) -> int:
    """Count output positions times kernel taps one by one."""
    count = 0
    for position in itertools.product(*map(range, grid)):
        for tap in itertools.product(*map(range, kernel)):
            source = [p + t - k // 2 for p, t, k in zip(position, tap, kernel, strict=True)]
            count += padded or all(0 <= s < g for s, g in zip(source, grid, strict=True))
    return count


def enumerate_convolutions(layer: Layer, shape: Sequence[int], *, padded: bool) -> int:
    """FLOPs of the layer's convolutions: the grid stays the same from one to the next."""
    total = 0
    for module in layer.modules():
        if isinstance(module, torch.nn.Conv1d):
            kernel: Sequence[int] = (*module.kernel_size, 1, 1)
        elif isinstance(module, torch.nn.Conv2d):
            kernel = (1, *module.kernel_size)
        elif isinstance(module, torch.nn.Conv3d):
            kernel = module.kernel_size
        else:
            continue
        total += (
            2 * shape[0] * module.in_channels * module.out_channels * enumerate_taps(shape[2:], kernel, padded=padded)
        )
    return total


def counted(layer: Layer, shape: Sequence[int], *, backward: bool = False) -> int:
    """What torch's own counter says; right for dense convolutions and matrix products."""
    x = torch.zeros(shape, requires_grad=backward)
    with FlopCounterMode(display=False) as counter:
        out = layer(x)
        if backward:
            out.sum().backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_convolution_costs_equal_enumeration_and_torchs_counter(name: str, bias: bool) -> None:
    layer = build(name, in_channels=3, out_channels=4, bias=bias)
    cost = layer.cost(CONV_SHAPE)
    assert cost.forward_flops == enumerate_convolutions(layer, CONV_SHAPE, padded=True) == counted(layer, CONV_SHAPE)
    assert cost.useful_forward_flops == enumerate_convolutions(layer, CONV_SHAPE, padded=False)
    assert cost.forward_flops + cost.backward_flops == counted(layer, CONV_SHAPE, backward=True)


def test_useful_taps_follow_the_closed_form() -> None:
    layer = build("conv3d", in_channels=1, out_channels=1, temporal_kernel=5)
    taps = (5 * 8 - 6) * (3 * 9 - 2) * (3 * 7 - 2)  # k L - (k^2 - 1) / 4 along each axis
    assert layer.cost((1, 1, 8, 9, 7)).useful_forward_flops == 2 * taps


def visited_pairs(name: str, grid: tuple[int, int, int], window: tuple[int, int, int]) -> int:
    """Count query and key tokens that see each other, from the definition of the pattern."""
    tokens = list(itertools.product(*map(range, grid)))
    count = 0
    for a, b in itertools.product(tokens, tokens):
        if name == "joint_attention":
            count += 1
        elif name == "window_attention":
            count += all(i // w == j // w for i, j, w in zip(a, b, window, strict=True))
        else:  # one spatial pair if they share the frame, one temporal pair if they share the place
            count += (a[0] == b[0]) + (a[1:] == b[1:])
    return count


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_costs_equal_enumeration(name: str) -> None:
    layer = build(name, channels=8, heads=2, **ATTENTIONS[name])
    batch, *grid, channels = TOKEN_SHAPE
    tokens = batch * grid[0] * grid[1] * grid[2]
    projection_sets = 2 if name == "factorised_attention" else 1
    pairs = batch * visited_pairs(name, (grid[0], grid[1], grid[2]), (2, 2, 3))
    projections, core = projection_sets * 8 * tokens * channels**2, 4 * pairs * channels
    cost = layer.cost(TOKEN_SHAPE)
    assert cost.forward_flops == cost.useful_forward_flops == projections + core
    assert cost.backward_flops == 2 * projections + core * 5 // 2
    assert cost.elementwise_flops == 5 * 2 * pairs + projection_sets * tokens * 4 * channels  # softmax, four biases
    assert cost.min_bytes == 4 * (projection_sets * 10 * tokens * channels + cost.parameters)


def test_parameters_equal_the_modules() -> None:
    for layer, shape in every_layer():
        assert layer.cost(shape).parameters == sum(p.numel() for p in layer.parameters())


def test_output_keeps_the_shape() -> None:
    for layer, shape in every_layer():
        out = layer(torch.zeros(*shape))
        if layer.takes == "tokens_bthwc":
            assert out.shape == torch.Size(shape)
        else:
            assert (out.shape[0], *out.shape[2:]) == (shape[0], *shape[2:])


def test_bytes_touch_each_tensor_once() -> None:
    size = 2 * 4 * 5 * 2  # positions of CONV_SHAPE
    full = build("conv3d", in_channels=3, out_channels=4)
    assert full.cost(CONV_SHAPE).min_bytes == 4 * (size * (3 + 4) + 27 * 12 + 4)
    pair = build("pseudo_conv3d", in_channels=3, out_channels=4, bias=False)
    assert pair.cost(CONV_SHAPE).min_bytes == 4 * (size * (3 + 4 + 4 + 4) + 9 * 12 + 3 * 16)
    assert full.double().cost(CONV_SHAPE).min_bytes == 2 * 4 * (size * 7 + 27 * 12 + 4)


def test_equal_width_ratios_of_the_literature() -> None:
    shape = (1, 64, 8, 16, 16)
    full, middle, pseudo, spatial = (
        build(name, in_channels=64, out_channels=64, bias=False).cost(shape).forward_flops for name in CONVOLUTIONS
    )
    assert middle == full  # M = 2.25 C makes (2+1)-D cost exactly the 3-D kernel
    assert pseudo * 27 == full * 12
    assert spatial * 3 == full


def test_r2plus1d_width_and_parameters() -> None:
    for channels, middle, parameters in (((64, 64), 144, 110592), ((64, 128), 230, 220800), ((3, 64), 23, None)):
        layer = build("conv2plus1d", in_channels=channels[0], out_channels=channels[1], bias=False)
        assert layer.middle_channels == middle
        full = build("conv3d", in_channels=channels[0], out_channels=channels[1], bias=False)
        count = sum(p.numel() for p in layer.parameters())
        assert count <= sum(p.numel() for p in full.parameters())
        assert parameters in (None, count)


def test_costs_add() -> None:
    one = Cost(
        parameters=1, forward_flops=2, useful_forward_flops=3, backward_flops=4, elementwise_flops=5, min_bytes=6
    )
    assert (one + one).model_dump() == {name: 2 * value for name, value in one.model_dump().items()}


def test_costs_need_no_memory() -> None:
    with torch.device("meta"):
        layer = build("joint_attention", channels=1152, heads=16)
    assert layer.cost((1, 30, 48, 80, 1152)).forward_flops == 4 * 115200**2 * 1152 + 8 * 115200 * 1152**2


def test_wrong_shapes_are_refused() -> None:
    for name, shape, said in (
        ("conv3d", (1, 3, 4, 4), "video_bcthw"),
        ("conv3d", (1, 4, 4, 4, 4), "built for 3 channels"),
        ("conv3d", (0, 3, 4, 4, 4), "no empty axis"),
    ):
        layer = build(name, in_channels=3, out_channels=3)
        with pytest.raises(UsageError, match=said):
            layer.cost(shape)
        with pytest.raises(UsageError, match=said):
            layer(torch.zeros(*shape))


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("conv4d", {}, "did you mean 'conv3d'"),
        ("conv3d", {"in_channels": 3}, "missing a required argument: 'out_channels'; it takes"),
        ("conv3d", {"in_channels": 3, "out_channels": 3, "stride": 2}, "'stride'"),
        ("conv3d", {"in_channels": 0, "out_channels": 3}, "at least 1"),
        ("conv3d", {"in_channels": 3.5, "out_channels": 3}, "whole number"),
        ("conv2plus1d", {"in_channels": 3, "out_channels": 3, "temporal_kernel": 2}, "odd size such as 1 or 3"),
        ("joint_attention", {"channels": 10, "heads": 4}, "do not split"),
        ("window_attention", {"channels": 8, "heads": 2, "window": [2, 2]}, "three extents"),
        ("window_attention", {"channels": 8, "heads": 2, "window": 4}, "three extents"),
    ],
)
def test_wrong_configurations_are_refused(name: str, config: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(name, **config)


def test_windows_must_divide_the_grid() -> None:
    layer = build("window_attention", channels=8, heads=2, window=[2, 3, 3])
    with pytest.raises(UsageError, match="does not divide the token grid"):
        layer.cost(TOKEN_SHAPE)


def test_the_zoo_holds_the_seven_layers() -> None:
    assert {*CONVOLUTIONS, *ATTENTIONS} <= set(LAYERS)
