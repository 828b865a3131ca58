"""What each operator must equal, or must not mix."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from vidgauge.reference_models.attention import SelfAttention
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS, build
from vidgauge.reference_models.layers.conv2plus1d import Conv2Plus1d
from vidgauge.reference_models.layers.conv3d import Conv3d
from vidgauge.reference_models.layers.factorised_attention import FactorisedAttention
from vidgauge.reference_models.layers.joint_attention import JointAttention
from vidgauge.reference_models.layers.pseudo_conv3d import PseudoConv3d
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layers.window_attention import WindowAttention


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def video_bcthw(channels: int = 3) -> torch.Tensor:
    return torch.randn(2, channels, 4, 5, 6, dtype=torch.float64)


def tokens_bthwc() -> torch.Tensor:
    return torch.randn(2, 4, 2, 6, 8, dtype=torch.float64)


def per_frame(video: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    frames = [functional.conv2d(frame, weight, bias, padding="same") for frame in video.unbind(2)]
    return torch.stack(frames, dim=2)


def test_spatial_conv_equals_conv2d_on_each_frame() -> None:
    layer = SpatialConv(3, 5).double()
    video = video_bcthw()
    weight, bias = layer.convolution.weight, layer.convolution.bias
    assert bias is not None
    torch.testing.assert_close(layer(video), per_frame(video, weight[:, :, 0], bias))


def test_new_pseudo_conv_equals_conv2d_on_each_frame() -> None:
    layer = PseudoConv3d(3, 5).double()
    video = video_bcthw()
    assert layer.space.bias is not None
    torch.testing.assert_close(layer(video), per_frame(video, layer.space.weight, layer.space.bias))


def test_pseudo_conv_equals_two_3d_kernels() -> None:
    layer = PseudoConv3d(3, 5, temporal_kernel=5).double()
    nn.init.normal_(layer.time.weight)
    video = video_bcthw()
    middle = functional.conv3d(video, layer.space.weight[:, :, None], layer.space.bias, padding="same")
    expected = functional.conv3d(middle, layer.time.weight[..., None, None], layer.time.bias, padding="same")
    torch.testing.assert_close(layer(video), expected)


def test_centrally_inflated_conv3d_equals_conv2d_on_each_frame() -> None:
    layer = Conv3d(3, 5).double()
    kernel = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    assert layer.convolution.bias is not None
    with torch.no_grad():
        layer.convolution.weight.zero_()[:, :, 1] = kernel
    video = video_bcthw()
    torch.testing.assert_close(layer(video), per_frame(video, kernel, layer.convolution.bias))


def test_conv3d_reaches_one_frame_to_each_side() -> None:
    layer = Conv3d(3, 5).double()
    video = video_bcthw()
    changed = video.clone()
    changed[:, :, 0] += 1
    moved = (layer(video) != layer(changed)).any(dim=4).any(dim=3).any(dim=1).any(dim=0)
    assert moved.tolist() == [True, True, False, False]


def test_conv2plus1d_has_a_relu_between() -> None:
    layer = Conv2Plus1d(3, 5).double()
    video = video_bcthw()
    middle = functional.conv3d(video, layer.space.weight, layer.space.bias, padding="same").clamp(min=0)
    expected = functional.conv3d(middle, layer.time.weight, layer.time.bias, padding="same")
    torch.testing.assert_close(layer(video), expected)


def torchs_attention(ours: SelfAttention) -> nn.MultiheadAttention:
    """torch's module with the same weights: an independent implementation."""
    theirs = nn.MultiheadAttention(ours.channels, ours.heads, batch_first=True, dtype=torch.float64)
    given = {f"in_proj_{name}": value for name, value in ours.project_in.state_dict().items()}
    theirs.load_state_dict(given | {f"out_proj.{name}": value for name, value in ours.project_out.state_dict().items()})
    return theirs


def test_joint_attention_equals_torchs_multi_head_attention() -> None:
    layer = JointAttention(8, 2).double()
    tokens = tokens_bthwc()
    flat = tokens.flatten(1, 3)
    expected, _ = torchs_attention(layer.attention)(flat, flat, flat)
    torch.testing.assert_close(layer(tokens), expected.reshape(tokens.shape))


def test_a_window_of_the_whole_grid_equals_joint_attention() -> None:
    window, joint = WindowAttention(8, 2, [4, 2, 6]).double(), JointAttention(8, 2).double()
    joint.load_state_dict(window.state_dict())
    tokens = tokens_bthwc()
    torch.testing.assert_close(window(tokens), joint(tokens))


