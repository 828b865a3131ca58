"""The fast I3D beside the plain one: layer by layer on small clips, whole once; Winograd beside torch's convolution."""

import math
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.metrics.networks import build_network, winograd
from vidgauge.metrics.networks.fast_i3d import FastI3D, FastMaxPool, FastMixed, FoldedUnit
from vidgauge.metrics.networks.i3d import I3D, MaxPoolSame, Mixed, Unit, pad_same
from vidgauge.metrics.networks.optimisable import Optimisable


def draw_norms(module: nn.Module) -> None:
    """Scales, shifts and statistics as training leaves them: none is 0 or 1."""
    generator = torch.Generator().manual_seed(7)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm3d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.weight.data.uniform_(0.5, 1.5, generator=generator)
            norm.bias.data.normal_(0, 0.3, generator=generator)
            norm.running_mean.normal_(0, 0.3, generator=generator)
            norm.running_var.uniform_(0.2, 2, generator=generator)


def last(video_bcthw: Tensor) -> Tensor:
    return video_bcthw.permute(0, 2, 3, 4, 1).contiguous()


def ready(layer: nn.Module) -> nn.Module:
    draw_norms(layer)
    return layer.eval().requires_grad_(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (2, 2, 7, 7), (1, 5, 9, 14), (2, 3, 1, 2)])
def test_winograd_is_the_convolution(
    shape: tuple[int, int, int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, frames, height, width = shape
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 6, frames, height, width, generator=generator, dtype=dtype)
    weight = torch.randn(5, 6, 3, 3, 3, generator=generator, dtype=dtype)
    bias = torch.randn(5, generator=generator, dtype=dtype)
    expected = last(functional.conv3d(x.double(), weight.double(), bias.double(), padding=1)).to(dtype)
    bound = 1e-5 if dtype == torch.float32 else 1e-13
    for at_once in (1, 2**22):  # frame by frame, and all frames
        monkeypatch.setattr(winograd, "_AT_ONCE", at_once)
        found = winograd.convolve(last(x), winograd.transform_kernel(weight), bias)
        torch.testing.assert_close(found, expected, rtol=0, atol=bound * float(expected.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (2, 4, 6, 8), (1, 5, 7, 25)])
def test_winograd_is_the_convolution_with_stride_two(
    shape: tuple[int, int, int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape[0], 3, *shape[1:], generator=generator, dtype=dtype)
    weight = torch.randn(5, 3, 7, 7, 7, generator=generator, dtype=dtype)
    bias = torch.randn(5, generator=generator, dtype=dtype)
    padded = pad_same(x.double(), (7, 7, 7), (2, 2, 2))
    expected = last(functional.conv3d(padded, weight.double(), bias.double(), 2)).to(dtype)
    bound = 1e-5 if dtype == torch.float32 else 1e-13
    for at_once in (1, 2**22):
        monkeypatch.setattr(winograd, "_AT_ONCE", at_once)
        found = winograd.convolve_halving(last(x), winograd.transform_halving_kernel(weight), bias)
        torch.testing.assert_close(found, expected, rtol=0, atol=bound * float(expected.abs().max()))


def test_transforms_are_the_papers() -> None:
    """F(4, 3) of arXiv 1509.09308, section 4.3."""
    inputs, kernel, outputs = winograd.transforms((0, 1, -1, 2, -2), 4, 3)
    paper = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]]
    paper += [[0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
    torch.testing.assert_close(inputs, torch.tensor(paper, dtype=torch.float64))
    paper = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
    torch.testing.assert_close(24 * kernel, torch.tensor(paper, dtype=torch.float64))
    paper = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    assert torch.equal(outputs, torch.tensor(paper, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 5, 7, 8), (1, 6, 4, 9)])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2)), ((3, 3, 3), (1, 1, 1))],
)
def test_pooling(shape: tuple[int, int, int, int], kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
    plain = MaxPoolSame(kernel, stride)
    x = torch.rand(shape[0], 3, *shape[1:], generator=torch.Generator().manual_seed(1))
    before = x.clone()
    assert torch.equal(FastMaxPool(plain)(last(x)), last(plain(x)))
    assert torch.equal(x, before)


@pytest.mark.parametrize("eps", [1e-3, 1e-5])
@pytest.mark.parametrize(("kernel", "step"), [(7, 2), (3, 1), (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_folding(kernel: int, step: int, eps: float, dtype: torch.dtype) -> None:
    unit = cast("Unit", ready(Unit(3, 8, (kernel,) * 3, eps, (step,) * 3)).to(dtype))
    x = torch.randn(2, 3, 5, 8, 11, generator=torch.Generator().manual_seed(2), dtype=dtype)
    expected, bound = unit(x), 1e-5 if dtype == torch.float32 else 1e-13
    fast = FoldedUnit([unit])
    atol = bound * float(expected.max())
    torch.testing.assert_close(fast(last(x)), last(expected), rtol=0, atol=atol)
    torch.testing.assert_close(last(fast._directly(x).relu()), last(expected), rtol=0, atol=atol)  # as on other devices


def test_one_block() -> None:
    mixed = cast("Mixed", ready(Mixed(192, "Mixed_3b", 1e-3)))
    x = torch.rand(2, 192, 3, 6, 5, generator=torch.Generator().manual_seed(3))
    expected = last(mixed(x))
    found = FastMixed(mixed)(last(x))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.max()))


def test_the_whole() -> None:
    """An odd number of frames, several clips; what tells clips apart is kept as well; the plain one stays."""
    plain = build_network("i3d", seed=1, batch_norm_eps=1e-5)
    assert isinstance(plain, I3D)
    assert isinstance(plain, Optimisable)
    draw_norms(plain)
    before = {name: one.clone() for name, one in plain.state_dict().items()}
    fast = plain.for_inference()
    assert isinstance(fast, FastI3D)
    assert fast.input == plain.input
    assert not any(one.requires_grad for one in fast.parameters())
    clips = torch.rand(2, 3, 9, 224, 224, generator=torch.Generator().manual_seed(0))
    clips[1] *= torch.linspace(0, 1, 224)  # another clip than noise
    given = clips.clone()
    with torch.inference_mode():
        expected, found = plain.extract(clips), fast.extract(clips)
    assert expected.keys() == found.keys()
    for name, one in expected.items():
        torch.testing.assert_close(found[name], one, rtol=1e-4, atol=1e-5 * float(one.abs().max()))
    apart, wanted = (one["logits_nd"].diff(dim=0) for one in (found, expected))
    assert math.isclose(float((apart - wanted).norm() / wanted.norm()), 0, abs_tol=1e-4)
    assert torch.equal(clips, given)
    assert all(torch.equal(one, before[name]) for name, one in plain.state_dict().items())
    with pytest.raises(UsageError, match="at least 9 frames and 224x224"):
        fast.extract(clips[:, :, :8])
