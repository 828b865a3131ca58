"""Image kernels as video kernels: what equals what, and the ways in which it goes wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.inflation import Rule, inflate_, inflate_kernel
from vidgauge.reference_models.layers import build
from vidgauge.reference_models.layers.causal_conv3d import CausalConv3d
from vidgauge.reference_models.layers.conv2plus1d import Conv2Plus1d
from vidgauge.reference_models.layers.conv3d import Conv3d
from vidgauge.reference_models.layers.pseudo_conv3d import PseudoConv3d

KERNELS = (1, 3, 5)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Shapes are so small that a second thread only waits for the first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def image_layer(into: int = 3, out: int = 4, size: int = 3, **options: Any) -> nn.Conv2d:  # noqa: ANN401
    torch.manual_seed(0)
    return nn.Conv2d(into, out, size, **{"padding": size // 2} | options).double()


def video(frames: int = 6, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, channels, frames, 5, 7, generator=generator, dtype=torch.float64)


def per_frame(image: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """The image's layer on each frame by itself."""
    return torch.stack([image(frame) for frame in x.unbind(2)], dim=2)


def with_kernel(layer: Conv3d | CausalConv3d, image: nn.Conv2d, rule: Rule) -> Conv3d | CausalConv3d:
    """The layer with that kernel, whether or not it makes sense."""
    layer = layer.double()
    assert image.bias is not None
    kernel = inflate_kernel(image.weight.detach(), layer.kernel[0], rule)
    layer.load_state_dict({"convolution.weight": kernel, "convolution.bias": image.bias.detach()})
    return layer