def test_windows_equal_joint_attention_on_each_box() -> None:
    window, joint = WindowAttention(8, 2, [2, 1, 3]).double(), JointAttention(8, 2).double()
    joint.load_state_dict(window.state_dict())
    tokens = tokens_bthwc()
    out = window(tokens)
    for t in range(0, 4, 2):
        for h in range(2):
            for w in range(0, 6, 3):
                box = (slice(None), slice(t, t + 2), slice(h, h + 1), slice(w, w + 3))
                torch.testing.assert_close(out[box], joint(tokens[box]))


def test_factorised_stages_are_windows_of_one_frame_and_of_one_place() -> None:
    layer = FactorisedAttention(8, 2).double()
    tokens = tokens_bthwc()
    frame, place = WindowAttention(8, 2, [1, 2, 6]).double(), WindowAttention(8, 2, [4, 1, 1]).double()
    frame.attention.load_state_dict(layer.space.state_dict())
    place.attention.load_state_dict(layer.time.state_dict())
    torch.testing.assert_close(layer.over_space(tokens), frame(tokens))
    torch.testing.assert_close(layer.over_time(tokens), place(tokens))
    torch.testing.assert_close(layer(tokens), place(frame(tokens)))


def test_spatial_stage_keeps_frames_and_temporal_stage_keeps_places_apart() -> None:
    layer = FactorisedAttention(8, 2).double()
    tokens = tokens_bthwc()
    changed = tokens.clone()
    changed[:, 1, 0, 2] += 1
    by_frame = (layer.over_space(tokens) != layer.over_space(changed)).flatten(2).any(dim=2).any(dim=0)
    assert by_frame.tolist() == [False, True, False, False]
    by_place = (layer.over_time(tokens) != layer.over_time(changed)).any(dim=4).any(dim=1).any(dim=0)
    assert by_place.nonzero().tolist() == [[0, 2]]


def test_factorised_attention_is_equivariant_to_orders_of_frames_and_of_places() -> None:
    layer = FactorisedAttention(8, 2).double()
    tokens = tokens_bthwc()
    frames, columns = torch.tensor([2, 0, 3, 1]), torch.tensor([5, 3, 1, 0, 2, 4])
    torch.testing.assert_close(layer(tokens[:, frames]), layer(tokens)[:, frames])
    torch.testing.assert_close(layer(tokens[:, :, :, columns]), layer(tokens)[:, :, :, columns])


def test_temporal_attention_over_one_frame_projects_values_only() -> None:
    layer = FactorisedAttention(8, 2).double()
    tokens = tokens_bthwc()[:, :1]
    value = functional.linear(tokens, layer.time.project_in.weight[16:], layer.time.project_in.bias[16:])
    torch.testing.assert_close(layer.over_time(tokens), layer.time.project_out(value))  # Wo Wv x, not x


def test_every_layer_passes_gradients_to_input_and_parameters() -> None:
    layers: list[Layer] = [Conv3d(3, 4), Conv2Plus1d(3, 4), PseudoConv3d(3, 4), SpatialConv(3, 4)]
    layers += [JointAttention(8, 2), WindowAttention(8, 2, [2, 2, 3]), FactorisedAttention(8, 2)]
    for layer in layers:
        x = video_bcthw() if layer.takes == "video_bcthw" else tokens_bthwc()
        x.requires_grad_()
        (layer.double()(x) ** 2).sum().backward()
        for tensor in (x, *layer.parameters()):
            assert tensor.grad is not None
            assert tensor.grad.isfinite().all()


def test_a_layer_of_ones_own_joins_the_zoo() -> None:
    class Scale(Layer):
        takes = "tokens_bthwc"

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.in_channels = channels
            self.scale = nn.Parameter(torch.ones(channels))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.scale

        def cost(self, shape: object) -> Cost:
            raise NotImplementedError

    LAYERS.register("scale-from-outside")(Scale)
    assert "scale-from-outside" in LAYERS.names()
    layer = build("scale-from-outside", channels=8)
    assert torch.equal(layer(torch.ones(1, 1, 1, 1, 8)), torch.ones(1, 1, 1, 1, 8))


def test_the_zoo_imports_without_torch() -> None:
    code = "import sys, vidgauge.reference_models.layers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
