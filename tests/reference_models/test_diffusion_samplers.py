"""Samplers: against the textbook, on Gaussian data whose best denoiser is known, and distillation's identity."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from vidgauge.reference_models.diffusion import (
    Ancestral,
    CosineSchedule,
    Ddim,
    Denoise,
    DiscreteSchedule,
    Distilled,
    Estimate,
    Langevin,
    Level,
    Noise,
    Sampler,
    Schedule,
    distilled_estimate,
    draw_halves,
    from_x,
    levels,
    linear_betas,
    loss,
    sample,
    target,
    zero_terminal_snr,
)
from vidgauge.reference_models.diffusion.distillation import x_between
from vidgauge.reference_models.diffusion.samplers.ancestral import deviation, posterior_mean
from vidgauge.reference_models.diffusion.samplers.ddim import ddim_step
from vidgauge.reference_models.diffusion.samplers.distilled import diffused

ZERO_SNR = DiscreteSchedule(zero_terminal_snr(linear_betas()))
SCHEDULES = [CosineSchedule(), ZERO_SNR]
SAMPLERS = [Ancestral(0), Ancestral(0.3), Ancestral(1), Ddim(), Langevin(0), Distilled()]
MEAN = torch.tensor([0.5, -1.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.3], [0.3, 0.25]], dtype=torch.float64)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-7) -> None:
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gaussian(z: Tensor, level: Level) -> Estimate:
    """The best there is for data from N(MEAN, COVARIANCE): E[x | z], for z (1, ..., 2)."""
    alpha, sigma = float(level.alpha_b), float(level.sigma_b)
    gain = alpha * COVARIANCE @ torch.linalg.inv(alpha**2 * COVARIANCE + sigma**2 * torch.eye(2, dtype=torch.float64))
    return from_x(MEAN + (z - alpha * MEAN) @ gain.T, z, level)


def bent(z: Tensor, level: Level) -> Estimate:
    """Some denoiser that is neither linear nor consistent."""
    return from_x((1.3 * z + 0.1 * level.told_b.to(z)[:, None]).tanh(), z, level)


@pytest.mark.parametrize("gamma", [0, 1])
def test_ancestral_steps_are_ddpms_posterior(gamma: float) -> None:
    """Ho et al., arXiv 2006.11239, eq. 6 and 7; variances beta~ (section 3.2's lower) and beta (its upper bound)."""
    betas = linear_betas(50, 1e-3, 0.3)
    schedule, x, z = DiscreteSchedule(betas), normal(1, 7), normal(1, 7, seed=1)
    kept = (1 - betas).cumprod(0)
    for t in range(1, 50):
        now, then = (schedule.level(torch.tensor([step])) for step in (t, t - 1))
        mean = kept[t - 1].sqrt() * betas[t] / (1 - kept[t]) * x
        mean = mean + (1 - betas[t]).sqrt() * (1 - kept[t - 1]) / (1 - kept[t]) * z
        close(posterior_mean(x, z, now, then), mean)
        variance = betas[t] if gamma else (1 - kept[t - 1]) / (1 - kept[t]) * betas[t]
        close(deviation(now, then, gamma).square(), variance[None])


def test_ancestral_steps_in_continuous_time() -> None:
    """Video Diffusion Models, section 2, as it is printed."""
    now, then = (CosineSchedule().level(torch.tensor([t])) for t in (0.7, 0.4))
    x, z, ratio = normal(1, 7), normal(1, 7, seed=1), (now.log_snr_b - then.log_snr_b).exp()
    mean = ratio * then.alpha_b / now.alpha_b * z + (1 - ratio) * then.alpha_b * x
    close(posterior_mean(x, z, now, then), mean)
    lower, upper = (1 - ratio) * then.sigma_b**2, (1 - ratio) * now.sigma_b**2
    close(deviation(now, then, 0.3).square(), lower**0.7 * upper**0.3)


def test_steps_from_noise_alone_and_to_a_clean_video() -> None:
    noisiest, clean = (ZERO_SNR.level(torch.tensor([step])) for step in (999, -1))
    x, z = normal(1, 7), normal(1, 7, seed=1)
    for then in (ZERO_SNR.level(torch.tensor([900])), clean):
        close(posterior_mean(x, z, noisiest, then), then.alpha_b * x)  # z says nothing about x
    assert [float(deviation(noisiest, clean, gamma)) for gamma in (0, 0.3, 1)] == [0, 0, 0]


def test_a_langevin_step_by_hand() -> None:
    ahead, z = levels(CosineSchedule(), 4), normal(1, 5)
    corrected = Langevin(0.3, delta=0.2).step(bent, z, ahead, Noise([0]))
    noise = Noise([0])
    before = Ancestral(0.3).step(bent, z, ahead, noise)
    sigma, eps = ahead[1].sigma_b, bent(before, ahead[1]).eps
    close(corrected, before - 0.1 * sigma * eps + math.sqrt(0.2) * sigma * noise.like(z))


def test_going_back_keeps_the_forward_marginals() -> None:
    """z at t is alpha_t x + sigma_t eps; after more noise it must be distributed as alpha_s x + sigma_s eps."""
    path = levels(CosineSchedule(), 6)
    for noisier, now in pairwise(path):
        nothing = torch.zeros(1, 20000)
        factor = diffused(torch.ones(1, 1), now, noisier, Noise([0])) - diffused(
            torch.zeros(1, 1), now, noisier, Noise([0])
        )
        close(factor.double(), (noisier.alpha_b / now.alpha_b)[None], 1e-3)
        added = diffused(nothing, now, noisier, Noise([0])).var().double()
        expected = noisier.sigma_b**2 - (noisier.alpha_b / now.alpha_b) ** 2 * now.sigma_b**2
        close(added[None], expected, 0.04)


class Impulses(Noise):
    """Noise that is 1 in one dimension of one draw, for each in a row of its own, and nothing in the last row.

    With Gaussian data every sampler is linear in its noise, so that such rows hold all that the result can be: its mean
    in the last one, and in the others, less it, factors of the covariance. No Monte Carlo.
    """

    def __init__(self, draws: int) -> None:
        super().__init__([])
        draws_of_rows = torch.eye(2 * draws + 1, dtype=torch.float64)[:-1].view(draws, 2, -1)
        self._rows = iter(draws_of_rows.mT.unbind())

    def like(self, z: Tensor) -> Tensor:
        del z
        return next(self._rows)[None]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_gaussian_data_come_out(sampler: Sampler, schedule: Schedule) -> None:
    """The data's mean, and their covariance but for an error that falls about as fast as steps rise, or faster."""
    off = []
    for steps in (75, 150, 300):
        noise = Impulses(2 * steps)
        x = sample(gaussian, noise.like(torch.empty(0)), schedule, steps, sampler, noise)[0]
        factors = x[:-1] - x[-1]
        close(x[-1], MEAN, 1e-4)  # the continuous schedule starts at alpha = 5e-5, not 0
        off.append(float((factors.T @ factors - COVARIANCE).abs().max()))
    assert off[-1] < 0.03
    assert all(coarse / fine > 1.6 for coarse, fine in pairwise(off))


def test_gaussian_data_come_out_of_real_noise() -> None:
    noise = Noise([0])
    z = noise.like(torch.zeros(1, 20_000, 2, dtype=torch.float64))
    x = sample(gaussian, z, CosineSchedule(), 60, Ancestral(1), noise)[0]
    close(x.mean(0), MEAN, 0.03)
    close(x.T.cov(), COVARIANCE, 0.03)


def test_ddim_follows_the_ode() -> None:
    """Along the probability flow of N(0, V) z / sqrt(alpha^2 V + sigma^2) stays; DDIM's error is of first order."""
    variances, directions = torch.linalg.eigh(COVARIANCE)
    first = levels(CosineSchedule(), 1)[0]
    z = normal(1, 9, 2)
    scale = (variances / (first.alpha_b**2 * variances + first.sigma_b**2)).sqrt()
    exact = MEAN + ((z - first.alpha_b * MEAN) @ directions * scale) @ directions.T
    off = [
        float((sample(gaussian, z, CosineSchedule(), steps, Ddim(), Noise([0])) - exact).abs().max())
        for steps in (200, 400, 800)
    ]
    assert off[2] < 0.01
    assert all(1.8 < coarse / fine < 2.2 for coarse, fine in pairwise(off))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_the_last_step_adds_no_noise(sampler: Sampler, steps: int) -> None:
    x, told, advanced = normal(2, 4).float(), [], []

    def knows(z: Tensor, level: Level) -> Estimate:
        told.append(level.step)
        return from_x(x, z, level)

    noise = Noise([1, 2])
    found = sample(knows, noise.like(x), ZERO_SNR, steps, sampler, noise, lambda: advanced.append(1))
    assert torch.equal(found, x)
    assert len(advanced) == steps
    assert sorted(set(told)) == list(range(steps))
    assert len(told) == (2 * steps - 1 if isinstance(sampler, Langevin) else steps)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_a_sample_depends_on_its_seed_alone(sampler: Sampler) -> None:
    def from_seeds(seeds: list[int]) -> Tensor:
        noise = Noise(seeds)
        return sample(bent, noise.like(torch.zeros(len(seeds), 6)), CosineSchedule(), 4, sampler, noise)

    torch.testing.assert_close(from_seeds([7, 8, 9])[1:2], from_seeds([8]))


def student_of(teacher: Denoise, path: list[Level]) -> Denoise:
    """The oracle: at every second level of the teacher's path it estimates what it is to learn."""

    def denoise(z: Tensor, level: Level) -> Estimate:
        at = 2 * level.step
        return distilled_estimate(teacher, z, *path[at : at + 3])

    return denoise


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("teacher", [bent, gaussian])
def test_an_oracle_student_gets_where_its_teacher_gets(teacher: Denoise, schedule: Schedule) -> None:
    z = normal(1, 3, 2) if teacher is gaussian else normal(1, 5)
    path = levels(schedule, 8)
    student = student_of(teacher, path)
    one = ddim_step(student, z, path[0], path[2])
    two = ddim_step(teacher, ddim_step(teacher, z, path[0], path[1]), path[1], path[2])
    close(one, two)
    slow = sample(teacher, z, schedule, 8, Ddim(), Noise([0]))
    close(sample(student, z, schedule, 4, Ddim(), Noise([0])), slow)


def test_the_students_target_is_its_teachers_estimate_where_that_does_not_change() -> None:
    x, z, path = normal(1, 5), normal(1, 5, seed=1), levels(CosineSchedule(), 8)
    found = distilled_estimate(lambda z, level: from_x(x, z, level), z, *path[2:5])
    close(found.x, x)
    end = normal(1, 5, seed=2)
    close(path[4].noised(*from_x(x_between(z, end, path[2], path[4]), z, path[2])), end)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_distillation_trains_on_the_students_steps(schedule: Schedule) -> None:
    path = levels(schedule, 8)
    drawn = draw_halves(schedule, 4, 200, torch.Generator().manual_seed(0))
    starts: list[int] = []
    for sigmas in zip(*(level.sigma_b.tolist() for level in drawn), strict=True):
        order = [float(level.sigma_b) for level in path]
        start = order.index(sigmas[0])
        assert list(sigmas) == order[start : start + 3]
        starts.append(start)
    assert set(starts) == {0, 2, 4, 6}
    now, middle, then = drawn
    z = normal(200, 5)
    found = distilled_estimate(bent, z, now, middle, then)
    output = target("v", found.x, found.eps, now)
    assert float(loss("v", output, found.x, found.eps, now, "truncated_snr").max()) < 1e-20
    close(now.noised(found.x, found.eps), z)
