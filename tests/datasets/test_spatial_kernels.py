"""Each kernel against the library that it is named after, against its definition written out, and by its symmetries."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as vision

from vidgauge.datasets.spatial.kernels import KERNELS
from vidgauge.errors import UsageError

NAMES = [
    "cv2-area",
    "cv2-bicubic",
    "cv2-bicubic-float",
    "cv2-bicubic-ipp",
    "cv2-bilinear",
    "pil-bicubic",
    "pil-bicubic-float",
    "pil-bilinear",
    "pil-bilinear-float",
    "pil-lanczos",
    "pil-lanczos-float",
    "tf1-bilinear",
    "tf1-bilinear-align-corners",
    "torch-bicubic",
    "torch-bicubic-antialias",
    "torch-bilinear",
    "torch-bilinear-align-corners",
    "torch-bilinear-antialias",
    "torch-nearest",
]
# Source height and width, wanted height and width: up, down, both, odd, even, whole ratios, sides of one pixel.
SIZES = [
    (24, 32, 22, 22),
    (16, 16, 56, 56),
    (48, 64, 11, 13),
    (31, 33, 62, 99),
    (32, 48, 16, 24),
    (30, 45, 10, 9),
    (21, 12, 7, 12),
    (17, 40, 33, 8),
    (7, 5, 3, 8),
    (1, 9, 4, 3),
    (9, 1, 4, 3),
    (9, 1, 4, 1),
    (1, 9, 1, 4),
    (13, 11, 1, 1),
    (1, 1, 5, 6),
    (40, 30, 1, 7),
    (30, 40, 7, 1),
    (3, 3, 8, 8),
    (98, 147, 2, 3),
]
Picture = NDArray[Any]


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> Picture:
    """Noise, and beside it the hardest edges."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    values[:, width // 2 :] = np.where(values[:, width // 2 :] > 127, 255, 0)
    return values


def resized(name: str, picture_hwc: Picture, height: int, width: int) -> Picture:
    images = torch.from_numpy(picture_hwc).permute(2, 0, 1)[None]
    return KERNELS[name](images, height, width)[0].permute(1, 2, 0).numpy()


def suited(name: str, picture_hwc: Picture) -> Picture:
    return picture_hwc if KERNELS[name].takes == "bytes" else picture_hwc.astype(np.float64)


def test_the_names_are_these() -> None:
    assert KERNELS.names() == NAMES


# Against the libraries themselves


@pytest.fixture
def opencv() -> Iterator[ModuleType]:
    module = pytest.importorskip("cv2")
    has_ipp = module.ipp.useIPP()
    yield module
    module.ipp.setUseIPP(has_ipp)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES)
def test_opencv_on_bytes_is_met_bit_for_bit(opencv: ModuleType, size: tuple[int, int, int, int], channels: int) -> None:
    height, width = size[2:]
    image = picture(*size[:2], channels)
    opencv.ipp.setUseIPP(False)
    for name, flag in (
        ("cv2-bilinear", opencv.INTER_LINEAR),
        ("cv2-bicubic", opencv.INTER_CUBIC),
        ("cv2-area", opencv.INTER_AREA),
    ):
        expected = opencv.resize(image, (width, height), interpolation=flag).reshape(height, width, channels)
        np.testing.assert_array_equal(resized(name, image, height, width), expected, err_msg=name)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES)
def test_opencv_on_floats_is_met_but_for_the_order_of_sums(
    opencv: ModuleType, size: tuple[int, int, int, int], channels: int
) -> None:
    height, width = size[2:]
    image = picture(*size[:2], channels).astype(np.float32)
    opencv.ipp.setUseIPP(False)
    expected = opencv.resize(image, (width, height), interpolation=opencv.INTER_CUBIC).reshape(height, width, channels)
    got = resized("cv2-bicubic-float", image, height, width)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)  # bit for bit where vectors hold four floats


