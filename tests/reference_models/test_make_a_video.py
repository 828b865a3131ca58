"""The networks of Make-A-Video: they start as image models, frames stay apart where they should, sizes are unCLIP's."""

from collections.abc import Sequence

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.reference_models.make_a_video.frames import blended
from vidgauge.reference_models.make_a_video.networks import (
    Decoder,
    Interpolator,
    PseudoUNet,
    Size,
    SuperResolution,
    inflate,
)
from vidgauge.reference_models.make_a_video.prior import Prior, PriorSize
from vidgauge.reference_models.make_a_video.pseudo import ContextAttention, PseudoConv, TimeSwitch
from vidgauge.reference_models.systems import SYSTEMS

SIZE = Size((3, 4, 4), 8, (1, 1.5), 1, attention=(1,), head_channels=4, dimension=8, max_frames=4)
IMAGES = Size((3, 4, 4), 8, (1, 1.5), 1, attention=(1,), head_channels=4, dimension=8, max_frames=4, over_time=False)
ENLARGING = Size((3, 8, 8), 8, (1, 1.5), 1, over_time=False)
TOLD, IMAGE, FPS = torch.tensor([7, 900]), torch.randn(2, 8), torch.tensor([1.0, 8.0])
VIDEO, LOW = torch.randn(2, 3, 3, 4, 4), torch.randn(2, 3, 3, 2, 2)


