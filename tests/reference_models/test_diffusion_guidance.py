"""Guidance: classifier-free, oscillating, by reconstruction; and what keeps estimates in their range."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from vidgauge.reference_models.diffusion import (
    Ancestral,
    CosineSchedule,
    Ddim,
    Denoise,
    Distilled,
    Estimate,
    Known,
    Langevin,
    Level,
    Noise,
    Prediction,
    Sampler,
    clipped,
    denoiser,
    dynamically_thresholded,
    estimate,
    extended,
    from_x,
    guided,
    guided_together,
    levels,
    oscillating,
    sample,
    scale_of_weight,
    spread,
    superresolved,
)
from vidgauge.reference_models.resizing import resized

LEVEL = CosineSchedule(-6, 6).level(torch.tensor([0.3, 0.8]))
VIDEO = (2, 2, 3, 4, 4)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-7) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def giving(x: Tensor) -> Denoise:
    return lambda z, level: from_x(x, z, level)


def never(_: Tensor, __: Level) -> Estimate:
    raise AssertionError("not to be called")


@pytest.mark.parametrize("kind", ["eps", "x", "v"])
def test_guidance_is_the_same_in_every_space(kind: Prediction) -> None:
    """(1 + w) f(c) - w f(0) of the outputs, in the papers' convention, against ours of the estimates."""
    z, conditional, unconditional, weight = normal(2, 5), normal(2, 5, seed=1), normal(2, 5, seed=2), 3.5
    by_hand = estimate(kind, (1 + weight) * conditional - weight * unconditional, z, LEVEL)
    found = guided(
        lambda z, level: estimate(kind, conditional, z, level),
        lambda z, level: estimate(kind, unconditional, z, level),
        scale_of_weight(weight),
    )(z, LEVEL)
    close(found.x, by_hand.x)
    close(found.eps, by_hand.eps)


def test_scale_1_is_the_conditional_model_and_0_the_other() -> None:
    z, one, two = normal(2, 5), giving(normal(2, 5, seed=1)), giving(normal(2, 5, seed=2))
    assert torch.equal(guided(one, never, 1)(z, LEVEL).x, one(z, LEVEL).x)
    assert torch.equal(guided(one, two, 0)(z, LEVEL).x, two(z, LEVEL).x)


@pytest.mark.parametrize("scale", [0.0, 1.0, 6.0])
def test_both_passes_in_one_batch(scale: float) -> None:
    z, shift = normal(2, 5), torch.tensor([1.0, 2.0, 0.0, 0.0], dtype=torch.float64)  # a condition, then none

    def both(z: Tensor, level: Level) -> Estimate:
        return from_x((z + spread(shift, z)).tanh() * spread(level.alpha_b, z), z, level)

    apart = guided(
        lambda z, level: from_x((z + spread(shift[:2], z)).tanh() * spread(level.alpha_b, z), z, level),
        lambda z, level: from_x(z.tanh() * spread(level.alpha_b, z), z, level),
        scale,
    )(z, LEVEL)
    together = guided_together(both, scale)(z, LEVEL)
    close(together.x, apart.x)
    close(together.eps, apart.eps)


def test_oscillation() -> None:
    scale = oscillating(15, 1, first=3)
    assert [scale(level) for level in levels(CosineSchedule(), 8)[:-1]] == [15, 15, 15, 1, 15, 1, 15, 1]
    one, two = normal(1, 5, seed=1), normal(1, 5, seed=2)
    used: list[Tensor] = []

    def watched(z: Tensor, level: Level) -> Estimate:
        found = guided(giving(one), giving(two), scale)(z, level)
        used.append(found.x)
        return found

    sample(watched, normal(1, 5), CosineSchedule(), 6, Ddim(), Noise([0]))
    for x, s in zip(used, [15, 15, 15, 1, 15, 1], strict=True):
        close(x, two + s * (one - two))


@pytest.mark.parametrize("bring_in", [clipped, dynamically_thresholded])
def test_what_is_in_its_range_stays(bring_in: Callable[[Denoise], Denoise]) -> None:
    z, x = normal(2, 50), normal(2, 50, seed=1).tanh()
    found = bring_in(giving(x))(z, LEVEL)
    assert torch.equal(found.x, x)
    close(found.eps, giving(x)(z, LEVEL).eps)


