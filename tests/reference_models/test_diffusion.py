"""Diffusion's algebra in float64: levels, schedules, predictions, losses, noise."""

import math
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import (
    Augmentation,
    CosineSchedule,
    DiscreteSchedule,
    Level,
    Noise,
    Prediction,
    Schedule,
    Space,
    cosine_betas,
    denoiser,
    estimate,
    from_x,
    levels,
    linear_betas,
    loss,
    scaled_linear_betas,
    spread,
    target,
    zero_terminal_snr,
)

KINDS: tuple[Prediction, ...] = get_args(Prediction)
SPACES: tuple[Space, ...] = get_args(Space)
ZERO_SNR = DiscreteSchedule(zero_terminal_snr(linear_betas()))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(a: Tensor, b: Tensor, tolerance: float = 1e-7) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture
def level() -> Level:
    return CosineSchedule(-6, 6).level(torch.tensor([0.0, 0.3, 0.5, 1.0]))


def test_cosine_reaches_its_ends() -> None:
    schedule = CosineSchedule()
    times = torch.tensor([0.0, 0.5, 1.0])
    close(schedule.log_snr(times), torch.tensor([20.0, 0.0, -20.0], dtype=torch.float64))
    found = schedule.level(times)
    close(found.alpha_b.square() + found.sigma_b.square(), torch.ones(3, dtype=torch.float64))
    close(found.log_snr_b, found.told_b)


def test_cosine_that_is_hardly_clipped_is_the_cosine() -> None:
    """Nichol and Dhariwal's without their offset: alpha = cos(pi t / 2)."""
    times = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    found = CosineSchedule(-60, 60).level(times)
    close(found.alpha_b, (times * math.pi / 2).cos())
    close(found.sigma_b, (times * math.pi / 2).sin())


def test_discrete_levels_are_products_of_betas() -> None:
    betas = linear_betas(20, 0.01, 0.3)
    found = DiscreteSchedule(betas).level(torch.arange(-1, 20))
    kept = 1.0
    assert (float(found.alpha_b[0]), float(found.sigma_b[0])) == (1.0, 0.0)
    for step, beta in enumerate(betas.tolist()):
        kept *= 1 - beta
        assert float(found.alpha_b[step + 1]) == pytest.approx(math.sqrt(kept), rel=1e-12)
        assert float(found.sigma_b[step + 1]) == pytest.approx(math.sqrt(1 - kept), rel=1e-12)
    assert found.told_b.tolist() == list(range(-1, 20))


@pytest.mark.parametrize(("betas", "terminal"), [(linear_betas(), 0.0064), (scaled_linear_betas(), 0.068)])
def test_terminal_levels_that_are_published(betas: Tensor, terminal: float) -> None:
    """architectures.md, 0.1; Lin et al., arXiv 2305.08891, table 1."""
    alpha = DiscreteSchedule(betas).level(torch.tensor([999])).alpha_b
    assert float(alpha) == pytest.approx(terminal, rel=0.01)