@pytest.mark.parametrize("size", SIZES)
def test_opencv_with_ipp_is_met_but_for_ties(opencv: ModuleType, size: tuple[int, int, int, int]) -> None:
    opencv.ipp.setUseIPP(True)
    if not opencv.ipp.useIPP():
        pytest.skip("this build of OpenCV has no IPP")
    height, width = size[2:]
    image = np.random.default_rng(1).integers(0, 256, (*size[:2], 3), dtype=np.uint8)
    expected = opencv.resize(image, (width, height), interpolation=opencv.INTER_CUBIC)
    off = np.abs(resized("cv2-bicubic-ipp", image, height, width).astype(int) - expected)
    assert off.max() <= 1
    assert np.mean(off > 0) < 0.01


@pytest.mark.parametrize("name", ["bicubic", "bilinear", "lanczos"])
@pytest.mark.parametrize("size", SIZES)
def test_pillow_is_pillow(name: str, size: tuple[int, int, int, int]) -> None:
    height, width = size[2:]
    image, filters = picture(*size[:2]), Image.Resampling[name.upper()]

    def by_pillow(plane: Picture) -> Picture:  # columns first: the order that all versions up to 12 have
        return np.asarray(Image.fromarray(plane).resize((width, size[0]), filters).resize((width, height), filters))

    expected = by_pillow(image)
    if size[0] <= size[2]:  # then Pillow 13 has it too
        np.testing.assert_array_equal(np.asarray(Image.fromarray(image).resize((width, height), filters)), expected)
    np.testing.assert_array_equal(resized(f"pil-{name}", image, height, width), expected)
    np.testing.assert_array_equal(resized(f"pil-{name}", image[..., :1], height, width)[..., 0], expected[..., 0])
    planes = [by_pillow(image[..., channel].astype(np.float32)) for channel in range(3)]
    for dtype in (np.float32, np.float64):
        got = resized(f"pil-{name}-float", image.astype(dtype), height, width)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, np.stack(planes, axis=-1))


@pytest.mark.parametrize("corners", [False, True])
def test_tensorflow_is_met_bit_for_bit(corners: bool) -> None:
    """The file holds bytes and what TensorFlow 2.21's ``tf.compat.v1.image.resize_bilinear`` made of them."""
    name, suffix = ("tf1-bilinear-align-corners", "corners") if corners else ("tf1-bilinear", "plain")
    with np.load(Path(__file__).with_name("tf1_bilinear.npz")) as golden:
        cases = [case for case in golden if case.count("-") == 1]
        assert len(cases) == 10
        for case in cases:
            expected = golden[f"{case}-{suffix}"]
            got = resized(name, golden[case].astype(np.float32), *expected.shape[:2])
            np.testing.assert_array_equal(got, expected, err_msg=case)


@pytest.mark.parametrize("size", SIZES)
def test_torchvision_is_met_bit_for_bit(size: tuple[int, int, int, int]) -> None:
    image = torch.from_numpy(picture(*size[:2]).astype(np.float32)).permute(2, 0, 1)[None]
    modes = vision.InterpolationMode
    if size[3] == 1 < size[2]:
        pytest.skip("torch resizes to a single column wrongly with antialias")
    for name, mode, antialias in (
        ("torch-bilinear", modes.BILINEAR, False),
        ("torch-bilinear-antialias", modes.BILINEAR, True),
        ("torch-bicubic", modes.BICUBIC, False),
        ("torch-bicubic-antialias", modes.BICUBIC, True),
        ("torch-nearest", modes.NEAREST, None),
    ):
        expected = vision.resize(image, list(size[2:]), mode, antialias=antialias)
        assert torch.equal(KERNELS[name](image, *size[2:]), expected), name


# Against their definitions: the position of a pixel in the source, and the weight of a neighbour at a distance

Position = Callable[[int, int, int], float]
Weight = Callable[[float], float]


def half_pixel(index: int, length: int, wanted: int) -> float:
    return (index + 0.5) * length / wanted - 0.5


def top_left(index: int, length: int, wanted: int) -> float:
    return index * length / wanted


def corners_on_corners(index: int, length: int, wanted: int) -> float:
    return index * (length - 1) / (wanted - 1) if wanted > 1 else 0.0


def triangle(distance: float) -> float:
    return max(0.0, 1 - abs(distance))


def keys(a: float) -> Weight:
    def weight(distance: float) -> float:
        x = abs(distance)
        if x < 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    return weight


def lanczos(distance: float) -> float:
    return float(np.sinc(distance) * np.sinc(distance / 3)) if abs(distance) < 3 else 0.0