def test_what_is_out_of_its_range_comes_back() -> None:
    z, x = normal(2, 400), normal(2, 400, seed=1) * torch.tensor([[3.0], [0.4]])
    cut, scaled = clipped(giving(x))(z, LEVEL), dynamically_thresholded(giving(x), 90)(z, LEVEL)
    assert torch.equal(cut.x, x.clamp(-1, 1))
    for row, out in zip(x.numpy(), scaled.x.numpy(), strict=True):
        size = max(1, np.percentile(np.abs(row), 90, method="inverted_cdf"))
        np.testing.assert_allclose(out, np.clip(row, -size, size) / size, rtol=1e-12)
    for found in (cut, scaled):
        close(LEVEL.noised(found.x, found.eps), z)


class Mixing:
    """A denoiser in which every number of a sample depends on every other."""

    def __init__(self) -> None:
        count = math.prod(VIDEO[1:])
        self.mix = (normal(count, count, seed=5) / math.sqrt(count)).requires_grad_()

    def __call__(self, z: Tensor, level: Level) -> Estimate:
        return from_x((z.flatten(1) @ self.mix).tanh().view_as(z), z, level)


def test_reconstruction_moves_unknown_frames_down_the_gradient() -> None:
    """Video Diffusion Models, section 3.1, the gradient by finite differences."""
    network, z, weight = Mixing(), normal(*VIDEO), 7.0
    known = Known(normal(*VIDEO, seed=1).tanh(), [0, 2], Noise([3, 4]))
    found = extended(network, known, weight)(z, LEVEL)
    replaced = Known(known.video_bcthw, known.frames, Noise([3, 4])).replace(z, LEVEL)

    def off(z: Tensor) -> Tensor:
        return (network(z, LEVEL).x - known.video_bcthw)[:, :, [0, 2]].square().sum()

    x, alpha = network(replaced, LEVEL).x, spread(LEVEL.alpha_b, z)
    for place in [(0, 0, 1, 0, 0), (0, 1, 1, 2, 3), (1, 0, 1, 3, 1)]:
        slope = difference(off, replaced, place)
        close(found.x[place], x[place] - weight * alpha[place[0], 0, 0, 0, 0] / 2 * slope, 1e-6)
    assert torch.equal(found.x[:, :, [0, 2]], known.video_bcthw[:, :, [0, 2]])
    close(LEVEL.noised(found.x, found.eps), z)
    assert network.mix.grad is None


def difference(function: Callable[[Tensor], Tensor], z: Tensor, place: tuple[int, ...], step: float = 1e-5) -> Tensor:
    """Central."""
    up, down = z.clone(), z.clone()
    up[place] += step
    down[place] -= step
    with torch.no_grad():
        return (function(up) - function(down)) / (2 * step)


def test_superresolution_moves_everything_down_the_gradient() -> None:
    network, z, low = Mixing(), normal(*VIDEO), normal(2, 2, 3, 2, 2, seed=1).tanh()
    found = superresolved(network, low, 4.0)(z, LEVEL)

    def off(z: Tensor) -> Tensor:
        return (resized(network(z, LEVEL).x, 2, 2) - low).square().sum()

    x, alpha = network(z, LEVEL).x, spread(LEVEL.alpha_b, z)
    for place in [(0, 0, 0, 0, 0), (1, 1, 2, 3, 1)]:
        close(found.x[place], x[place] - 2 * alpha[place[0], 0, 0, 0, 0] * difference(off, z, place), 1e-6)


def test_both_reconstructions_add_up() -> None:
    """An extension of a larger video: the gradient is of both errors, at the replaced z."""
    network, z, low = Mixing(), normal(*VIDEO), normal(2, 2, 3, 2, 2, seed=1).tanh()

    def known() -> Known:
        return Known(normal(*VIDEO, seed=2).tanh(), [0], Noise([3, 4]))

    replaced = known().replace(z, LEVEL)
    x = network(replaced, LEVEL).x
    moves = [
        extended(network, known(), 4.0)(z, LEVEL).x - x,
        superresolved(network, low, 4.0)(replaced, LEVEL).x - x,
    ]
    close(extended(network, known(), 4.0, low)(z, LEVEL).x[:, :, 1:], (x + sum(moves))[:, :, 1:])


