"""The cost of whole networks: against torch's own counter, parameter by parameter, and without computing anything."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.reference_models.layers import build
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.tracing import traced_cost
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.reference_models.unet.norm import FrameNorm


class Small(nn.Module):
    """Some of everything."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.channels = channels
        self.told = nn.Linear(3, channels)
        self.shift = nn.Parameter(torch.zeros(channels))
        self.space = build("spatial_conv", in_channels=3, out_channels=channels)
        self.plain = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0), groups=2)
        self.norm, self.activation = FrameNorm(channels), nn.SiLU()
        self.time = Attending(TemporalAttention(channels, 2, max_frames=128))
        self.words = nn.Embedding(5, channels)

    def forward(self, video_bcthw: torch.Tensor, told_b3: torch.Tensor) -> torch.Tensor:
        shift = self.told(told_b3) + self.shift
        hidden = self.activation(self.norm(self.plain(self.space(video_bcthw))))
        out: torch.Tensor = self.time(hidden + shift[:, :, None, None, None])
        return out


INPUTS = [torch.randn(2, 3, 4, 6, 6), torch.randn(2, 3)]


def test_products_are_those_that_torch_counts() -> None:
    network = Small()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*INPUTS)
    cost = traced_cost(network, INPUTS)
    assert cost.forward_flops == counter.get_total_flops()
    assert cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert cost.backward_flops > cost.forward_flops > cost.useful_forward_flops > 0


def test_norms_and_activations_count_apart_from_products() -> None:
    numbers, given = 8 * 5, [torch.randn(1, 8, 5)]
    assert traced_cost(nn.SiLU(), given).elementwise_flops == numbers
    norm = traced_cost(nn.GroupNorm(4, 8), given)
    assert (norm.elementwise_flops, norm.forward_flops, norm.parameters) == (6 * numbers, 0, 16)
    assert norm.min_bytes == 4 * (2 * numbers + 16)
    assert norm.activation_bytes == 4 * numbers + 2 * 4 * 4
    assert traced_cost(nn.LayerNorm(5), given).activation_bytes == 4 * numbers + 2 * 4 * 8


def test_a_network_of_any_size_is_traced_without_memory_and_left_as_it_was() -> None:
    with torch.device("meta"):
        giant = Small(4096)
    cost = traced_cost(giant, [torch.empty(1, 3, 128, 768, 1280, device="meta"), torch.empty(1, 3, device="meta")])
    assert cost.forward_flops > 1e15
    network = Small()
    before, parameters = network(*INPUTS), dict(network.named_parameters())
    traced_cost(network, INPUTS)
    assert torch.equal(network(*INPUTS), before)
    assert all(parameter is parameters[name] for name, parameter in network.named_parameters())
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_what_has_no_formula_is_not_left_out_silently() -> None:
    with pytest.raises(NotImplementedError, match="no formula for what LSTM costs"):
        traced_cost(nn.Sequential(nn.LSTM(3, 3)), [torch.randn(2, 1, 3)])
