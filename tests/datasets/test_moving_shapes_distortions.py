import pytest
import torch
from scipy import ndimage

from vidgauge.datasets.moving_shapes import DISTORTIONS, MovingShapes, distort
from vidgauge.errors import UsageError

FRAMES = MovingShapes(seed=9, count=1)[0].frames_thwc


@pytest.mark.parametrize("name", DISTORTIONS)
def test_severity_goes_from_nothing_upwards(name: str) -> None:
    assert torch.equal(distort(FRAMES, name, 0, seed=1), FRAMES)
    changes = [
        (distort(FRAMES, name, severity, seed=1).float() - FRAMES.float()).square().mean().item()
        for severity in (0.25, 0.5, 1.0)
    ]
    assert 0 < changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_same_seed_does_the_same_damage_and_leaves_the_input(name: str) -> None:
    before = FRAMES.clone()
    once, again = (distort(FRAMES, name, 0.7, seed=2) for _ in range(2))
    assert once.dtype == torch.uint8
    assert once.shape == FRAMES.shape
    assert torch.equal(once, again)
    assert torch.equal(FRAMES, before)


def test_blur_is_gaussian() -> None:
    blurred = distort(FRAMES, "blur", 0.5, seed=0)
    expected = ndimage.gaussian_filter1d(
        ndimage.gaussian_filter1d(FRAMES.double().numpy(), 2.0, axis=1, mode="nearest"), 2.0, axis=2, mode="nearest"
    )
    assert (blurred.double() - torch.from_numpy(expected)).abs().max() < 1.0


def test_noise_has_the_stated_deviation() -> None:
    grey = torch.full((16, 64, 64, 3), 128, dtype=torch.uint8)
    assert distort(grey, "noise", 0.25, seed=3).double().std().item() == pytest.approx(16, rel=0.02)


def test_a_full_shuffle_moves_every_frame_and_loses_none() -> None:
    numbered = torch.arange(16, dtype=torch.uint8).reshape(16, 1, 1, 1).expand(16, 8, 8, 3)
    order = distort(numbered, "shuffle", 1.0, seed=4)[:, 0, 0, 0]
    assert sorted(order.tolist()) == list(range(16))
    assert (order != numbered[:, 0, 0, 0]).all()


def test_a_freeze_repeats_the_last_frame_shown() -> None:
    frozen = distort(FRAMES, "freeze", 0.4, seed=0)
    assert torch.equal(frozen[:10], FRAMES[:10])
    assert (frozen[10:] == FRAMES[9]).all()


def test_unknown_damage_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'blur'"):
        distort(FRAMES, "blurr", 0.5, seed=0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        distort(FRAMES, "blur", 2, seed=0)
