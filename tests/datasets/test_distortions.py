import numpy as np
import pytest
import torch
from scipy import fft, ndimage

from vidgauge.datasets.distortions import DISTORTIONS, SPATIAL, TEMPORAL, distort, frames_taken
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError

FRAMES = MovingShapes(seed=9, count=1)[0].frames_thwc
NUMBERED = torch.arange(16, dtype=torch.uint8).reshape(16, 1, 1, 1).expand(16, 8, 8, 3)


def order(name: str, severity: float) -> list[int]:
    """Which frames are shown."""
    numbers: list[int] = distort(NUMBERED, name, severity, seed=4)[:, 0, 0, 0].tolist()
    return numbers


@pytest.mark.parametrize("name", [name for name in DISTORTIONS if name != "speed"])  # motion may be periodic
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
    assert once.shape[1:] == FRAMES.shape[1:]
    assert len(FRAMES) == frames_taken(name, 0.7, len(once))
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


@pytest.mark.parametrize("size", [(64, 64), (13, 21)])
def test_blocks_are_rounded_in_the_cosine_transform(size: tuple[int, int]) -> None:
    frames = FRAMES[:2, : size[0], : size[1]]
    blocky = distort(frames, "blockiness", 0.27, seed=0)
    padded, step = frames.double().numpy() - 128, 0.27 * 256
    padded = np.pad(padded, ((0, 0), (0, -size[0] % 8), (0, -size[1] % 8), (0, 0)), mode="edge")
    for y in range(0, padded.shape[1], 8):
        for x in range(0, padded.shape[2], 8):
            block = padded[:, y : y + 8, x : x + 8]
            rounded = np.round(fft.dctn(block, axes=(1, 2), norm="ortho") / step - 1e-4) * step
            padded[:, y : y + 8, x : x + 8] = fft.idctn(rounded, axes=(1, 2), norm="ortho")
    expected = (padded[:, : size[0], : size[1]] + 128).clip(0, 255)
    assert np.abs(blocky.numpy() - expected).max() < 1.0


def test_a_field_bends_all_frames_alike_or_each_in_its_own_way() -> None:
    still = FRAMES[:1].expand(16, -1, -1, -1)
    assert (distort(still, "warp", 0.5, seed=3)[1:] == distort(still, "warp", 0.5, seed=3)[0]).all()
    apart = distort(still, "wobble", 0.5, seed=3)
    assert all(not torch.equal(one, apart[0]) for one in apart[1:])


def test_a_warp_moves_pixels_as_far_as_it_says() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).mul(4)[:, None].expand(64, 64)  # 4 grey levels a pixel downwards
    clips = [ramp[None, :, :, None].expand(1, -1, -1, 3)] * 200
    moved = torch.stack([distort(clip, "warp", 0.5, seed=seed) for seed, clip in enumerate(clips)]).double() / 4
    at_a_grid_point = moved[:, 0, 31:33, 31:33, 0].mean((1, 2)) - 31.5
    assert at_a_grid_point.std().item() == pytest.approx(2.0, rel=0.15)
    assert at_a_grid_point.mean().item() == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("name", TEMPORAL)
def test_time_alone_is_damaged(name: str) -> None:
    shown = distort(FRAMES, name, 0.5, seed=5)
    assert all(any(torch.equal(frame, other) for other in FRAMES) for frame in shown)


@pytest.mark.parametrize("name", SPATIAL)
def test_frames_alone_are_damaged(name: str) -> None:
    frames = [distort(FRAMES[:1], name, 0.5, seed=5), distort(FRAMES, name, 0.5, seed=5)[:1]]
    changed = [(frame.float() - FRAMES[:1].float()).square().mean().item() for frame in frames]
    assert changed[0] == pytest.approx(changed[1], rel=0.1)


def test_a_full_shuffle_moves_every_frame_and_loses_none() -> None:
    shown = order("shuffle", 1.0)
    assert sorted(shown) == list(range(16))
    assert all(frame != place for place, frame in enumerate(shown))


def test_lost_frames_are_those_before_them() -> None:
    shown = order("drop", 0.4)
    assert len(set(shown)) == 10
    assert all(frame == place or frame == shown[place - 1] for place, frame in enumerate(shown))
    assert order("drop", 1.0) == [0] * 16


def test_the_end_runs_backwards() -> None:
    assert order("reverse", 0.25) == [*range(12), 15, 14, 13, 12]
    assert order("reverse", 1.0) == list(range(15, -1, -1))


def test_jitter_goes_as_far_as_it_says() -> None:
    off = [abs(frame - place) for place, frame in enumerate(order("jitter", 0.25))]
    assert max(off) == 2


def test_a_faster_video_is_shorter() -> None:
    assert order("speed", 1.0) == list(range(0, 16, 2))
    assert order("speed", 0.5) == [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15]
    taken = [frames_taken("speed", severity, 16) for severity in (0, 0.125, 0.3, 1)]
    assert taken == [16, 17, 20, 31]


def test_a_freeze_repeats_the_last_frame_shown() -> None:
    frozen = distort(FRAMES, "freeze", 0.4, seed=0)
    assert torch.equal(frozen[:10], FRAMES[:10])
    assert (frozen[10:] == FRAMES[9]).all()


def test_unknown_damage_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'blur'"):
        distort(FRAMES, "blurr", 0.5, seed=0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        distort(FRAMES, "blur", 2, seed=0)
