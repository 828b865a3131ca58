"""What each convolution gives, against one written as a sum over taps, in every execution, layout, stride and group."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.nn import functional

from vidgauge.bench.modes import OperatorMode
from vidgauge.errors import UsageError
from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.factorised_convolution import FactorisedConvolution
from vidgauge.reference_models.layers import build
from vidgauge.reference_models.layers.causal_conv3d import CausalConv3d
from vidgauge.reference_models.layers.conv2d import Conv2d
from vidgauge.reference_models.layers.conv2plus1d import Conv2Plus1d
from vidgauge.reference_models.layers.conv3d import Conv3d
from vidgauge.reference_models.layers.pseudo_conv3d import PseudoConv3d
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layers.temporal_conv import TemporalConv
from vidgauge.reference_models.layouts import LAYOUTS, layout_of

SINGLE = ("conv2d", "conv3d", "spatial_conv", "temporal_conv", "causal_conv3d")
FACTORISED = ("conv2plus1d", "pseudo_conv3d")
EXECUTIONS = ("conv3d", "conv2d_conv1d")
Config = dict[str, Any]


def settings(name: str) -> list[Config]:
    """Kernels small and large, with and without strides, along the axes that the operator has."""
    if name == "temporal_conv":
        return [{}, {"temporal_kernel": 7}, {"stride": [2, 1, 1], "temporal_kernel": 5}]
    if name in ("conv2d", "spatial_conv"):
        return [{}, {"stride": [1, 2, 2]}, {"stride": [1, 3, 1], "spatial_kernel": 5}]
    thin, flat = {"spatial_kernel": 1, "temporal_kernel": 5}, {"spatial_kernel": 5, "temporal_kernel": 1}
    return [{}, {"stride": [2, 2, 2]}, {"stride": [2, 1, 3], **thin}, flat]


def cases() -> Iterable[tuple[str, Config]]:
    for name in SINGLE:
        for setting in settings(name):
            yield name, {"in_channels": 3, "out_channels": 5, **setting}
        yield name, {"in_channels": 4, "out_channels": 6, "groups": 2, "bias": False}
        yield name, {"in_channels": 3, "out_channels": 6, "groups": 3, **settings(name)[1]}  # depthwise
        yield name, {"in_channels": 1, "out_channels": 3}
    for name, execution in itertools.product(FACTORISED, EXECUTIONS):
        for setting in settings(name):
            yield name, {"in_channels": 3, "out_channels": 5, "execution": execution, **setting}
        yield name, {"in_channels": 1, "out_channels": 1, "bias": False, "execution": execution}


CASES = list(cases())


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Shapes are so small that a second thread only waits for the first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(name: str, **config: Any) -> Convolution:  # noqa: ANN401 - numbers and lists, as in a suite's file
    """A layer with weights from a seed, the Dirac delta of pseudo_conv3d overwritten as well."""
    layer = build(name, **config).double()
    assert isinstance(layer, Convolution)
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return layer


def video(channels: int, *extents: int, batch: int = 2) -> torch.Tensor:
    """(B, C, T, H, W) float64 from a seed."""
    grid = extents or (5, 4, 7)
    return torch.randn(batch, channels, *grid, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def sum_over_taps(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    *,
    groups: int = 1,
    causal: bool = False,
) -> torch.Tensor:
    """A convolution by its definition: one product of matrices for each tap, on a clip padded with zeros."""
    size = weight.shape[2:]
    time, height, width = ((extent // 2, extent // 2) for extent in size)
    time = (size[0] - 1, 0) if causal else time
    padded = functional.pad(x, (*width, *height, *time))
    outputs = [(whole - extent) // step + 1 for whole, extent, step in zip(padded.shape[2:], size, stride, strict=True)]
    padded = padded.reshape(len(x), groups, -1, *padded.shape[2:])
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    total = x.new_zeros(())
    for tap in itertools.product(*map(range, size)):
        t, h, w = (slice(at, at + step * (n - 1) + 1, step) for at, step, n in zip(tap, stride, outputs, strict=True))
        total = total + torch.einsum("bgithw,goi->bgothw", padded[..., t, h, w], weight[..., tap[0], tap[1], tap[2]])
    out: torch.Tensor = total.flatten(1, 2)
    return out if bias is None else out + bias[:, None, None, None]


def expected(
    name: str, config: Mapping[str, Any], weights: Mapping[str, torch.Tensor], x: torch.Tensor
) -> torch.Tensor:
    """What the operator is, on any weights."""
    stride = config.get("stride", [1, 1, 1])
    if name in FACTORISED:
        middle = sum_over_taps(x, weights["space.weight"], weights.get("space.bias"), [1, *stride[1:]])
        middle = middle.clamp(min=0) if name == "conv2plus1d" else middle
        return sum_over_taps(middle, weights["time.weight"], weights.get("time.bias"), [stride[0], 1, 1])
    weight = weights["convolution.weight"]
    weight = weight[:, :, None] if name == "conv2d" else weight
    groups, causal = config.get("groups", 1), name == "causal_conv3d"
    return sum_over_taps(x, weight, weights.get("convolution.bias"), stride, groups=groups, causal=causal)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "config"), CASES)
def test_values_and_gradients_equal_a_sum_over_taps(name: str, config: Config, layout: str) -> None:
    layer = make(name, **config).to_layout(layout)
    x = video(config["in_channels"]).to(memory_format=LAYOUTS[layout]).requires_grad_()
    theirs = {key: value.detach().clone().requires_grad_() for key, value in layer.named_parameters()}
    their_x = x.detach().clone().requires_grad_()
    ours, reference = layer(x), expected(name, config, theirs, their_x)
    torch.testing.assert_close(ours, reference)
    weights = torch.randn(reference.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    our_gradients = torch.autograd.grad(ours, (x, *layer.parameters()), weights)
    their_gradients = torch.autograd.grad(reference, (their_x, *theirs.values()), weights)
    torch.testing.assert_close(our_gradients, their_gradients)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "config"), CASES)
def test_single_precision_too_whichever_kernel_torch_takes(name: str, config: Config, layout: str, batch: int) -> None:
    """One clip and several, float32 and float64 go to different kernels of torch."""
    layer, x = make(name, **config), video(config["in_channels"], batch=batch)
    reference = expected(name, config, dict(layer.named_parameters()), x)
    with torch.inference_mode():
        out = layer.float().to_layout(layout)(x.float().to(memory_format=LAYOUTS[layout]))
    torch.testing.assert_close(out.double(), reference.detach(), rtol=1e-4, atol=1e-4)
    assert out.is_contiguous(memory_format=LAYOUTS[layout])


@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 5, 2), (3, 1, 1), (2, 2, 2)])
@pytest.mark.parametrize("name", [*SINGLE, *FACTORISED])
def test_extents_below_the_kernel(name: str, grid: tuple[int, int, int]) -> None:
    for execution in EXECUTIONS if name in FACTORISED else (None,):
        config: Config = {"in_channels": 2, "out_channels": 3} | settings(name)[-1]
        layer = make(name, **config, **({"execution": execution} if execution else {}))
        x = video(2, *grid)
        torch.testing.assert_close(layer(x), expected(name, config, dict(layer.named_parameters()), x))


@pytest.mark.parametrize("name", [*SINGLE, *FACTORISED])
def test_gradients_by_differences(name: str) -> None:
    layer, x = make(name, in_channels=2, out_channels=2), video(2, 2, 2, 3, batch=1).requires_grad_()
    parameters = dict(layer.named_parameters())

    def call(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), (x,))
        return out

    assert torch.autograd.gradcheck(call, (x, *parameters.values()))


@pytest.mark.parametrize("name", FACTORISED)
def test_executions_share_their_parameters(name: str) -> None:
    ways = {"conv2plus1d": Conv2Plus1d, "pseudo_conv3d": PseudoConv3d}[name].executions()
    layers = [make(name, in_channels=3, out_channels=4, **way) for way in ways]
    default = build(name, in_channels=3, out_channels=4)
    assert isinstance(default, FactorisedConvolution)
    assert default.execution == ways[0]["execution"]
    first, second = (layer.state_dict() for layer in layers)
    assert {key: value.shape for key, value in first.items()} == {key: value.shape for key, value in second.items()}
    layers[1].load_state_dict(first)
    torch.testing.assert_close(layers[0](video(3)), layers[1](video(3)))


class Copied(OperatorMode):
    """Shapes of the tensors that clone, _to_copy, copy_ and the like gave."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        out = func(*args, **kwargs)
        if any(word in str(func) for word in ("clone", "copy", "pad", "cat")):
            self.shapes.append(tuple(out.shape))
        return out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folding_frames_is_a_view_with_channels_last(layout: str) -> None:
    x = video(4, batch=3).float().to(memory_format=LAYOUTS[layout])
    copies = {}
    for name in ("conv2d", "conv2plus1d", "pseudo_conv3d"):
        way = {"execution": "conv2d_conv1d"} if name in FACTORISED else {}
        layer = build(name, in_channels=4, out_channels=6, **way).to_layout(layout)
        with torch.no_grad(), Copied() as copied:
            layer(x)
        copies[name] = len(copied.shapes)
    last = layout == "channels_last_3d"
    assert copies == {"conv2d": 0 if last else 2} | dict.fromkeys(FACTORISED, 2 if last else 3)


