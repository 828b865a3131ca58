"""Each convention of PSNR and SSIM against loops, closed forms and the libraries that it is named after."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch
from pydantic import ValidationError
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence, Failed
from vidgauge.metrics.paired import PAIRED, PairedMeasure
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.metrics.uncertainty.bootstrap import bootstrap

CONVENTIONS = [
    ("psnr", "frame-mean-db"),
    ("psnr", "torchmetrics"),
    ("ssim", "valid"),
    ("ssim", "same-zero"),
    ("ssim", "torchmetrics"),
]


def rule(name: str, convention: str) -> PairedMeasure:
    return PAIRED[name].model_validate({"convention": convention})


def frames(seed: int, count: int = 3, height: int = 17, width: int = 14) -> Tensor:
    """Bytes with some structure."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = 0.2 * torch.rand(count, 3, height, width, generator=generator)
    return (255 * (0.8 * smooth + noise)).to(torch.uint8)


def evidence(values: list[float], failed: list[Failed] | None = None) -> PairedEvidence:
    names = [f"{number}.mkv" for number in range(len(values))]
    sides = {side: Evidence({}, names, failed=failed or []) for side in ("real", "generated")}
    return PairedEvidence(np.array(values), [np.array([value, value + 2]) for value in values], sides)  # type: ignore[arg-type]


def looped_psnr(real: Tensor, generated: Tensor) -> list[float]:
    decibels = []
    for a, b in zip(real.tolist(), generated.tolist(), strict=True):
        flat_a, flat_b = np.ravel(a) / 255, np.ravel(b) / 255
        error = sum((x - y) ** 2 for x, y in zip(flat_a, flat_b, strict=True)) / len(flat_a)
        decibels.append(100.0 if error < 1e-10 else 20 * math.log10(1 / math.sqrt(error)))
    return decibels


def looped_ssim(real: Tensor, generated: Tensor, border: str) -> list[float]:
    """Window by window, with variances about the window's own mean."""
    window = np.array([[math.exp(-(x * x + y * y) / (2 * 1.5**2)) for x in range(-5, 6)] for y in range(-5, 6)])
    window /= window.sum()
    modes: dict[str, Any] = {"same-zero": "constant", "torchmetrics": "reflect"}
    scores = []
    for a_chw, b_chw in zip(real.numpy() / 255, generated.numpy() / 255, strict=True):
        values = []
        for a, b in zip(a_chw, b_chw, strict=True):
            a, b = (x if border == "valid" else np.pad(x, 5, mode=modes[border]) for x in (a, b))
            for top in range(a.shape[0] - 10):
                for left in range(a.shape[1] - 10):
                    x, y = (image[top : top + 11, left : left + 11] for image in (a, b))
                    mean_x, mean_y = (window * x).sum(), (window * y).sum()
                    var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
                    cov = (window * (x - mean_x) * (y - mean_y)).sum()
                    luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
                    values.append(luminance * (2 * cov + 9e-4) / (var_x + var_y + 9e-4))
        scores.append(float(np.mean(values)))
    return scores


def test_the_conventions_of_all_measures_are_tried() -> None:
    assert set(PAIRED.names()) == {"lpips", *(name for name, _ in CONVENTIONS)}
    for name, convention in CONVENTIONS:
        with pytest.raises(ValidationError, match=r"frame-mean-db|valid"):
            rule(name, f"no {convention}")


def test_psnr_by_frames_is_the_loop_of_the_usual_script() -> None:
    real, generated = frames(1), frames(2)
    generated[1] = real[1]
    measure = rule("psnr", "frame-mean-db")
    got = measure.frames(real, generated)
    assert got == pytest.approx(looped_psnr(real, generated), rel=1e-7)
    assert got[1] == 100
    assert measure.clip(got) == pytest.approx(np.mean(looped_psnr(real, generated)), rel=1e-7)


def test_psnr_of_a_clip_is_that_of_torchmetrics_over_the_whole_of_it() -> None:
    real, generated = frames(1), frames(2)
    generated[2] = (generated[2].float() * 0.3).to(torch.uint8)  # so that frames differ in their errors
    measure = rule("psnr", "torchmetrics")
    got = measure.clip(measure.frames(real, generated))
    theirs = peak_signal_noise_ratio(generated.double() / 255, real.double() / 255, data_range=1.0)
    assert got == pytest.approx(float(theirs), rel=1e-7)
    squared = np.mean((real.numpy() / 255 - generated.numpy() / 255) ** 2)
    assert got == pytest.approx(-10 * math.log10(squared), rel=1e-7)
    by_frame = rule("psnr", "frame-mean-db")
    assert got < by_frame.clip(by_frame.frames(real, generated)) - 0.01


