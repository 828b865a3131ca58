"""The parts of the U-Nets: frames stay apart, new blocks pass their input on, any extents come back."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.layers.pseudo_conv3d import PseudoConv3d
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.reference_models.unet.embedding import Sinusoid, perceptron
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.unet.resampling import ConvolvedUp, StridedDown, averaged, repeated
from vidgauge.reference_models.unet.residual import ResidualBlock
from vidgauge.reference_models.unet.skeleton import UNet


@dataclass
class Given:
    embedding_be: torch.Tensor


GIVEN = Given(torch.randn(2, 6))
LAYOUTS = [torch.contiguous_format, torch.channels_last_3d]


def random_weights(module: nn.Module) -> nn.Module:
    """The module with no weight at zero any more."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)
    return module


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_frame_is_normalised_for_itself(layout: torch.memory_format) -> None:
    video = torch.randn(2, 24, 3, 5, 4).contiguous(memory_format=layout)
    norm = FrameNorm(24)
    random_weights(norm)
    assert norm.norm.num_groups == 4  # of 8, which is the largest that divides 24 and 32, three channels would be few
    expected = [functional.group_norm(video[:, :, t], 4, norm.norm.weight, norm.norm.bias) for t in range(3)]
    torch.testing.assert_close(norm(video), torch.stack(expected, 2))


def test_no_group_is_so_small_that_an_embedding_is_lost() -> None:
    groups = {channels: FrameNorm(channels).norm.num_groups for channels in (3, 16, 20, 24, 32, 128, 160, 768)}
    assert groups == {3: 1, 16: 4, 20: 4, 24: 4, 32: 8, 128: 32, 160: 32, 768: 32}


def test_the_sinusoid_tells_numbers_apart() -> None:
    embed = Sinusoid(6, longest=100.0)
    values = torch.tensor([-20.0, 0.0, 3.5])
    frequencies = torch.tensor([1.0, 100 ** (-1 / 3), 100 ** (-2 / 3)])
    angles = values[:, None] * frequencies
    torch.testing.assert_close(embed(values), torch.cat([angles.cos(), angles.sin()], 1))
    assert [layer.in_features for layer in perceptron(6, 16, 3) if isinstance(layer, nn.Linear)] == [6, 16, 16]


@pytest.mark.parametrize("convolve", [SpatialConv, PseudoConv3d])
@pytest.mark.parametrize("scale_shift", [False, True])
def test_a_new_block_passes_its_input_on(convolve: Any, scale_shift: bool) -> None:  # noqa: ANN401 - a constructor
    video = torch.randn(2, 8, 3, 4, 4)
    block = ResidualBlock(8, 8, 6, convolve, scale_shift=scale_shift)
    assert torch.equal(block(video, GIVEN), video)
    wider = ResidualBlock(8, 12, 6, convolve, scale_shift=scale_shift)
    assert torch.equal(wider(video, GIVEN), wider.skip(video))
    assert wider.skip(video).shape == (2, 12, 3, 4, 4)
    random_weights(block)
    assert not torch.equal(block(video, GIVEN), block(video, Given(torch.randn(2, 6))))


def test_the_block_is_what_its_formula_says() -> None:
    video, block = torch.randn(2, 8, 1, 4, 4), ResidualBlock(8, 12, 6, scale_shift=True)
    random_weights(block)
    state = {name: tensor.squeeze(2) if tensor.ndim == 5 else tensor for name, tensor in block.state_dict().items()}

    def convolved(name: str, x: torch.Tensor, padding: int = 1) -> torch.Tensor:
        name += ".convolution."
        return functional.conv2d(x, state[name + "weight"], state[name + "bias"], padding=padding)

    x = video[:, :, 0]
    hidden = functional.silu(functional.group_norm(x, 2, state["norm_in.norm.weight"], state["norm_in.norm.bias"]))
    hidden = convolved("convolution_in", hidden)
    told = functional.linear(functional.silu(GIVEN.embedding_be), state["embed.weight"], state["embed.bias"])
    hidden = functional.group_norm(hidden, 2, state["norm_out.norm.weight"], state["norm_out.norm.bias"])
    hidden = hidden * (1 + told[:, :12, None, None]) + told[:, 12:, None, None]
    expected = convolved("skip", x, padding=0) + convolved("convolution_out", functional.silu(hidden))
    torch.testing.assert_close(block(video, GIVEN)[:, :, 0], expected)