def test_layouts_are_told_apart_by_one_channel_too() -> None:
    for layout, memory_format in LAYOUTS.items():
        for channels, frames in ((3, 5), (1, 5), (3, 1)):
            x = video(channels, frames, 4, 4).to(memory_format=memory_format)
            assert layout_of(x) == memory_format, layout
    strip = video(1, 5, 4, 4).to(memory_format=torch.channels_last_3d)
    assert layout_of(strip.repeat(1, 1, 1, 1, 2)[..., ::2]) == torch.contiguous_format


def seen_frames(layer: Convolution, frames: int) -> list[set[int]]:
    """Input frames on which each output frame depends, by gradient; checked by perturbation as well."""
    x = video(layer.in_channels, frames, 4, 4, batch=1).requires_grad_()
    out = layer(x)
    seen = []
    for frame in range(out.shape[2]):
        (gradient,) = torch.autograd.grad(out[:, :, frame].sum(), x, retain_graph=True)
        seen.append({at for at in range(frames) if gradient[:, :, at].any()})
    with torch.no_grad():
        for at in range(frames):
            changed = x.clone()
            changed[:, :, at] += 1
            moved = (layer(changed) != out).transpose(0, 2).flatten(1).any(1)
            assert moved.tolist() == [at in frames_seen for frames_seen in seen]
    return seen