def test_discrete_cosine_follows_its_curve_until_betas_are_cut() -> None:
    steps = np.arange(1000)
    curve = np.cos((np.append(0, steps + 1) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    alpha = DiscreteSchedule(cosine_betas()).level(torch.from_numpy(steps[:990])).alpha_b
    close(alpha.square(), torch.from_numpy(curve[1:991] / curve[0]))
    assert float(cosine_betas().max()) == 0.999


@pytest.mark.parametrize("betas", [linear_betas(), scaled_linear_betas()])
def test_zero_terminal_snr(betas: Tensor) -> None:
    steps = torch.arange(1000)
    before = DiscreteSchedule(betas).level(steps).alpha_b
    after = DiscreteSchedule(zero_terminal_snr(betas)).level(steps)
    close(after.alpha_b, (before - before[-1]) * before[0] / (before[0] - before[-1]))
    assert float(after.alpha_b[-1]) == 0
    assert float(after.log_snr_b[-1]) == -math.inf


def test_sampling_starts_at_the_last_step_and_ends_clean() -> None:
    assert ZERO_SNR.times(1000) == [*range(999, -1, -1), -1]
    assert ZERO_SNR.times(4) == [999, 749, 499, 249, -1]
    assert CosineSchedule().times(4) == [1, 0.75, 0.5, 0.25, 0]
    for schedule in (ZERO_SNR, CosineSchedule()):
        for steps in (1, 7, 333):
            times = schedule.times(steps)
            assert len(times) == steps + 1
            assert times == sorted(set(times), reverse=True)
            path = levels(schedule, steps, batch=2)
            assert [found.step for found in path] == list(range(steps + 1))
            assert path[-1].sigma_b.tolist() == [0, 0]
            assert path[-1].alpha_b.tolist() == [1, 1]
    with pytest.raises(UsageError, match="1001 sampling steps"):
        ZERO_SNR.times(1001)
    with pytest.raises(UsageError, match="steps is 0"):
        CosineSchedule().times(0)


@pytest.mark.parametrize("betas", [[0.1, 1.0, 0.5], [0.0], [1.1], [float("nan")]])
def test_betas_that_are_none(betas: list[float]) -> None:
    with pytest.raises(UsageError, match="betas must be"):
        DiscreteSchedule(torch.tensor(betas))


@pytest.mark.parametrize("schedule", [CosineSchedule(), ZERO_SNR])
def test_draws_for_training_cover_the_schedule(schedule: Schedule) -> None:
    found = schedule.draw(4000, torch.Generator().manual_seed(0))
    again = schedule.draw(4000, torch.Generator().manual_seed(0))
    low, high = (-20, 20) if isinstance(schedule, CosineSchedule) else (0, 999)
    assert torch.equal(found.told_b, again.told_b)
    assert low <= float(found.told_b.min()) < low + 0.25 * (high - low)
    assert high - 0.25 * (high - low) < float(found.told_b.max()) <= high


@pytest.mark.parametrize("kind", KINDS)
def test_each_prediction_gives_video_and_noise(kind: Prediction, level: Level) -> None:
    x, eps = normal(4, 3, 2), normal(4, 3, 2, seed=1)
    z = level.noised(x, eps)
    found = estimate(kind, target(kind, x, eps, level), z, level)
    close(found.x, x)
    close(found.eps, eps)
    close(from_x(x, z, level).eps, eps)
    wrapped = denoiser(lambda _, level: target(kind, x, eps, level), kind)(z, level)
    close(wrapped.x, x)


def test_v_is_how_z_moves_with_the_angle() -> None:
    """z = cos(phi) x + sin(phi) eps has dz / dphi = v: Salimans and Ho, arXiv 2202.00512, appendix D."""
    x, eps, phi = normal(1, 5), normal(1, 5, seed=1), torch.tensor([0.7], dtype=torch.float64)
    before, level, after = (Level(angle.cos(), angle.sin(), angle) for angle in (phi - 1e-5, phi, phi + 1e-5))
    close(target("v", x, eps, level), (after.noised(x, eps) - before.noised(x, eps)) / 2e-5)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_is_the_error_in_its_space(kind: Prediction, space: Space, level: Level) -> None:
    x, eps, output = normal(4, 3, 2), normal(4, 3, 2, seed=1), normal(4, 3, 2, seed=2)
    found = estimate(kind, output, level.noised(x, eps), level)
    alpha, sigma = spread(level.alpha_b, x), spread(level.sigma_b, x)
    off = {
        "x": found.x - x,
        "eps": found.eps - eps,
        "v": (alpha * found.eps - sigma * found.x) - (alpha * eps - sigma * x),
        "truncated_snr": (found.x - x) * (alpha / sigma).clamp(min=1),
    }
    close(loss(kind, output, x, eps, level, space), off[space].square().mean((1, 2)))
    own = loss(kind, output, x, eps, level)
    close(own, loss(kind, output, x, eps, level, kind))


def test_equivalences_of_losses(level: Level) -> None:
    """architectures.md, 0.1, between the errors of one estimate."""
    x, eps, output = normal(4, 6), normal(4, 6, seed=1), normal(4, 6, seed=2)
    of_x, of_eps, of_v = (loss("v", output, x, eps, level, space) for space in ("x", "eps", "v"))
    snr = level.log_snr_b.exp()
    close(of_eps, snr * of_x)
    close(of_v, (1 + snr) * of_x)
    close(of_v, of_eps / level.alpha_b.square())


def test_noise_alone_and_a_clean_video_give_no_nan() -> None:
    x, eps, output = normal(2, 6), normal(2, 6, seed=1), normal(2, 6, seed=2)
    ends = ZERO_SNR.level(torch.tensor([999, -1]))
    z = ends.noised(x, eps)
    assert torch.equal(z, torch.stack([eps[0], x[1]]))
    for kind in ("v", "x"):
        found = estimate(kind, output, z, ends)
        assert found.x.isfinite().all()
        assert found.eps.isfinite().all()
    assert torch.equal(estimate("v", output, z, ends).x[0], -output[0])
    noisiest = ZERO_SNR.level(torch.tensor([999, 999]))
    for space in SPACES:
        assert loss("v", output, x, eps, noisiest, space).isfinite().all()
    with pytest.raises(UsageError, match="zero terminal SNR"):
        estimate("eps", output, z, ends)
    unbounded = Level.of_log_snr(torch.tensor([-math.inf, math.inf]))
    assert (unbounded.alpha_b.tolist(), unbounded.sigma_b.tolist()) == ([0, 1], [1, 0])


def test_unknown_words() -> None:
    x, level = normal(1, 2), ZERO_SNR.level(torch.tensor([0]))
    with pytest.raises(UsageError, match="prediction is 'w'; choose one of eps, x, v"):
        target("w", x, x, level)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="prediction is 'w'"):
        estimate("w", x, x, level)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="space is 'snr'"):
        loss("v", x, x, x, level, "snr")  # type: ignore[arg-type]