def test_small_videos_are_made_frame_by_frame() -> None:
    video = normal(*VIDEO)
    alone = resized(video[:, :, 1:2], 2, 2)
    assert torch.equal(resized(video, 2, 2)[:, :, 1:2], alone)
    flat = resized(torch.full(VIDEO, 0.3), 2, 2)
    torch.testing.assert_close(flat, torch.full((2, 2, 3, 2, 2), 0.3))


def test_without_weight_it_is_replacement_alone() -> None:
    """No gradient is taken, and sampling with known frames is sampling with these put into z before each call."""
    network, video = Mixing(), normal(*VIDEO, seed=1).tanh()

    def without_gradients(z: Tensor, level: Level) -> Estimate:
        assert not torch.is_grad_enabled()
        return network(z, level)

    def by_hand(z: Tensor, level: Level) -> Estimate:
        fresh = level.noised(video, again.like(z))
        z = torch.cat([fresh[:, :, :2], z[:, :, 2:]], dim=2)
        return network(z, level)

    again = Noise([3, 4])
    noise = Noise([5, 6])
    expected = sample(by_hand, noise.like(normal(*VIDEO)), CosineSchedule(), 5, Ancestral(0.3), noise)
    noise = Noise([5, 6])
    replacing = extended(without_gradients, Known(video, [0, 1], Noise([3, 4])), 0)
    found = sample(replacing, noise.like(normal(*VIDEO)), CosineSchedule(), 5, Ancestral(0.3), noise)
    close(found[:, :, 2:], expected[:, :, 2:])
    assert torch.equal(found[:, :, :2], video[:, :, :2])


@pytest.mark.parametrize("weight", [0.0, 9.0])
@pytest.mark.parametrize("sampler", [Ancestral(0.3), Ddim(), Langevin(0), Distilled()], ids=repr)
def test_what_is_known_comes_back(sampler: Sampler, weight: float) -> None:
    video, noise = normal(*VIDEO).tanh(), Noise([5, 6])
    whole = extended(Mixing(), Known(video, range(3), Noise([3, 4])), weight)
    assert torch.equal(sample(clipped(whole), noise.like(video), CosineSchedule(), 4, sampler, noise), video)


def test_guidance_brings_unknown_frames_nearer_to_what_follows_from_the_known() -> None:
    """Section 3.1: replacement alone gives frames that do not fit. Two frames of correlation .9, the first known."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)

    def model(z: Tensor, level: Level) -> Estimate:
        alpha, sigma = float(level.alpha_b), float(level.sigma_b)
        gain = alpha * covariance @ torch.linalg.inv(alpha**2 * covariance + sigma**2 * torch.eye(2).double())
        return from_x(torch.einsum("ts,bcshw->bcthw", gain, z), z, level)

    known = torch.full((1, 1, 2, 50, 50), 1.5, dtype=torch.float64)

    def mean(weight: float) -> float:
        noise = Noise([1])
        denoise = extended(model, Known(known, [0], Noise([2])), weight)
        x = sample(denoise, noise.like(known), CosineSchedule(), 60, Ancestral(0.3), noise)
        return float(x[:, :, 1].mean())

    exact = 0.9 * 1.5
    assert abs(mean(2.0) - exact) < 0.5 * abs(mean(0.0) - exact)


@pytest.mark.parametrize("sampler", [Ancestral(0.3), Ddim(), Langevin(0), Distilled()], ids=repr)
def test_videos_may_be_on_another_device_than_levels_and_noise(sampler: Sampler) -> None:
    """The meta device refuses to be mixed with the CPU, as a GPU does."""
    z = torch.empty(VIDEO, device="meta")
    network = torch.nn.Conv3d(2, 2, 3, padding=1, device="meta")

    def call(z: Tensor, level: Level) -> Tensor:
        assert level.told_b.device == z.device
        found: Tensor = network(z) * spread(level.told_b, z)
        return found

    for kind in ("eps", "v", "x"):
        one = denoiser(call, kind)
        denoise = guided(one, guided_together(one, 2.0), oscillating(15, 1, 1))
        known = Known(z, [0], Noise([3, 4]))
        denoise = dynamically_thresholded(extended(denoise, known, 2.0, resized(z, 2, 2)))
        x = sample(denoise, z, CosineSchedule(), 3, sampler, Noise([1, 2]))
        assert (x.shape, x.dtype, x.device.type) == (VIDEO, torch.float32, "meta")