@pytest.mark.parametrize("offset", [0.5, 0.1, 1e-3])
@pytest.mark.parametrize("convention", ["frame-mean-db", "torchmetrics"])
def test_psnr_of_a_constant_offset(offset: float, convention: str) -> None:
    real = torch.full((2, 3, 4, 5), 0.25, dtype=torch.float64)
    measure = rule("psnr", convention)
    got = measure.frames(real, real + offset)
    assert got == pytest.approx(-20 * math.log10(offset), rel=1e-7)
    assert measure.clip(got) == pytest.approx(-20 * math.log10(offset), rel=1e-7)


def test_the_cap_lies_where_the_squared_error_is_1e_10() -> None:
    real = torch.full((3, 3, 4, 5), 0.25, dtype=torch.float64)
    offsets = torch.tensor([1.01e-5, 0.99e-5, 1e-7], dtype=torch.float64)[:, None, None, None]
    capped, free = (rule("psnr", name).frames(real, real + offsets) for name in ("frame-mean-db", "torchmetrics"))
    assert capped[0] == pytest.approx(-20 * math.log10(1.01e-5), rel=1e-7)
    assert capped[1:].tolist() == [100, 100]
    assert free == pytest.approx(-20 * np.log10(offsets.flatten().numpy()), rel=1e-7)


def test_equal_videos_have_a_capped_psnr_or_none() -> None:
    real = frames(1)
    assert rule("psnr", "frame-mean-db").frames(real, real).tolist() == [100] * 3
    measure = rule("psnr", "torchmetrics")
    assert measure.clip(measure.frames(real, real)) == math.inf
    half = measure.frames(real, torch.cat([real[:1], frames(2)[1:]]))
    assert half[0] == math.inf
    assert math.isfinite(measure.clip(half))  # one equal frame is nothing special in a clip
    with pytest.raises(UsageError, match=r"no finite PSNR: 1\.mkv and 1 more; the convention frame-mean-db"):
        measure.statistic(evidence([30, math.inf, math.inf]))
    with pytest.raises(UsageError, match=r"no finite PSNR: 1\.mkv;"):
        measure.statistic(evidence([30, math.inf]))


@pytest.mark.parametrize("border", ["valid", "same-zero", "torchmetrics"])
@pytest.mark.parametrize("size", [(13, 12), (11, 14)])
def test_ssim_is_the_loop_over_windows(border: str, size: tuple[int, int]) -> None:
    real, generated = (frames(seed, 2, *size) for seed in (1, 2))
    got = rule("ssim", border).frames(real, generated)
    assert got == pytest.approx(looped_ssim(real, generated, border), abs=1e-12)


def test_ssim_is_that_of_torchmetrics() -> None:
    real, generated = (frames(seed, 4, 40, 30) for seed in (1, 2))
    theirs = structural_similarity_index_measure(
        generated.double() / 255, real.double() / 255, data_range=1.0, reduction="none"
    )
    got = rule("ssim", "torchmetrics").frames(real, generated)
    assert got == pytest.approx(np.asarray(theirs), abs=1e-12)


def test_valid_ssim_is_that_of_the_usual_script() -> None:
    """Filtered with OpenCV over the whole frame, five pixels cut off."""
    cv2 = pytest.importorskip("cv2")
    real, generated = (frames(seed, 2, 40, 30) for seed in (1, 2))
    line = cv2.getGaussianKernel(11, 1.5)
    window = np.outer(line, line)

    def blur(image: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.filter2D(image, -1, window))[5:-5, 5:-5]

    def one(x: np.ndarray, y: np.ndarray) -> float:
        mx, my = blur(x), blur(y)
        vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
        return float(np.mean((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))))

    pairs = zip(real.numpy() / 255, generated.numpy() / 255, strict=True)
    expected = [np.mean([one(x, y) for x, y in zip(a, b, strict=True)]) for a, b in pairs]
    assert rule("ssim", "valid").frames(real, generated) == pytest.approx(np.array(expected), abs=1e-10)


def test_ssim_with_zeros_outside_is_scipys_filter() -> None:
    real, generated = (frames(seed, 1, 40, 30).numpy()[0] / 255 for seed in (1, 2))

    def blur(image: np.ndarray) -> np.ndarray:  # truncate 3.5 makes 11 taps of sigma 1.5
        filtered = scipy.ndimage.gaussian_filter(image, 1.5, truncate=3.5, mode="constant", axes=(1, 2))
        return np.asarray(filtered)

    mx, my = blur(real), blur(generated)
    vx, vy, cov = blur(real**2) - mx**2, blur(generated**2) - my**2, blur(real * generated) - mx * my
    map_chw = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    got = rule("ssim", "same-zero").frames(torch.from_numpy(real)[None], torch.from_numpy(generated)[None])
    assert got == pytest.approx(map_chw.mean(), abs=1e-12)