def learnt(network: nn.Module) -> nn.Module:
    """With no weight at zero, nor at the identity."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network


def per_frame(network: nn.Module, *frames_and_more: torch.Tensor) -> torch.Tensor:
    """A network for each frame of its first input, and of others that are videos."""
    frames = range(frames_and_more[0].shape[2])
    given = [[x[:, :, t : t + 1] if x.ndim == 5 else x for x in frames_and_more] for t in frames]
    return torch.cat([network(*one) for one in given], 2)


def seen(network: nn.Module, inputs: Sequence[torch.Tensor], frame: int, which: int = 0, **switch: bool) -> list[bool]:
    """Whether a frame of the output depends on each frame of an input: by its gradient."""
    inputs = list(inputs)
    inputs[which] = inputs[which].clone().requires_grad_()
    network(*inputs, **switch)[:, :, frame].square().sum().backward()
    gradient = inputs[which].grad
    assert gradient is not None
    return [bool(gradient[:, :, t].any()) for t in range(gradient.shape[2])]


@pytest.mark.parametrize("fps", [1.0, 30.0])
def test_an_inflated_decoder_is_the_image_decoder_on_each_frame_at_every_frame_rate(fps: float) -> None:
    image_model = learnt(Decoder(IMAGES))
    assert isinstance(image_model, Decoder)
    video_model, fps_b = inflate(image_model), torch.full((2,), fps)
    expected = per_frame(image_model, VIDEO, TOLD, IMAGE)
    torch.testing.assert_close(video_model(VIDEO, TOLD, IMAGE, fps_b), expected, atol=1e-5, rtol=1e-4)
    assert video_model.image_parameters() == sum(weight.numel() for weight in image_model.parameters())


def test_an_inflated_super_resolution_network_is_the_one_for_images_on_each_frame() -> None:
    image_model = learnt(SuperResolution(ENLARGING))
    assert isinstance(image_model, SuperResolution)
    z = torch.randn(2, 3, 3, 8, 8)
    expected = per_frame(image_model, z, TOLD, LOW)
    torch.testing.assert_close(inflate(image_model)(z, TOLD, LOW), expected, atol=1e-5, rtol=1e-4)


def test_without_time_a_trained_video_model_still_is_its_image_model() -> None:
    image_model = learnt(Decoder(IMAGES))
    assert isinstance(image_model, Decoder)
    video_model = inflate(image_model)
    weights = video_model.state_dict().items()
    spatial = {name: weight.clone() for name, weight in weights if ".time." not in name and "over_time" not in name}
    learnt(video_model)
    video_model.load_state_dict(spatial, strict=False)
    expected = per_frame(image_model, VIDEO, TOLD, IMAGE)
    without = video_model(VIDEO, TOLD, IMAGE, FPS, enable_time=False)
    torch.testing.assert_close(without, expected, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(video_model(VIDEO, TOLD, IMAGE, FPS), expected, atol=1e-3)
    assert video_model.time.on  # the switch is back
    video_model.restart_time()
    video_model.fps = None
    torch.testing.assert_close(video_model(VIDEO, TOLD, IMAGE), expected, atol=1e-5, rtol=1e-4)


def test_frames_see_each_other_over_time_alone() -> None:
    """By gradients, also of what the networks are conditioned on."""
    decoder, enlarging = learnt(Decoder(SIZE)), learnt(SuperResolution(Size((3, 4, 4), 8, (1, 1), 1)))
    filling, still = learnt(Interpolator(SIZE)), learnt(SuperResolution(ENLARGING))
    given, low = (VIDEO, TOLD, IMAGE, FPS), (VIDEO, TOLD, LOW)
    known = (*given, VIDEO, torch.tensor([[1.0, 1, 1]] * 2), torch.full((2,), 5.0))
    ends = (*given, VIDEO, torch.tensor([[1.0, 0, 1]] * 2), torch.full((2,), 2.0))
    assert seen(filling, ends, 1, 4, enable_time=False) == [False] * 3  # a frame that is not known is not looked at
    for network, inputs, which in [(decoder, given, 0), (enlarging, low, 0), (enlarging, low, 2), (filling, known, 4)]:
        assert seen(network, inputs, 1, which) == [True] * 3
        assert seen(network, inputs, 1, which, enable_time=False) == [False, True, False]
    assert seen(still, low, 1) == seen(still, low, 1, 2) == [False, True, False]


def test_a_new_pseudo_convolution_is_its_first_half() -> None:
    switch = TimeSwitch()
    layer, video = PseudoConv(3, 5, switch), torch.randn(2, 3, 4, 6, 6)
    kernel = layer.space.weight[:, :, 0]
    images = [functional.conv2d(frame, kernel, layer.space.bias, padding=1) for frame in video.unbind(2)]
    expected = torch.stack(images, 2)
    torch.testing.assert_close(layer(video), expected)
    learnt(layer.time)
    with switch.set(False):
        torch.testing.assert_close(layer(video), expected)
        assert layer.cost(video.shape).forward_flops == 2 * 9 * 3 * 5 * 2 * 4 * 36
    assert layer.cost(video.shape).forward_flops == (2 * 9 * 3 * 5 + 2 * 3 * 5 * 5) * 2 * 4 * 36


def test_attention_sees_its_own_frame_and_the_context() -> None:
    layer = ContextAttention(8, 2, 5, context_tokens=4).double()
    tokens = torch.randn(2, 3, 2, 2, 8, dtype=torch.float64)
    context = torch.randn(2, 4, 5, dtype=torch.float64)
    out = layer(tokens, context)
    for clip in range(2):
        for frame in range(3):
            own = tokens[clip, frame].reshape(4, 8)
            query = layer.project_query(own).view(4, 2, 4)
            both = torch.cat([layer.project_context(context[clip]), layer.project_own(own)]).view(8, 2, 2, 4)
            weights = torch.einsum("qhd,khd->hqk", query, both[:, 0]).div(2).softmax(-1)
            mixed = torch.einsum("hqk,khd->qhd", weights, both[:, 1]).reshape(4, 8)
            torch.testing.assert_close(out[clip, frame].reshape(4, 8), layer.project_out(mixed))


def test_the_interpolation_network_starts_as_the_decoder_whatever_is_known() -> None:
    decoder = learnt(Decoder(SIZE))
    filling = learnt(Interpolator(SIZE))
    assert isinstance(decoder, Decoder)
    assert isinstance(filling, Interpolator)
    filling.start_from(decoder)
    mask = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    out = filling(VIDEO, TOLD, IMAGE, FPS, VIDEO, mask, torch.tensor([2.0, 16.0]))
    torch.testing.assert_close(out - blended(VIDEO, mask), decoder(VIDEO, TOLD, IMAGE, FPS), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(out[1], decoder(VIDEO, TOLD, IMAGE, FPS)[1])  # where no frame is known


def test_what_is_not_known_is_not_looked_at() -> None:
    filling, mask = learnt(Interpolator(SIZE)), torch.tensor([[1.0, 0, 0], [1, 0, 1]])
    other = torch.where(mask[:, None, :, None, None] == 1, VIDEO, 99.0)
    given = [(VIDEO, TOLD, IMAGE, FPS, known, mask, torch.tensor([3.0, 2.0])) for known in (VIDEO, other)]
    torch.testing.assert_close(filling(*given[0]), filling(*given[1]))


def test_the_prior_reads_all_that_it_is_given() -> None:
    prior = learnt(Prior(PriorSize(dimension=6, width=8, layers=2, heads=2, text_channels=5, context=7)))
    z, words = torch.randn(2, 1, 1, 1, 6), torch.randn(2, 3, 5)
    caption = torch.randn(2, 6)
    out = prior(z, TOLD, words, caption)
    assert out.shape == z.shape
    for changed in [(z + 1, TOLD, words, caption), (z, TOLD + 9, words, caption), (z, TOLD, words, caption + 1)]:
        assert not torch.allclose(prior(*changed), out, atol=1e-4)
    assert not torch.allclose(prior(z, TOLD, words.flip(1), caption), out, atol=1e-4)  # their order counts


def test_known_frames_are_blended_by_distance() -> None:
    ramp = torch.arange(6.0)[None, None, :, None, None].expand(5, 3, 6, 2, 2) ** 2
    masks = torch.tensor([[1.0, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0], [1] * 6, [0] * 6, [1, 0, 0, 0, 0, 0]])
    out = blended(torch.where(masks[:, None, :, None, None] > 0, ramp, -7.0), masks)
    assert torch.equal(out, out[:, :1, :, :1, :1].expand_as(out))
    expected = [[0, 5, 10, 15, 20, 25], [1, 1, 5, 9, 9, 9], [0, 1, 4, 9, 16, 25], [0] * 6, [0] * 6]
    torch.testing.assert_close(out[:, 0, :, 0, 0], torch.tensor(expected, dtype=torch.float32))


COUNTS = {
    "prior": (1_225_917_440, None),
    "decoder": (2_802_636_961, 2_118_353_923),
    "interpolation": (2_807_902_369, 2_118_372_355),
    "ssr1": (905_173_153, 729_702_083),
    "ssr2": (282_059_139, 282_059_139),
}
COMPUTED = {  # with unCLIP's shapes: all, and without layers over time
    "prior": (1.21e9, None),
    "decoder": (2751e6, 2098e6),
    "interpolation": (2751e6, 2098e6),
    "ssr1": (895e6, 730e6),
    "ssr2": (282e6, 282e6),
}


@pytest.mark.parametrize("role", COUNTS)
def test_sizes_at_the_papers_scale(role: str) -> None:
    preset = SYSTEMS[f"make-a-video/{role}"]
    with torch.device("meta"):
        network = preset.make()
    counted = sum(weight.numel() for weight in network.parameters())
    spatial = network.image_parameters() if isinstance(network, PseudoUNet) else None
    assert (counted, spatial) == COUNTS[role]
    assert preset.stated is not None
    assert preset.stated.certainty == "inherited"
    for ours, computed in zip(COUNTS[role], COMPUTED[role], strict=True):
        if ours is not None and computed is not None:
            assert ours == pytest.approx(computed, rel=0.021)


@pytest.mark.parametrize("role", COUNTS)
def test_costs_are_those_that_torch_counts(role: str) -> None:
    with torch.device("meta"):
        network = SYSTEMS[f"make-a-video/tiny-{role}"].make()
    shape, generator = network.input_shape(), torch.Generator().manual_seed(0)
    inputs = [given.to("meta") for given in (torch.randn(shape), *network.more_inputs(shape, generator))]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert network(*inputs).shape == shape
    assert network.cost(shape).forward_flops == counter.get_total_flops()