def matrix(length: int, wanted: int, position: Position, weight: Weight) -> Picture:
    """Row by row the weights of all pixels; pixels beyond the border are the border's."""
    if length == wanted:
        return np.eye(length)
    weights = np.zeros((wanted, length))
    for index in range(wanted):
        at = position(index, length, wanted)
        for neighbour in range(int(at) - 4, int(at) + 6):
            weights[index, min(max(neighbour, 0), length - 1)] += weight(at - neighbour)
    return weights


def widened(length: int, wanted: int, weight: Weight) -> Picture:
    """The filter is as much wider as the picture gets smaller; pixels beyond the border do not count."""
    scale = max(1.0, length / wanted)
    at = (np.arange(wanted) + 0.5) * length / wanted
    weights = np.array([[weight((x + 0.5 - centre) / scale) for x in range(length)] for centre in at])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


PLAIN = {
    "tf1-bilinear": (top_left, triangle),
    "tf1-bilinear-align-corners": (corners_on_corners, triangle),
    "torch-bilinear": (half_pixel, triangle),
    "torch-bilinear-align-corners": (corners_on_corners, triangle),
    "torch-bicubic": (half_pixel, keys(-0.75)),
    "cv2-bicubic": (half_pixel, keys(-0.75)),
    "cv2-bicubic-float": (half_pixel, keys(-0.75)),
    "cv2-bicubic-ipp": (half_pixel, keys(-0.75)),
    "cv2-bilinear": (half_pixel, triangle),
}
WIDENED = {
    "pil-bicubic": keys(-0.5),
    "pil-bicubic-float": keys(-0.5),
    "pil-bilinear": triangle,
    "pil-bilinear-float": triangle,
    "pil-lanczos": lanczos,
    "pil-lanczos-float": lanczos,
    "torch-bicubic-antialias": keys(-0.5),
    "torch-bilinear-antialias": triangle,
}


@pytest.mark.parametrize("name", [*PLAIN, *WIDENED])
@pytest.mark.parametrize("size", SIZES)
def test_a_kernel_is_what_its_definition_says(name: str, size: tuple[int, int, int, int]) -> None:
    image = suited(name, picture(*size[:2]))
    if name in PLAIN:
        rows, columns = (matrix(size[axis], size[axis + 2], *PLAIN[name]) for axis in (0, 1))
    else:
        rows, columns = (widened(size[axis], size[axis + 2], WIDENED[name]) for axis in (0, 1))
    across = np.einsum("jkc,wk->jwc", image.astype(np.float64), columns)
    if KERNELS[name].takes == "bytes" and name.startswith("pil"):
        across = np.rint(across).clip(0, 255)
    expected = np.einsum("hj,jwc->hwc", rows, across)
    got = resized(name, image, *size[2:])
    if got.dtype == np.uint8:
        # A half that is rounded the other way between Pillow's passes comes out larger than it went in.
        assert np.abs(got - expected.clip(0, 255)).max() <= (1.6 if name.startswith("pil") else 1)
    else:  # positions that are rounded to float32, or sums that are, are seen at edges of 255
        np.testing.assert_allclose(got, expected, rtol=0, atol=5e-3 if name.startswith(("tf1", "cv2")) else 2e-4)


def test_area_is_the_mean_of_what_a_pixel_covers() -> None:
    for height, width, fewer_rows, fewer_columns in [s for s in SIZES if s[2] <= s[0] and s[3] <= s[1]]:
        image = picture(height, width)
        fine = np.repeat(np.repeat(image.astype(np.float64), fewer_rows, axis=0), fewer_columns, axis=1)
        expected = fine.reshape(fewer_rows, height, fewer_columns, width, 3).mean(axis=(1, 3))
        got = resized("cv2-area", image, fewer_rows, fewer_columns)
        assert np.abs(got - expected).max() <= 0.51


