"""Video files of clips that are scored: made here, so that anyone can make the same ones."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgauge.bench.contests.decoding_files import RATE, scene
from vidgauge.metrics.video_set import Side

SIDES: tuple[Side, Side] = ("real", "generated")


def write_clips(folder: Path, clips: int, frames: int, height: int, width: int) -> dict[Side, Path]:
    """Two folders of H.264 files, all of so many frames and none like another."""
    shown = scene(width, height, len(SIDES) * clips * frames)
    for side in SIDES:
        (folder / side).mkdir(parents=True)
        for number in range(clips):
            _encode(folder / side / f"{number:05}.mp4", islice(shown, frames), height, width)
    return {side: folder / side for side in SIDES}


def write_arrays(folder: Path, count: int, frames: int, size: int, seed: int) -> Path:
    """A folder of small videos of noise, as npy: thousands of them are soon written."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number in range(count):
        frames_thwc = generator.integers(0, 256, size=(frames, size, size, 3), dtype=np.uint8)
        np.save(folder / f"{number:05}.npy", frames_thwc)
    return folder


def _encode(path: Path, frames: Iterator[NDArray[np.uint8]], height: int, width: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame_hwc in frames:
            container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))
