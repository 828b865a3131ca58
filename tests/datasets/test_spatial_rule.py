"""Spatial rules: the protocols' own, bit for bit; other people's roads from frame to network; and what is no rule."""

import math
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as vision

from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError

SIZES = [(240, 320), (320, 240), (64, 64), (33, 47), (64, 65), (7, 5), (1, 9), (96, 72)]


def noise(height: int, width: int, frames: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (frames, height, width, 3), dtype=torch.uint8, generator=generator)


def resized(frames_thwc: Tensor, side: int, rule: str, dtype: torch.dtype = torch.float32) -> Tensor:
    return SpatialRule.parse(rule)(frames_thwc, side, side, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_the_rule_of_the_shapes_protocols_is_torchs_own(size: tuple[int, int], dtype: torch.dtype) -> None:
    frames = noise(*size)
    video = frames.permute(0, 3, 1, 2).to(dtype) / 255
    for side in (64, 224):
        expected = video
        if size != (side, side):
            expected = F.interpolate(video, (side, side), mode="bilinear", antialias=True, align_corners=False)
        assert torch.equal(resized(frames, side, "squash/torch-bilinear-antialias", dtype), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_the_rule_of_clip_is_torchvisions_on_pictures(size: tuple[int, int], dtype: torch.dtype) -> None:
    frames = noise(*size)
    for side in (64, 224):
        pictures = [
            vision.center_crop(
                vision.resize(vision.to_pil_image(frame), side, vision.InterpolationMode.BICUBIC), [side, side]
            )
            for frame in frames.permute(0, 3, 1, 2)
        ]
        expected = torch.stack([vision.pil_to_tensor(picture) for picture in pictures]).to(dtype) / 255
        assert torch.equal(resized(frames, side, "crop-torchvision/pil-bicubic", dtype), expected)


def test_clean_fid_resizes_channels_as_floats_and_clips_them() -> None:
    frames = noise(30, 40)
    planes = [
        np.asarray(Image.fromarray(plane.numpy().astype(np.float32)).resize((37, 37), Image.Resampling.BICUBIC))
        for plane in frames.permute(0, 3, 1, 2).reshape(-1, 30, 40)
    ]
    expected = torch.from_numpy(np.stack(planes).clip(0, 255)).reshape(2, 3, 37, 37) / 255
    assert torch.equal(resized(frames, 37, "squash/pil-bicubic-float/clipped"), expected)
    whole = resized(frames, 37, "squash/pil-bicubic-float")
    assert whole.min() < 0
    assert whole.max() > 1
    torch.testing.assert_close(whole.clamp(0, 1), expected, rtol=0, atol=1e-6)


def test_torchvision_rounds_resized_bytes() -> None:
    for size in SIZES:
        frames = noise(*size)
        for kernel, mode in (
            ("bilinear", vision.InterpolationMode.BILINEAR),
            ("bicubic", vision.InterpolationMode.BICUBIC),
        ):
            expected = vision.resize(frames.permute(0, 3, 1, 2), [24, 24], mode, antialias=False)
            got = resized(frames, 24, f"squash/torch-{kernel}/rounded")
            assert torch.equal((got * 255).round().to(torch.uint8), expected)


def test_cd_fvd_truncates_between_two_kernels() -> None:
    for height, width in ((40, 61), (61, 40), (50, 50), (20, 24)):
        frames = noise(height, width)
        video = frames.permute(0, 3, 1, 2).float() / 255
        scale = 32 / min(height, width)
        size = (32, math.ceil(width * scale)) if height < width else (math.ceil(height * scale), 32)
        video = F.interpolate(video, size=size, mode="bilinear", align_corners=False, antialias=True)
        top, left = (size[0] - 32) // 2, (size[1] - 32) // 2
        stored = (video[:, :, top : top + 32, left : left + 32] * 255).byte()
        expected = F.interpolate(stored.float(), size=(28, 28), mode="bilinear", align_corners=False) / 255
        got = resized(frames, 28, "crop-videogpt@32/torch-bilinear-antialias/truncated > squash/torch-bilinear")
        torch.testing.assert_close(got, expected, rtol=0, atol=2e-7)


def test_tgan_resizes_by_opencv_and_keeps_the_centre() -> None:
    cv2: ModuleType = pytest.importorskip("cv2")
    had_ipp = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        for frames in (noise(48, 48), noise(30, 52)):
            stored = [cv2.resize(frame.numpy(), (32, 32), interpolation=cv2.INTER_CUBIC) for frame in frames]
            expected = torch.from_numpy(np.stack(stored))[:, 2:30, 2:30].permute(0, 3, 1, 2) / 255
            assert torch.equal(resized(frames, 28, "squash@32/cv2-bicubic > centre"), expected)
    finally:
        cv2.ipp.setUseIPP(had_ipp)


def test_bytes_do_not_depend_on_the_networks_precision() -> None:
    frames = noise(50, 41)
    for rule in ("squash/torch-bicubic/rounded", "squash/torch-bilinear/truncated", "squash/tf1-bilinear/rounded"):
        single, double = (resized(frames, 23, rule, dtype) for dtype in (torch.float32, torch.float64))
        assert single.dtype == torch.float32
        assert torch.equal((double * 255).round(), (single * 255).round().double())


def test_long_and_large_clips_are_done_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = noise(30, 20, frames=7)
    for rule in ("squash/torch-bilinear-antialias", "crop-floor/cv2-area", "pad/tf1-bilinear"):
        whole = resized(frames, 9, rule)
        for chunk in (1, 30 * 20 * 3 * 2):
            monkeypatch.setattr("vidgauge.datasets.spatial.rule._CHUNK", chunk)
            assert torch.equal(resized(frames, 9, rule), whole)
        assert whole.is_contiguous()


def test_a_size_may_have_two_sides() -> None:
    frames = noise(20, 30)
    steps = SpatialRule.parse("squash@10x15/pil-bilinear > crop-floor/pil-bilinear").steps
    assert [step.size for step in steps] == [(10, 15), None]
    assert resized(frames, 8, "squash@10x15/pil-bilinear > crop-floor/pil-bilinear").shape == (2, 3, 8, 8)
    assert SpatialRule.parse("pad/tf1-bilinear")(frames, 5, 9, torch.float64).shape == (2, 3, 5, 9)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is not FRAMING"),
        ("squash/torch-bilinear/", "is not FRAMING"),
        ("squash/torch-bilinear/rounds", "the order is clipped, rounded or truncated"),
        ("squash@0/torch-bilinear", "is not FRAMING"),
        ("squish/torch-bilinear", "no framing 'squish'; did you mean 'squash'"),
        ("squash/torch-bilinar", "no kernel 'torch-bilinar'; did you mean 'torch-bilinear'"),
        ("squash", "every other framing has one"),
        ("centre/torch-bilinear", "'centre' has no kernel"),
        ("squash@32/torch-bilinear", "every step but the last says its size"),
        ("squash/pil-bicubic > centre", "every step but the last says its size"),
        ("squash/pil-bicubic/rounded", "gives bytes already; leave out 'rounded'"),
        ("squash@32/torch-bilinear > squash/pil-bicubic", "a step gives floats"),
        ("squash@32/torch-bilinear > squash/torch-bilinear/rounded", "a step gives floats"),
        ("squash@32/tf1-bilinear/clipped > squash@16/torch-bilinear > squash/cv2-area", "a step gives floats"),
    ],
)
def test_what_is_no_rule_is_refused_by_one_line(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as refused:
        SpatialRule.parse(text)
    assert "\n" not in str(refused.value)


def test_what_are_no_frames_is_refused_by_one_line() -> None:
    frames = noise(4, 4)
    for given in (frames.float(), frames[0], frames[:0]):
        with pytest.raises(UsageError, match=r"frames are torch\.uint8"):
            resized(given, 2, "squash/torch-bilinear")
    with pytest.raises(UsageError, match="the size is 0x0"):
        resized(frames, 0, "squash/torch-bilinear")