def test_nearest_takes_the_pixel_before() -> None:
    for height, width, rows, columns in SIZES:
        image = suited("torch-nearest", picture(height, width))
        chosen = (
            [index * height // rows for index in range(rows)],
            [index * width // columns for index in range(columns)],
        )
        np.testing.assert_array_equal(resized("torch-nearest", image, rows, columns), image[np.ix_(*chosen)])


# By what must hold of any kernel, and of some


@pytest.mark.parametrize("name", NAMES)
def test_constants_stay_and_so_do_pictures_of_the_size(name: str) -> None:
    for height, width, *wanted in SIZES:
        for value in (0, 1, 77, 254, 255):
            constant = suited(name, np.full((height, width, 3), value, np.uint8))
            np.testing.assert_allclose(resized(name, constant, *wanted), value, rtol=1e-5, atol=0)
        image = suited(name, picture(height, width))
        np.testing.assert_array_equal(resized(name, image, height, width), image)


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_columns_are_done_apart(name: str) -> None:
    for height, width, rows, columns in SIZES:
        if name == "cv2-area" and (rows < height) != (columns < width):
            continue  # one side alone is bilinear, or is not
        # Low in contrast: bytes that overstep their range would be clipped between one side and the other.
        image = suited(name, picture(height, width) // 2 + 64)
        whole = resized(name, image, rows, columns).astype(float)
        for first in ((rows, width), (height, columns)):
            apart = resized(name, resized(name, image, *first), rows, columns)
            assert np.abs(whole - apart).max() <= (2 if image.dtype == np.uint8 else 2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_mirrored_pictures_give_mirrored_ones_unless_they_are_sampled_towards_a_corner(name: str) -> None:
    lopsided = name in ("tf1-bilinear", "torch-nearest")
    worst = 0.0
    for height, width, rows, columns in SIZES:
        if name.endswith("align-corners") and 1 in (rows, columns):
            continue  # a single pixel lies on the first corner
        if name == "cv2-area" and (rows > height or columns > width):
            continue  # pixels are repeated, the first ones more often
        image = suited(name, picture(height, width))
        straight = resized(name, image, rows, columns).astype(float)
        mirrored = resized(name, image[::-1, ::-1].copy(), rows, columns)[::-1, ::-1]
        worst = max(worst, np.abs(straight - mirrored).max())
    if lopsided:
        assert worst > 50
    else:
        assert worst <= (1 if KERNELS[name].takes == "bytes" else 5e-3)


def test_tensorflow_halves_by_leaving_out_every_second_pixel() -> None:
    image = picture(12, 18).astype(np.float32)
    np.testing.assert_array_equal(resized("tf1-bilinear", image, 6, 9), image[::2, ::2])
    np.testing.assert_allclose(
        resized("torch-bilinear", image, 6, 9), image.reshape(6, 2, 9, 2, 3).mean(axis=(1, 3)), atol=1e-4
    )


@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_a_batch_do_not_see_each_other_nor_how_they_lie_in_memory(name: str) -> None:
    images = torch.from_numpy(np.stack([suited(name, picture(24, 33, seed=seed)) for seed in range(5)]))
    spread: Tensor = images.permute(0, 3, 1, 2)
    together = KERNELS[name](spread, 20, 41)
    assert together.dtype == images.dtype
    assert torch.equal(together, torch.cat([KERNELS[name](one[None].contiguous(), 20, 41) for one in spread]))
    before = spread.clone()
    KERNELS[name](spread, 7, 7)
    assert torch.equal(spread, before)


def test_other_inputs_are_refused_by_one_line() -> None:
    bytes_nchw = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    with pytest.raises(UsageError, match=r"got torch\.uint8 \(1, 3, 4, 4\), but this kernel takes floats"):
        KERNELS["torch-bilinear"](bytes_nchw, 2, 2)
    with pytest.raises(UsageError, match="takes bytes"):
        KERNELS["pil-bicubic"](bytes_nchw.float(), 2, 2)
    with pytest.raises(UsageError, match="takes floats"):
        KERNELS["torch-bilinear"](bytes_nchw.half(), 2, 2)
    with pytest.raises(UsageError, match="takes bytes"):
        KERNELS["pil-bicubic"](bytes_nchw[:0], 2, 2)
    with pytest.raises(UsageError, match="the size is 0x2"):
        KERNELS["pil-bicubic"](bytes_nchw, 0, 2)
    with pytest.raises(UsageError, match="did you mean 'cv2-bicubic'"):
        KERNELS["cv2-cubic"]