def test_resampling_halves_and_doubles_space_alone() -> None:
    video = torch.randn(1, 4, 3, 5, 6)
    assert StridedDown(4, 7)(video).shape == (1, 7, 3, 3, 3)
    assert ConvolvedUp(4, 7)(video).shape == (1, 7, 3, 10, 12)
    assert torch.equal(averaged(repeated(video)), video)
    even = video[..., :4, :]
    torch.testing.assert_close(averaged(even)[:, :, 1], functional.avg_pool2d(even[:, :, 1], 2))
    block = ResidualBlock(4, 4, 6, resample=averaged)
    torch.testing.assert_close(block(video, Given(torch.randn(1, 6))), averaged(video))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_attention_is_a_branch_on_normalised_tokens(layout: torch.memory_format) -> None:
    video, text = torch.randn(2, 8, 3, 4, 4).contiguous(memory_format=layout), torch.randn(2, 5, 7)
    apart = torch.eye(3, dtype=torch.bool)
    for attention, given in (
        (SpatialAttention(8, 2), ()),
        (TemporalAttention(8, 2), (apart,)),
        (CrossAttention(8, 2, 7), (text, None)),
    ):
        branch = Attending(attention)
        torch.testing.assert_close(branch(video, *given), video)
        random_weights(branch)
        tokens = branch.norm(video).permute(0, 2, 3, 4, 1)
        expected = video + attention(tokens, *given).permute(0, 4, 1, 2, 3)
        torch.testing.assert_close(branch(video, *given), expected)


class Plain:
    """A U-Net of residual blocks alone."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int, int]] = []

    def block(self, level: int, channels: int, out_channels: int) -> nn.Module:
        self.made.append((level, channels, out_channels))
        return ResidualBlock(channels, out_channels, 6)

    def middle(self, channels: int) -> nn.Module:
        return ResidualBlock(channels, channels, 6)

    def down(self, level: int, channels: int) -> nn.Module:
        del level
        return StridedDown(channels)

    def up(self, level: int, channels: int) -> nn.Module:
        del level
        return ConvolvedUp(channels)

    def end(self, channels: int, out_channels: int) -> Convolution:
        return SpatialConv(channels, out_channels)


def test_every_block_and_step_down_has_its_skip() -> None:
    parts = Plain()
    network = UNet((3, 5), (8, 16), (1, 2), parts)
    down, up = parts.made[:3], parts.made[3:]
    assert down == [(0, 8, 8), (1, 8, 16), (1, 16, 16)]
    # Skips, in the order in which they are taken: 16, 16 (blocks), 8 (step down); then 8 (block), 8 (stem).
    assert up == [(1, 16 + 16, 16), (1, 16 + 16, 16), (1, 16 + 8, 16), (0, 16 + 8, 8), (0, 8 + 8, 8)]
    video = torch.randn(2, 3, 2, 7, 10)
    assert torch.equal(network(video, GIVEN), torch.zeros(2, 5, 2, 7, 10))
    random_weights(network)
    out = network(video, GIVEN)
    assert out.is_contiguous()
    network.to(memory_format=torch.channels_last_3d)
    fast = network(video, GIVEN)
    assert fast.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(fast, out, rtol=1e-4, atol=1e-4)


def test_frames_stay_apart_and_skips_can_be_scaled() -> None:
    network = UNet((3, 3), (8, 8), (1, 1), Plain(), skip_scale=2**-0.5)
    random_weights(network)
    video = torch.randn(2, 3, 4, 6, 6, requires_grad=True)
    out = partial(network, given=GIVEN)(video)
    (gradient,) = torch.autograd.grad(out[:, :, 1].sum(), video)
    assert gradient[:, :, 1].abs().min() > 0
    assert gradient[:, :, [0, 2, 3]].abs().max() == 0
    network.skip_scale = 1.0
    assert not torch.equal(network(video, GIVEN), out)
