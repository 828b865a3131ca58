"""Frames by index are those of a full decode."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from vidgauge.datasets import VideoError
from vidgauge.datasets.reading import decode_frames, frames_at, timeline

Encode = Callable[..., Path]


def whole(path: Path) -> tuple[list[np.ndarray], list[float]]:
    frames, times = zip(*decode_frames(path), strict=True)
    return list(frames), list(times)


def assert_indices_are_those_of_a_full_decode(path: Path, sets: list[list[int]]) -> None:
    frames, times = whole(path)
    np.testing.assert_array_equal(timeline(path), times)
    for indices in sets:
        taken = list(frames_at(path, indices))
        assert len(taken) == len(indices)
        for index, frame_hwc in zip(indices, taken, strict=True):
            assert frame_hwc.dtype == np.uint8
            assert frame_hwc.flags.writeable
            np.testing.assert_array_equal(frame_hwc, frames[index], err_msg=f"{path.name}, frame {index} of {indices}")


@pytest.mark.parametrize("name", ["clip.avi", "clip.gif", "clip.mkv", "clip.mov", "clip.mp4", "clip.webm"])
def test_containers(encode: Encode, name: str) -> None:
    assert_indices_are_those_of_a_full_decode(encode(name), [[], [0], [23], [5, 6, 7], [0, 11, 12, 13, 22]])


@pytest.mark.parametrize("kind", ["clip.npy", "clip.npz", "folder"])
def test_arrays_and_folders(tmp_path: Path, kind: str) -> None:
    frames_thwc = np.random.default_rng(0).integers(0, 256, (6, 8, 10, 3), dtype=np.uint8)
    path = tmp_path / kind
    if kind == "clip.npy":
        np.save(path, frames_thwc)
    elif kind == "clip.npz":
        np.savez(path, frames_thwc)
    else:
        path.mkdir()
        for number, frame_hwc in enumerate(frames_thwc):
            VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(path / f"{number}.png")
    assert_indices_are_those_of_a_full_decode(path, [[], [0], [5], [1, 3, 4]])
    with pytest.raises(VideoError, match="6 frames, so there is none of index 6"):
        list(frames_at(path, [0, 6]))


def test_an_index_beyond_the_end_is_refused(encode: Encode) -> None:
    with pytest.raises(VideoError, match="24 frames, so there is none of index 24"):
        list(frames_at(encode("clip.mp4"), [0, 24]))
