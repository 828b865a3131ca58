"""Backends against the operators that torch's profiler saw run."""

import pytest
import torch
from torch.autograd import profiler
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from vidgauge.bench.backend import observe
from vidgauge.reference_models.layers import build

_OPERATORS = {
    "Mkldnn": "aten::mkldnn_convolution",
    "Slow3d": "aten::slow_conv3d_forward",
    "Slow2d": "aten::_slow_conv2d_forward",
    "flash_attention": "aten::_scaled_dot_product_flash_attention_for_cpu",
    "math": "aten::_scaled_dot_product_attention_math",
}


def operators(layer: torch.nn.Module, x: torch.Tensor) -> list[str]:
    with profiler.profile() as trace:
        layer(x)
    wanted = set(_OPERATORS.values())
    return [event.name for event in trace.function_events or [] if event.name in wanted]


@pytest.mark.parametrize("name", ["conv3d", "conv2plus1d", "pseudo_conv3d", "spatial_conv"])
@pytest.mark.parametrize("batch", [1, 4])
def test_convolutions_ran_where_they_are_said_to_run(name: str, batch: int) -> None:
    layer, x = build(name, in_channels=16, out_channels=16), torch.randn(batch, 16, 4, 8, 8)
    with torch.no_grad():
        said = observe(lambda: layer(x)).backends
        assert [_OPERATORS[backend] for backend in said] == operators(layer, x)


def test_attention_ran_where_it_is_said_to_run() -> None:
    layer, x = build("factorised_attention", channels=16, heads=2), torch.randn(1, 4, 4, 4, 16)
    with torch.no_grad():
        said = observe(lambda: layer(x)).backends
        assert said == ["flash_attention"] * 2
        assert [_OPERATORS[backend] for backend in said] == operators(layer, x)
        with sdpa_kernel(SDPBackend.MATH):
            assert observe(lambda: layer(x)).backends == ["math"] * 2


def test_operators_are_those_that_reach_a_kernel() -> None:
    x = torch.ones(4, 6)
    assert observe(lambda: x.t().reshape(24).view(2, 12) * 2 + 1).operators == 3  # reshape copies; t and view do not
    assert observe(lambda: x.t().view(6, 4).detach()).operators == 0


def test_asking_for_a_backend_is_no_operator_of_the_call() -> None:
    query = torch.randn(1, 2, 8, 4)
    with torch.no_grad():
        seen = observe(lambda: functional.scaled_dot_product_attention(query, query, query))
    assert (seen.backends, seen.operators) == (["flash_attention"], 1)


def test_backends_with_gradients_are_seen_too() -> None:
    layer, x = build("conv3d", in_channels=16, out_channels=16), torch.randn(4, 16, 4, 8, 8, requires_grad=True)
    assert len(observe(lambda: layer(x)).backends) == 1