@pytest.mark.parametrize(("kernel", "step"), [(3, 1), (5, 1), (3, 2), (5, 3), (1, 2)])
def test_causal_frames_see_none_that_follow(kernel: int, step: int) -> None:
    layer = make("causal_conv3d", in_channels=2, out_channels=3, temporal_kernel=kernel, stride=[step, 1, 1])
    for frame, seen in enumerate(seen_frames(layer, 7)):
        now = step * frame
        assert seen == set(range(max(0, now - kernel + 1), now + 1))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_causal_clips_of_a_first_frame_and_runs(kernel: int, step: int) -> None:
    layer = make("causal_conv3d", in_channels=2, out_channels=2, temporal_kernel=kernel, stride=[step, 2, 2])
    whole = layer(video(2, 1 + 3 * step, 4, 4))
    assert whole.shape == (2, 2, 4, 2, 2)  # 1 + 3 frames
    alone = layer(video(2, 1 + 3 * step, 4, 4)[:, :, :1])
    assert alone.shape == (2, 2, 1, 2, 2)  # an image is a clip of one frame
    torch.testing.assert_close(alone, whole[:, :, :1])


@pytest.mark.parametrize("name", ["conv3d", *FACTORISED, "temporal_conv"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_frames_see_half_a_kernel_to_each_side(name: str, kernel: int) -> None:
    layer = make(name, in_channels=2, out_channels=3, temporal_kernel=kernel)
    for frame, seen in enumerate(seen_frames(layer, 7)):
        assert seen == set(range(max(0, frame - kernel // 2), min(7, frame + kernel // 2 + 1)))


@pytest.mark.parametrize("name", ["conv2d", "spatial_conv"])
def test_frames_do_not_mix(name: str) -> None:
    layer = make(name, in_channels=2, out_channels=3)
    assert seen_frames(layer, 4) == [{0}, {1}, {2}, {3}]
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(layer(video(2, 4, 4, 4)[:, :, order]), layer(video(2, 4, 4, 4))[:, :, order])


def test_places_do_not_mix_in_a_temporal_convolution() -> None:
    layer = make("temporal_conv", in_channels=2, out_channels=3)
    x = video(2)
    changed = x.clone()
    changed[:, :, :, 1, 2] += 1
    moved = (layer(x) != layer(changed)).flatten(0, 2).any(0)
    assert moved.nonzero().tolist() == [[1, 2]]


def test_channels_of_other_groups_do_not_mix() -> None:
    for name in SINGLE:
        layer, x = make(name, in_channels=4, out_channels=6, groups=2), video(4)
        changed = x.clone()
        changed[:, 3] += 1
        moved = (layer(x) != layer(changed)).transpose(0, 1).flatten(1).any(1)
        assert moved.tolist() == [False] * 3 + [True] * 3


def test_conv2d_is_an_images_convolution_and_spatial_conv_a_thin_kernel() -> None:
    image, thin = Conv2d(3, 5).double(), SpatialConv(3, 5).double()
    assert type(image.convolution) is torch.nn.Conv2d
    thin.load_state_dict(
        {key: value[:, :, None] if value.ndim == 4 else value for key, value in image.state_dict().items()}
    )
    torch.testing.assert_close(image(video(3)), thin(video(3)))


def test_causal_and_full_convolution_differ_by_a_delay_of_half_a_kernel() -> None:
    full, causal = Conv3d(3, 4).double(), CausalConv3d(3, 4).double()
    causal.load_state_dict(full.state_dict())
    torch.testing.assert_close(causal(video(3))[:, :, 1:], full(video(3))[:, :, :-1])


def test_a_new_pseudo_convolution_is_its_2d_half() -> None:
    for kernel, way in itertools.product((1, 3, 7), EXECUTIONS):
        layer = PseudoConv3d(3, 5, temporal_kernel=kernel, execution=way).double()
        frames = [
            functional.conv2d(frame, layer.space.weight[:, :, 0], layer.space.bias, padding=1)
            for frame in video(3).unbind(2)
        ]
        torch.testing.assert_close(layer(video(3)), torch.stack(frames, 2))


def test_the_seven_differ_where_they_may() -> None:
    """Each of the seven is its own operator: on equal random input no two agree, but for the two per-frame ones."""
    torch.manual_seed(0)
    built = {name: make(name, in_channels=3, out_channels=3) for name in (*SINGLE, *FACTORISED)}
    outputs = {name: layer(video(3)) for name, layer in built.items()}
    same = {pair for pair in itertools.combinations(outputs, 2) if torch.allclose(*(outputs[name] for name in pair))}
    assert same == {("conv2d", "spatial_conv")}


@pytest.mark.parametrize(
    ("layer", "config", "said"),
    [
        (Conv3d, {"spatial_kernel": 2}, "spatial_kernel is 2; same padding needs an odd size such as 1 or 3"),
        (CausalConv3d, {"temporal_kernel": 4}, "temporal_kernel is 4"),
        (Conv2Plus1d, {"temporal_kernel": 2}, "temporal_kernel is 2"),
        (Conv2Plus1d, {"spatial_kernel": 0}, "spatial_kernel is 0; it must be a whole number of at least 1"),
        (Conv3d, {"in_channels": 3.5}, "in_channels is 3.5; it must be a whole number"),
        (PseudoConv3d, {"out_channels": 0}, "out_channels is 0"),
        (Conv3d, {"groups": 2}, "2 groups do not divide 3 channels in and 4 out; choose a divisor of both"),
        (Conv3d, {"groups": 0}, "groups is 0"),
        (Conv3d, {"stride": 2}, "stride is 2; it must be 3 whole numbers: time, height, width"),
        (Conv3d, {"stride": [1, 2]}, "it must be 3 whole numbers"),
        (Conv3d, {"stride": [1, 2, 0]}, "stride_width is 0"),
        (Conv2d, {"stride": [2, 1, 1]}, "but Conv2d mixes nothing along time: use 1 there"),
        (SpatialConv, {"stride": [2, 1, 1]}, "along time"),
        (TemporalConv, {"stride": [1, 2, 1]}, "along height and width"),
        (PseudoConv3d, {"execution": "conv4d"}, "execution is 'conv4d'; choose one of conv2d_conv1d, conv3d"),
    ],
)
def test_wrong_configurations_are_refused_in_a_line(layer: type[Convolution], config: Config, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        layer(**{"in_channels": 3, "out_channels": 4, **config})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [*SINGLE, *FACTORISED])
@pytest.mark.parametrize(
    ("shape", "said"),
    [((1, 3, 4, 4), "video_bcthw"), ((1, 4, 4, 4, 4), "built for 3 channels"), ((0, 3, 4, 4, 4), "no empty axis")],
)
def test_wrong_shapes_are_refused(name: str, shape: tuple[int, ...], said: str) -> None:
    layer = build(name, in_channels=3, out_channels=3)
    for call in (layer.cost, lambda given: layer(torch.zeros(*given))):
        with pytest.raises(UsageError, match=said):
            call(shape)