def test_kernels_by_their_rules() -> None:
    kernel = torch.randn(4, 3, 5, 3, generator=torch.Generator().manual_seed(0))
    for frames in (1, 3, 5):
        for rule, at in (("central", frames // 2), ("last", frames - 1)):
            inflated = inflate_kernel(kernel, frames, rule)  # type: ignore[arg-type]  # a loop over literals is str
            assert inflated.shape == (4, 3, frames, 5, 3)
            assert torch.equal(inflated[:, :, at], kernel)
            assert inflated.count_nonzero() == kernel.count_nonzero()
        average = inflate_kernel(kernel, frames, "average")
        torch.testing.assert_close(average.sum(2), kernel)
        assert all(torch.equal(average[:, :, at], kernel / frames) for at in range(frames))
    assert torch.equal(inflate_kernel(kernel, 2, "last")[:, :, 1], kernel)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_kernels_keep_their_dtype(dtype: torch.dtype) -> None:
    kernel = torch.ones(1, 1, 3, 3, dtype=dtype)
    assert {inflate_kernel(kernel, 3, rule).dtype for rule in ("central", "last", "average")} == {dtype}


@pytest.mark.parametrize("frames", KERNELS)
def test_central_with_same_padding_is_the_images_layer_on_any_video(frames: int) -> None:
    image, layer = image_layer(), Conv3d(3, 4, temporal_kernel=frames).double()
    inflate_(layer, image, "central")
    torch.testing.assert_close(layer(video()), per_frame(image, video()))


@pytest.mark.parametrize("frames", KERNELS)
def test_last_with_causal_padding_is_the_images_layer_on_any_video(frames: int) -> None:
    image, layer = image_layer(), CausalConv3d(3, 4, temporal_kernel=frames).double()
    inflate_(layer, image, "last")
    torch.testing.assert_close(layer(video()), per_frame(image, video()))
    torch.testing.assert_close(layer(video(1)), per_frame(image, video(1)))


@pytest.mark.parametrize("frames", [3, 5])
def test_central_with_causal_padding_is_a_delay(frames: int) -> None:
    """A bug that was found in a public implementation: video comes out half a kernel late, its start is lost."""
    image = image_layer()
    layer = with_kernel(CausalConv3d(3, 4, temporal_kernel=frames), image, "central")
    late, assured = frames // 2, per_frame(image, video())
    out = layer(video())
    torch.testing.assert_close(out[:, :, late:], assured[:, :, :-late])
    assert image.bias is not None
    torch.testing.assert_close(out[:, :, :late], image.bias[:, None, None, None].expand_as(out[:, :, :late]))
    with pytest.raises(
        UsageError, match=f"put out every frame {late} late in CausalConv3d, whose padding needs 'last'"
    ):
        inflate_(CausalConv3d(3, 4, temporal_kernel=frames).double(), image, "central")


def test_last_with_same_padding_is_early() -> None:
    image = image_layer()
    out = with_kernel(Conv3d(3, 4), image, "last")(video())
    torch.testing.assert_close(out[:, :, :-1], per_frame(image, video())[:, :, 1:])
    with pytest.raises(UsageError, match="put out every frame 1 early in Conv3d, whose padding needs 'central'"):
        inflate_(Conv3d(3, 4).double(), image, "last")


@pytest.mark.parametrize("frames", [3, 5])
def test_average_is_the_images_layer_on_still_video_but_for_the_ends(frames: int) -> None:
    image, layer = image_layer(), Conv3d(3, 4, temporal_kernel=frames).double()
    inflate_(layer, image, "average")
    still = video(1).expand(-1, -1, 7, -1, -1)
    edge, assured, out = frames // 2, per_frame(image, still), layer(still)
    torch.testing.assert_close(out[:, :, edge:-edge], assured[:, :, edge:-edge])
    assert not torch.isclose(out[:, :, 0], assured[:, :, 0]).any()  # some of its taps fall on zeros
    assert not torch.isclose(out[:, :, -1], assured[:, :, -1]).any()
    replicated = functional.pad(still, (0, 0, 0, 0, edge, edge), mode="replicate")
    torch.testing.assert_close(layer(replicated)[:, :, edge:-edge], assured)
    moving = video(7)
    assert not torch.isclose(layer(moving), per_frame(image, moving)).any()


@pytest.mark.parametrize("name", ["conv2d", "spatial_conv", "conv3d", "causal_conv3d", "pseudo_conv3d"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last_3d"])
@pytest.mark.parametrize("bias", [True, False])
def test_every_layer_that_takes_an_images_kernel(name: str, layout: str, bias: bool) -> None:
    for size in KERNELS:
        image = image_layer(size=size, stride=(2, 1), bias=bias)
        layer = build(name, in_channels=3, out_channels=4, spatial_kernel=size, stride=[1, 2, 1], bias=bias).double()
        assert isinstance(layer, Convolution)
        layer.to_layout(layout)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.normal_()  # a trained layer is started anew as well
        before = [parameter.stride() for parameter in layer.parameters()]
        inflate_(layer, image, "last" if name == "causal_conv3d" else "central")
        assert [parameter.stride() for parameter in layer.parameters()] == before
        torch.testing.assert_close(layer(video()), per_frame(image, video()))


def test_groups_and_strides_along_time_too() -> None:
    image = image_layer(4, 6, groups=2, stride=2)
    for name, rule in (("conv3d", "central"), ("causal_conv3d", "last")):
        layer = build(name, in_channels=4, out_channels=6, groups=2, stride=[2, 2, 2]).double()
        assert isinstance(layer, Convolution)
        inflate_(layer, image, rule)  # type: ignore[arg-type]  # a loop over literals is str
        x = video(7, 4)
        torch.testing.assert_close(layer(x), per_frame(image, x[:, :, ::2]))


def test_same_and_valid_padding_by_name() -> None:
    inflate_(Conv3d(3, 4).double(), image_layer(padding="same"), "central")
    inflate_(Conv3d(3, 4, spatial_kernel=1).double(), image_layer(size=1, padding="valid"), "central")
    with pytest.raises(UsageError, match=r"padding of the image's layer: \(0, 0\); Conv3d needs \(1, 1\)"):
        inflate_(Conv3d(3, 4).double(), image_layer(padding="valid"), "central")


def test_a_pointwise_kernel_goes_into_a_temporal_convolution() -> None:
    image, layer = image_layer(size=1), build("temporal_conv", in_channels=3, out_channels=4).double()
    assert isinstance(layer, Convolution)
    inflate_(layer, image, "central")
    torch.testing.assert_close(layer(video()), per_frame(image, video()))


def test_a_dirac_delta_with_causal_padding_is_a_delay() -> None:
    """The identity with the same padding, a shift by half a kernel in a causal one, where the last tap is the frame."""
    kernel, x = torch.empty(3, 3, 3, 1, 1, dtype=torch.float64), video()
    nn.init.dirac_(kernel)
    same = functional.conv3d(x, kernel, padding=(1, 0, 0))
    assert torch.equal(same, x)
    causal = CausalConv3d(3, 3, spatial_kernel=1, bias=False).double()
    causal.load_state_dict({"convolution.weight": kernel})
    assert torch.equal(causal(x)[:, :, 1:], x[:, :, :-1])
    assert not causal(x)[:, :, 0].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"out": 5}, r"channels of the image's layer: \(3, 5\); Conv3d needs \(3, 4\)"),
        ({"size": 5}, r"kernel of the image's layer: \(5, 5\)"),
        ({"stride": 2}, "stride"),
        ({"padding": 0}, "padding"),
        ({"padding_mode": "replicate"}, "padding mode of the image's layer: replicate"),
        ({"dilation": 2}, "dilation"),
        ({"bias": False}, "bias of the image's layer: False"),
    ],
)
def test_an_images_layer_that_does_not_fit_is_refused(options: dict[str, Any], said: str) -> None:
    layer = Conv3d(3, 4).double()
    before = layer.convolution.weight.clone()
    with pytest.raises(UsageError, match=said):
        inflate_(layer, image_layer(**options), "central")
    assert torch.equal(layer.convolution.weight, before)


def test_other_refusals() -> None:
    with pytest.raises(UsageError, match=r"dtype of the image's layer: torch\.float64; Conv3d needs torch\.float32"):
        inflate_(Conv3d(3, 4), image_layer(), "central")
    with pytest.raises(UsageError, match="groups of the image's layer: 1; Conv3d needs 3"):
        inflate_(Conv3d(3, 6, groups=3).double(), image_layer(out=6), "central")
    with pytest.raises(UsageError, match="Conv2Plus1d has no place for an image's kernel"):
        inflate_(Conv2Plus1d(3, 4).double(), image_layer(), "central")
    with pytest.raises(UsageError, match="rule is 'first'; choose one of central, last, average"):
        inflate_(PseudoConv3d(3, 4).double(), image_layer(), "first")  # type: ignore[arg-type]  # the point of it
    with pytest.raises(UsageError, match="a kernel of 4 frames has no middle"):
        inflate_kernel(torch.ones(1, 1, 3, 3), 4, "central")
    with pytest.raises(UsageError, match="frames is 0"):
        inflate_kernel(torch.ones(1, 1, 3, 3), 0, "last")