def test_noise_of_a_sample_is_its_own() -> None:
    z = torch.zeros(3, 2, 4, 5, 5)
    together, alone = Noise([3, 4, 5]), Noise([4])
    for _ in range(2):
        assert torch.equal(together.like(z)[1:2], alone.like(z[:1]))
    double = Noise([3, 4, 5]).like(z.double())
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), Noise([3, 4, 5]).like(z))
    shared = Noise([3, 4, 5]).shared_frames(z)
    assert shared.shape == z.shape
    assert torch.equal(shared, shared[:, :, :1].expand_as(shared))
    assert float(double.std()) == pytest.approx(1, abs=0.1)


def test_augmentation_trains_on_all_levels_and_samples_at_one() -> None:
    video, eps = normal(3, 2, 4, 5, 5), normal(3, 2, 4, 5, 5, seed=1)
    drawn = Augmentation(3).draw(100, torch.Generator().manual_seed(0)).told_b
    assert drawn.std() > 3
    noisy, told = Augmentation(3).sampling(video, eps)
    close(noisy, math.sqrt(3 / 4) * video + math.sqrt(1 / 4) * eps)
    close(told, torch.full((3,), math.log(3), dtype=torch.float64))


def test_augmentation_at_an_infinite_snr_changes_nothing() -> None:
    video, eps = normal(3, 2, 4, 5, 5), normal(3, 2, 4, 5, 5, seed=1)
    unchanged, told = Augmentation(math.inf).sampling(video, eps)
    assert torch.equal(unchanged, video)
    assert told.tolist() == [20, 20, 20]


def test_examples_of_the_page() -> None:
    page = Path(__file__).parents[2] / "docs" / "diffusion.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)  # one after another, as a reader would
