"""The networks of Align your Latents: sizes, what temporal layers change, and whom frames see."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.errors import UsageError
from vidgauge.reference_models.pattern import within
from vidgauge.reference_models.systems import SYSTEMS, build_network
from vidgauge.reference_models.systems.video_ldm import LatentUNet, MaskedVideoLdm, Upscaler, VideoLdm
from vidgauge.reference_models.video_ldm.given import Call, Given, Words
from vidgauge.reference_models.video_ldm.masks import conditioning, first_frames
from vidgauge.reference_models.video_ldm.sizes import Size
from vidgauge.reference_models.video_ldm.temporal import TemporalLayer, TemporalTransformer
from vidgauge.reference_models.video_ldm.weights import (
    freeze_image_model,
    image_weights,
    is_temporal,
    take_image_weights,
    take_temporal_weights,
    temporal_weights,
)

FRAMES = 3
SIZE = Size(
    grid=(FRAMES, 4, 4), channels=2, base=8, multipliers=(1, 2), blocks=1, attention_at=(1,), heads=2, text_channels=6
)
IMAGE = Call(temporal=False)
# Parameters of the image model and of the temporal layers: to the digit, and as the paper states them, in millions.
PAPER = {
    "sd1.4": (859_520_964, 649_687_078, 860, 649),
    "sd2.1": (865_910_724, 656_076_838, 865, 656),
    "interpolation": (859_520_964, 649_687_078 + 160_552, 860, 649),
    "upscaler": (473_398_020, 443_096_870, 473, 449),
}


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def randomised(network: LatentUNet, *, temporal: bool = True, seed: int = 0) -> LatentUNet:
    """The network in float64 with no branch of zeros, or none in its image model."""
    generator, network = torch.Generator().manual_seed(seed), network.double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if temporal or not is_temporal(name):
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def given(batch: int = 1, frames: int = FRAMES, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    return drawn(batch, 2, frames, 4, 4, seed=seed), torch.arange(batch) * 300 + 7, drawn(batch, 4, 6, seed=seed + 1)


def layers(network: nn.Module) -> list[TemporalLayer]:
    return [module for module in network.modules() if isinstance(module, TemporalLayer)]


def seen(network: LatentUNet, call: Call) -> Tensor:
    """(T, T) bool: whether the gradient of an output frame (first) reaches an input frame (second)."""
    z, step, text = given()
    z.requires_grad_()
    out = network(z, step, text, call)
    rows = []
    for frame in range(FRAMES):
        (gradient,) = torch.autograd.grad(out[:, :, frame].square().sum(), z, retain_graph=True)
        rows.append(gradient.abs().amax((0, 1, 3, 4)) > 0)
    return torch.stack(rows)


@pytest.mark.long
@pytest.mark.parametrize("name", PAPER)
def test_the_papers_networks_have_their_sizes(name: str) -> None:
    image, temporal, stated_image, stated_temporal = PAPER[name]
    network = build_network(f"video-ldm/{name}", device="meta")
    assert sum(x.numel() for x in image_weights(network).values()) == image
    assert sum(x.numel() for x in temporal_weights(network).values()) == temporal
    assert abs(image / 1e6 - stated_image) < 1
    assert abs(temporal / 1e6 - stated_temporal) < (6 if name == "upscaler" else 1.1)
    stated = SYSTEMS[f"video-ldm/{name}"].stated
    assert stated is not None
    assert stated.parameters == (stated_image + stated_temporal) * 1e6
    # 2 x 4 blocks down, 2 in the middle, 3 x 4 up; transformers at three of the four resolutions and in the middle.
    assert len(layers(network)) == 22 + 16


def test_the_small_network_has_its_size() -> None:
    network = build_network("video-ldm/small", device="meta")
    assert sum(x.numel() for x in image_weights(network).values()) / 1e6 == pytest.approx(7.0, abs=0.05)
    assert sum(x.numel() for x in temporal_weights(network).values()) / 1e6 == pytest.approx(4.2, abs=0.05)


@pytest.mark.parametrize("make", [lambda: MaskedVideoLdm(SIZE, regimes=2), lambda: Upscaler(SIZE)])
def test_a_network_gives_what_it_takes_at_the_cost_it_says(make: Callable[[], LatentUNet]) -> None:
    with torch.device("meta"):
        network = make()
    shape = network.input_shape(2)
    inputs = [x.to("meta") for x in network.more_inputs(shape, torch.Generator())]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert network(torch.empty(shape, device="meta"), *inputs).shape == shape
    assert network.cost(shape).forward_flops == counter.get_total_flops()
    assert network.cost(shape).parameters == sum(x.numel() for x in network.parameters())


def test_where_alpha_is_1_it_is_the_image_model_on_each_frame() -> None:
    network, inputs = randomised(VideoLdm(SIZE)), given(2)
    image = VideoLdm(SIZE, temporal=False).double()
    take_image_weights(image, image_weights(network))
    assert not torch.allclose(network(*inputs), network(*inputs, IMAGE))
    for layer in layers(network):
        layer.mixing.data.fill_(math.inf)
    assert torch.equal(network(*inputs), network(*inputs, IMAGE))
    assert torch.equal(network(*inputs), image(*inputs))
    z, step, text = inputs
    frames = [image(z[:, :, [frame]], step, text) for frame in range(FRAMES)]
    torch.testing.assert_close(image(*inputs), torch.cat(frames, 2), rtol=0, atol=1e-12)


def test_new_temporal_layers_change_nothing_and_learn_at_once() -> None:
    network, inputs = randomised(VideoLdm(SIZE), temporal=False), given(2)
    out = network(*inputs)
    assert torch.equal(out, network(*inputs, IMAGE))
    (out - 1).square().sum().backward()
    live = {name for name, x in network.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
    last = ("convolution_out.convolution", "position.2", "feed_in.project_out", "first.project_out", "text.project_out",
            "feed.project_out")  # fmt: skip
    lasts = {name for name in temporal_weights(network) if name.rpartition(".")[0].endswith(last)}
    assert len(lasts) == 2 * (8 + 5 * 4)  # residual blocks, and transformers, of this size
    assert {name for name in live if is_temporal(name)} == lasts


def test_training_leaves_the_image_model_bit_for_bit() -> None:
    network, inputs = randomised(VideoLdm(SIZE), temporal=False), given(2)
    freeze_image_model(network)
    before = {name: tensor.clone() for name, tensor in image_weights(network).items()}
    unmoved = set(temporal_weights(network))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(4):
        optimizer.zero_grad()
        (network(*inputs) - 1).square().sum().backward()
        unmoved -= {name for name, x in network.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
        optimizer.step()
    assert not unmoved  # mixing factors are among the others
    assert all(torch.equal(tensor, before[name]) for name, tensor in image_weights(network).items())
    assert all((x.grad is None) == (not is_temporal(name)) for name, x in network.named_parameters())


def test_whom_frames_see() -> None:
    network = randomised(VideoLdm(SIZE))
    alone = torch.eye(FRAMES, dtype=torch.bool)
    assert bool(seen(network, Call()).all())
    assert torch.equal(seen(network, IMAGE), alone)
    assert torch.equal(seen(network, Call(images_b=torch.tensor([True]))), alone)


def test_images_in_a_batch_of_videos() -> None:
    network, inputs = randomised(VideoLdm(SIZE)), given(2)
    mixed = network(*inputs, Call(images_b=torch.tensor([False, True])))
    first, second = (tuple(x[[row]] for x in inputs) for row in range(2))
    torch.testing.assert_close(mixed[:1], network(*first), rtol=0, atol=1e-12)
    torch.testing.assert_close(mixed[1:], network(*second, IMAGE), rtol=0, atol=1e-12)
    mixed[1].square().sum().backward()  # images teach temporal layers nothing
    taught = {name for name, x in network.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
    assert taught == set(image_weights(network))


def test_the_weights_are_those_of_the_image_model_and_the_others() -> None:
    network, image = VideoLdm(SIZE), VideoLdm(SIZE, temporal=False)
    theta, phi = image_weights(network), temporal_weights(network)
    assert not theta.keys() & phi.keys()
    assert theta.keys() | phi.keys() == network.state_dict().keys()
    assert theta.keys() == image.state_dict().keys()
    assert {name for name in phi if name.endswith("mixing")} == {name for name in phi if phi[name].ndim == 0}
    with pytest.raises(UsageError, match="temporal layers: 0 missing and 1 too many"):
        take_temporal_weights(network, phi | {"unet.time.more": torch.zeros(1)})


def test_temporal_layers_move_to_another_image_model() -> None:
    video, other = randomised(VideoLdm(SIZE)), randomised(VideoLdm(SIZE, temporal=False), seed=1)
    moved, inputs = VideoLdm(SIZE).double(), given()
    take_image_weights(moved, other.state_dict())
    torch.testing.assert_close(moved(*inputs), other(*inputs), rtol=0, atol=1e-12)
    take_temporal_weights(moved, temporal_weights(video))
    assert torch.equal(moved(*inputs, IMAGE), other(*inputs))
    assert not torch.allclose(moved(*inputs), other(*inputs))
    take_image_weights(moved, image_weights(video))
    assert torch.equal(moved(*inputs), video(*inputs))


def test_temporal_layers_can_have_the_text_of_another_encoder() -> None:
    network, (z, step, text) = randomised(VideoLdm(SIZE)), given()
    tuned = drawn(1, 5, 6, seed=9)
    for layer in layers(network):
        layer.mixing.data.fill_(math.inf)
    assert torch.equal(network(z, step, tuned, Call(time_text_bnc=text)), network(z, step, tuned))
    for layer in layers(network):
        layer.mixing.data.fill_(0)
    out = network(z, step, tuned, Call(time_text_bnc=text))
    assert not torch.allclose(out, network(z, step, tuned))
    assert not torch.allclose(out, network(z, step, text))


def test_any_number_of_frames_that_see_those_within_8() -> None:
    network = randomised(VideoLdm(SIZE))
    for frames in (1, 2, 12):
        assert network(*given(frames=frames)).shape == (1, 2, frames, 4, 4)
    attention = TemporalTransformer(8, 2, 6).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    for frames in (9, 12):
        z, words = drawn(1, frames, 1, 1, 8).requires_grad_(), Words(drawn(1, 3, 6))
        mask = network.frame_mask(frames, z.device)
        assert (mask is None) == (frames == 9)
        told = drawn(1, 32)
        out = attention(z, Given(told, words, told, words, True, None, mask, None))
        for frame in range(frames):
            (gradient,) = torch.autograd.grad(out[:, frame].sum(), z, retain_graph=True)
            assert torch.equal(gradient[0, :, 0, 0].abs().amax(1) > 0, within(frames, 8)[frame])


def test_frames_are_told_apart() -> None:
    attention, words = TemporalTransformer(8, 2, 6).double(), Words(drawn(1, 3, 6))
    call = Given(drawn(1, 32), words, drawn(1, 32), words, True, None, None, None)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    z = drawn(1, 4, 1, 1, 8)
    assert not torch.allclose(attention(z.flip(1), call).flip(1), attention(z, call))
    for parameter in attention.position[-1].parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(attention(z.flip(1), call).flip(1), attention(z, call), rtol=0, atol=1e-12)


def test_no_known_frame_is_the_model_without_any() -> None:
    network, (z, step, text) = randomised(MaskedVideoLdm(SIZE, regimes=2)), given(2)
    regime, none = torch.tensor([0, 1]), torch.tensor([0, 0])
    nothing = conditioning(z, first_frames(none, FRAMES))
    free = network(z, step, text, None, regime)
    assert torch.equal(network(z, step, text, nothing, regime), free)
    known = conditioning(z, first_frames(none + 1, FRAMES))
    out = network(z, step, text, known, regime)
    assert not torch.allclose(out, free)
    assert not torch.allclose(network(z, step, text, known, 1 - regime), out)
    # Known frames and regimes are for temporal layers alone, and reach them at every resolution.
    assert torch.equal(network(z, step, text, known, regime, IMAGE), network(z, step, text, None, 1 - regime, IMAGE))
    out.square().sum().backward()
    assert all(x.grad is not None and x.grad.abs().max() > 0 for x in network.parameters())
    with pytest.raises(UsageError, match="regime_b"):
        network(z, step, text, known)


def test_it_is_told_the_step_and_the_text() -> None:
    network, (z, _, text) = randomised(VideoLdm(SIZE)), given()
    outs = [network(z, torch.tensor([step]), text) for step in (0, 1, 500, 999)]
    outs += [network(z, torch.tensor([0])), network(z, torch.tensor([0]), 2 * text)]
    assert all(not torch.allclose(a, b, rtol=1e-3) for a, b in pairwise(outs))
    mask = torch.tensor([[True, True, False, False]])
    cut = network(z, torch.tensor([5]), text, Call(text_mask_bn=mask))
    torch.testing.assert_close(cut, network(z, torch.tensor([5]), text[:, :2]), rtol=0, atol=1e-12)


def upscaler() -> Upscaler:
    size = Size(grid=(2, 8, 8), channels=1, base=4, multipliers=(1, 2), blocks=1, attention_at=(2,), text_twice_at=(2,),
                heads=1, text_channels=3)  # fmt: skip
    network = randomised(Upscaler(size, levels=10))
    assert isinstance(network, Upscaler)
    return network


def test_the_upscaler_is_given_small_frames_and_their_noise_level() -> None:
    network = upscaler()
    z, small, text, step = drawn(1, 1, 2, 8, 8), drawn(1, 3, 2, 8, 8), drawn(1, 2, 3), torch.tensor([3])
    out = network(z, step, text, small, torch.tensor([1]))
    assert out.shape == z.shape
    assert not torch.allclose(network(z, step, text, small, torch.tensor([9])), out)
    assert not torch.allclose(network(z, step, text, 2 * small, torch.tensor([1])), out)


def test_what_learns_on_patches_does_the_same_wherever_a_patch_lies() -> None:
    network, side, place = upscaler(), 128, 60
    step, text, level = torch.tensor([3]), drawn(1, 2, 3), torch.tensor([1])
    outs = []
    for shift in (0, 2):  # the lowest resolution is twice as small
        video = torch.zeros(1, 4, 1, side, side, dtype=torch.float64)
        there = slice(place + shift, place + shift + 6)
        video[..., there, there] = drawn(1, 4, 1, 6, 6)
        out = network(video[:, :1], step, text, video[:, 1:], level)
        outs.append(out[..., 2 + shift + 32 : side - 34 + shift, 2 + shift + 32 : side - 34 + shift])
    torch.testing.assert_close(outs[0], outs[1], rtol=0, atol=1e-10)
    assert outs[0].std() > 1e-3