def test_ssim_of_flat_frames_is_their_luminance() -> None:
    flat = torch.full((1, 3, 12, 12), 0.25, dtype=torch.float64)
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    for border in ("valid", "torchmetrics"):
        assert rule("ssim", border).frames(flat, 3 * flat) == pytest.approx(expected, abs=1e-12)


def test_borders_make_a_difference() -> None:
    real, generated = frames(1), frames(2)
    got = [rule("ssim", name).frames(real, generated)[0] for name in ("valid", "same-zero", "torchmetrics")]
    assert min(abs(a - b) for a, b in zip(got, got[1:] + got[:1], strict=True)) > 1e-3


@pytest.mark.parametrize(("name", "convention"), CONVENTIONS)
def test_measures_are_symmetric_and_take_bytes_or_floats(name: str, convention: str) -> None:
    measure, (real, generated) = rule(name, convention), (frames(1), frames(2))
    got = measure.frames(real, generated)
    assert got.dtype == np.float64
    assert got.shape == (3,)
    assert measure.frames(generated, real) == pytest.approx(got, rel=1e-12)
    assert measure.frames(real.double() / 255, generated) == pytest.approx(got, rel=1e-12)
    assert measure.frames(real.float() / 255, generated.float() / 255) == pytest.approx(got, rel=1e-5)
    asking = real.double().div(255).requires_grad_()
    assert measure.frames(asking, generated) == pytest.approx(got, rel=1e-12)
    alone = [measure.frames(real[i : i + 1], generated[i : i + 1])[0] for i in range(3)]
    assert got == pytest.approx(alone, rel=1e-12)  # frames do not know of each other


@pytest.mark.parametrize("convention", ["valid", "same-zero", "torchmetrics"])
def test_ssim_of_equal_frames_is_1(convention: str) -> None:
    assert rule("ssim", convention).frames(frames(1), frames(1)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("name", "convention"), CONVENTIONS)
def test_what_is_no_pair_of_frames_is_refused(name: str, convention: str) -> None:
    measure, real = rule(name, convention), frames(1)
    refused = {
        "must have one shape": (real, frames(1, width=15)),
        r"must be \(time, 3, height, width\)": (real[0], real[0]),
        r"the shape is \(3, 1, 17, 14\)": (real[:, :1], real[:, :1]),
        r"the shape is \(0, 3": (real[:0], real[:0]),
        "dtype is torch.int32": (real.int(), real),
        r"lie in \[0, 1\]; they lie in \[.*, 2\d\d\]": (real, real.float()),
        "they lie in \\[-": (real, real.float() / 255 - 0.9),
        "nan": (real / 255 + math.nan, real),
    }
    for message, (a, b) in refused.items():
        with pytest.raises(UsageError, match=message):
            measure.frames(a, b)


@pytest.mark.parametrize(("convention", "least"), [("valid", 11), ("same-zero", 1), ("torchmetrics", 6)])
def test_ssim_says_which_frames_are_too_small(convention: str, least: int) -> None:
    measure = rule("ssim", convention)
    assert measure.smallest() == least
    enough, height = torch.zeros(1, 3, least, 20), least - 1
    assert measure.frames(enough, enough) == pytest.approx(1)
    if height:
        with pytest.raises(UsageError, match=f"frames of 20x{height} are too small; {least}x{least} is the least"):
            measure.frames(enough[:, :, 1:], enough[:, :, 1:])


def test_a_score_is_the_mean_over_clips_and_counts_repeat_them() -> None:
    measure, given = rule("psnr", "frame-mean-db"), evidence([20, 30, 70])
    statistic = measure.statistic(given)
    assert statistic() == 40
    assert statistic(np.array([2.0, 1.0, 0.0])) == pytest.approx((20 + 20 + 30) / 3)
    assert measure.notes(given) == [
        f"standard deviation over all frames, as published: {np.std([20, 22, 30, 32, 70, 72]):.4g}"
    ]
    assert rule("psnr", "torchmetrics").notes(evidence([20, math.inf])) == []


def test_intervals_draw_pairs() -> None:
    values = list(np.random.default_rng(0).normal(30, 2, size=40))
    given = evidence(values)
    statistic = rule("psnr", "frame-mean-db").statistic(given)
    interval = bootstrap(statistic, statistic(), [given.sources], replicates=2000, level=0.95, minimum=10, seed=0)
    assert interval.low is not None
    assert interval.high is not None
    expected = 1.96 * np.std(values) / math.sqrt(40)  # the central limit
    assert interval.high - interval.low == pytest.approx(2 * expected, rel=0.1)


def test_without_pairs_there_is_no_score() -> None:
    nothing = evidence([], [Failed("a.mkv", "has no partner: no real video is called 'a'")])
    with pytest.raises(
        UsageError, match=r"psnr needs a pair, and there is none: generated a\.mkv has no partner.*1 more"
    ):
        rule("psnr", "frame-mean-db").statistic(nothing)
