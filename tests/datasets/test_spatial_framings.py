"""Framings against the code that they are named after: the sizes, the offsets, and what becomes of the pixels."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import functional as vision

from vidgauge.datasets.spatial.framings import FRAMINGS, Fit, Size
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError

SOURCES = [(height, width) for height in (*range(1, 60, 7), 64, 128, 240) for width in (*range(1, 60, 5), 64, 320)]
SIDES = [1, 8, 33, 64, 224]


def framed(name: str, source: Size, wanted: Size) -> Fit:
    return FRAMINGS[name](source, wanted)


def coordinates(height: int, width: int) -> Tensor:
    """A frame that shows where each of its pixels is: the row as red, the column as green."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, torch.full_like(rows, 255)], dim=-1).to(torch.uint8)[None]


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_frame_of_the_size_is_left_alone(name: str) -> None:
    for side in range(1, 300):
        fit = framed(name, (side, side), (side, side))
        assert fit == Fit((0, 0), (side, side), (side, side), (0, 0))


@pytest.mark.parametrize("name", [name for name in FRAMINGS if name.startswith("crop")])
def test_a_crop_covers_all_that_is_wanted_by_as_little_as_it_can(name: str) -> None:
    for source in SOURCES:
        for wanted in ((8, 8), (9, 16), (64, 33)):
            fit = framed(name, source, wanted)
            beyond = fit.size[0] - wanted[0], fit.size[1] - wanted[1]
            assert min(beyond) in (0, 1)  # one pixel where VideoGPT's floats overstep
            for corner, room in zip(fit.corner, beyond, strict=True):
                assert abs(corner - room / 2) <= 0.5
            assert fit.cut == source


def test_torchvision_crops_so() -> None:
    for source in SOURCES:
        for side in SIDES:
            fit = framed("crop-torchvision", source, (side, side))
            resized = vision.resize(torch.zeros(1, *source), [side], vision.InterpolationMode.NEAREST)
            assert fit.size == tuple(resized.shape[1:])
            places = torch.arange(fit.size[0])[:, None] * 1_000_000 + torch.arange(fit.size[1])
            first = vision.center_crop(places[None], [side, side])[0, 0, 0].item()
            assert fit.corner == divmod(first, 1_000_000)


def test_videogpt_crops_so() -> None:
    for height, width in SOURCES:
        for side in SIDES:
            scale = side / min(height, width)
            size = (side, math.ceil(width * scale)) if height < width else (math.ceil(height * scale), side)
            fit = framed("crop-videogpt", (height, width), (side, side))
            assert (fit.size, fit.corner) == (size, ((size[0] - side) // 2, (size[1] - side) // 2))
    # The multiplication in floats: a square that is not resized to a square.
    assert framed("crop-videogpt", (49, 49), (224, 224)).size == (224, 224)
    assert any(framed("crop-videogpt", (side, side), (224, 224)).size == (225, 224) for side in range(1, 400))


def test_the_conventions_differ_by_a_pixel_here_and_there() -> None:
    fits = {name: framed(name, (240, 321), (224, 224)) for name in FRAMINGS if name.startswith("crop")}
    assert {name: fit.size[1] for name, fit in fits.items()} == {
        "crop-floor": 299,
        "crop-torchvision": 299,
        "crop-videogpt": 300,
    }
    assert {name: fit.corner[1] for name, fit in fits.items()} == {
        "crop-floor": 37,
        "crop-torchvision": 38,
        "crop-videogpt": 38,
    }


def test_a_cut_is_the_largest_part_of_that_shape() -> None:
    assert framed("cut", (240, 320), (128, 128)) == Fit((0, 40), (240, 240), (128, 128), (0, 0))
    assert framed("cut", (321, 240), (64, 64)) == Fit((40, 0), (240, 240), (64, 64), (0, 0))
    assert framed("cut", (100, 100), (9, 16)) == Fit((22, 0), (56, 100), (9, 16), (0, 0))
    assert framed("cut", (1, 100), (64, 8)).cut == (1, 1)


# What TensorFlow 2.21's tf.image.resize_with_pad makes of a white frame: height, width, top and left of the white.
TENSORFLOW_PADS = [
    ((240, 320, 224, 224), (168, 224, 28, 0)),
    ((320, 240, 224, 224), (224, 168, 0, 28)),
    ((720, 1280, 224, 224), (126, 224, 49, 0)),
    ((1080, 1920, 112, 112), (63, 112, 24, 0)),
    ((128, 128, 224, 224), (223, 223, 0, 0)),
    ((49, 224, 224, 224), (49, 224, 87, 0)),
    ((33, 47, 20, 90), (20, 28, 0, 30)),
    ((47, 33, 90, 20), (28, 20, 30, 0)),
    ((101, 7, 64, 64), (64, 4, 0, 29)),
    ((5, 5, 7, 9), (7, 7, 0, 1)),
    ((360, 640, 224, 224), (126, 224, 49, 0)),
    ((243, 431, 299, 299), (168, 299, 65, 0)),
]


@pytest.mark.parametrize(("sizes", "box"), TENSORFLOW_PADS)
def test_tensorflow_pads_so(sizes: tuple[int, int, int, int], box: tuple[int, int, int, int]) -> None:
    fit = framed("pad-tensorflow", sizes[:2], sizes[2:])
    assert (*fit.size, -fit.corner[0], -fit.corner[1]) == box


def test_a_pad_holds_all_of_the_frame() -> None:
    for source in SOURCES:
        for wanted in ((8, 8), (9, 16), (64, 33)):
            fit = framed("pad", source, wanted)
            assert any(side == whole for side, whole in zip(fit.size, wanted, strict=True))
            for axis in (0, 1):
                left = wanted[axis] - fit.size[axis]
                assert left >= 0
                assert -fit.corner[axis] == left // 2
    frames = torch.full((1, 6, 12, 3), 255, dtype=torch.uint8)
    padded = SpatialRule.parse("pad/pil-bicubic")(frames, 7, 6, torch.float32)
    assert padded[0, 0, :, 0].tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_a_centre_is_cut_out_and_never_made_up() -> None:
    frames = coordinates(9, 12)
    centre = SpatialRule.parse("centre")(frames, 4, 4, torch.float64) * 255
    assert centre[0, 0, :, 0].round().tolist() == [2, 3, 4, 5]
    assert centre[0, 1, 0].round().tolist() == [4, 5, 6, 7]
    with pytest.raises(UsageError, match="frames of 9x12 have no centre of 4x13"):
        SpatialRule.parse("centre")(frames, 4, 13, torch.float64)
