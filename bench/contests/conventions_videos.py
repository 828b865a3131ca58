"""The videos of the contest of conventions, and what may happen to a video before it is judged."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from vidgauge.datasets.moving_shapes import FPS, MovingShapes, distort
from vidgauge.datasets.video import read_video

SEED = 5_000_001
"""Of a world that no network is trained on."""
HEIGHT, WIDTH = 120, 160
"""Neither square nor a network's size, as videos are: every resizing rule has something to do."""
FRAMES = 16
"""That a network sees."""
DAMAGE = {"blur": 0.3, "noise": 0.3, "shuffle": 0.2}
"""Of the generated videos: a standard deviation of 2.3 pixels, one of 19 grey levels, a fifth of frames misplaced."""

LONG = 2 * FRAMES - 1
"""As long as every second frame can be one of these."""

Change = Callable[[Tensor], Tensor]
"""From a video to the 16 frames of it that a network is shown, both (T, H, W, 3) bytes."""


def real(first: int, count: int, frames: int = LONG) -> Iterator[Tensor]:
    """Scenes of the world, from that one on."""
    world = MovingShapes(frames, HEIGHT, WIDTH, seed=SEED, count=first + count)
    return (world[number].frames_thwc for number in range(first, first + count))


def generated(first: int, count: int, frames: int = LONG) -> Iterator[Tensor]:
    """The same, damaged: what stands for a model's videos."""
    for number, frames_thwc in enumerate(real(first, count, frames)):
        for name, severity in DAMAGE.items():
            frames_thwc = distort(frames_thwc, name, severity, seed=first + number)
        yield frames_thwc


def as_it_is(frames_thwc: Tensor) -> Tensor:
    """The first frames."""
    return frames_thwc[:FRAMES]


def every_second_frame(frames_thwc: Tensor) -> Tensor:
    """Twice the time in as many frames: half the frame rate."""
    return frames_thwc[::2]


def compressed(crf: int) -> Change:
    """The first frames, written as H.264 in MP4 at that constant rate factor, and read again."""

    def change(frames_thwc: Tensor) -> Tensor:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.mp4"
            _write(path, frames_thwc[:FRAMES], crf)
            return read_video(path).frames_thwc

    return change


def _write(path: Path, frames_thwc: Tensor, crf: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=int(FPS), options={"crf": str(crf), "threads": "1"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = frames_thwc.shape[1], frames_thwc.shape[2], "yuv420p"
        for frame_hwc in frames_thwc.numpy():
            container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))
