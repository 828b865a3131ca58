"""The videos that samples are held against: real ones, and real ones whose motion is gone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from vidgauge.datasets.moving_shapes import MovingShapes, distort, scene_at
from vidgauge.datasets.writing import write_video

SEED = 3_000_001
"""Of a world that no network and no system is trained on."""
BLUR = 0.5
"""A standard deviation of 1/32 of the side: one pixel at 32x32. Edges are soft, and shapes still what they are."""
PLAIN = "plain"
"""The style of Moving Shapes unless another is asked for."""
REAL = "real"
OTHER = "other real clips"
BLURRED_AND_FROZEN = "blurred and frozen"


@dataclass(frozen=True)
class Size:
    """Of all videos that are compared."""

    frames: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.frames}x{self.height}x{self.width}"


def frozen(frames_thwc: Tensor) -> Tensor:
    """The first frame all along."""
    return distort(frames_thwc, "freeze", 1.0, seed=0)


def blurred(frames_thwc: Tensor) -> Tensor:
    """Soft, with all its motion."""
    return distort(frames_thwc, "blur", BLUR, seed=0)


def mean_frame(frames_thwc: Tensor) -> Tensor:
    """The mean over time, all along: what a model that cannot tell when things happen is best at."""
    return frames_thwc.float().mean(0, keepdim=True).round().to(frames_thwc.dtype).expand_as(frames_thwc)


BASELINES: dict[str, Callable[[Tensor], Tensor]] = {
    OTHER: lambda frames_thwc: frames_thwc,
    BLURRED_AND_FROZEN: lambda frames_thwc: frozen(blurred(frames_thwc)),
    "frozen": frozen,
    "blurred": blurred,
    "mean frame": mean_frame,
}
"""What is made of other real clips than those that everything is scored against. Sets are paired with samples by the
scene: each sample is asked for with the caption of the clip of its number."""


def prompts(clips: int) -> list[str]:
    """The captions of the other real clips, in order."""
    return [scene_at(SEED, index).caption for index in range(clips, 2 * clips)]


def file_of(folder: Path, number: int) -> Path:
    """Where the video of that number lies, in every set."""
    return folder / f"{number:06d}.mkv"


def write_sets(folder: Path, size: Size, clips: int, style: str = PLAIN) -> Iterator[int]:
    """Write those that are not there yet, each into its own folder; yields how many clips are done."""
    world = MovingShapes(size.frames, size.height, size.width, seed=SEED, count=2 * clips, style=style)
    for number in range(clips):
        real, other = world[number], world[clips + number]
        write_clip(folder, number, real.frames_thwc, other.frames_thwc, real.fps)
        yield number + 1


def write_clip(folder: Path, number: int, real_thwc: Tensor, other_thwc: Tensor, fps: float) -> None:
    """Write the video of that number into each set that does not have it.

    Args:
        folder: of the sets.
        number: from 0.
        real_thwc: what everything is scored against.
        other_thwc: another real clip, of which the baselines are made.
        fps: of both.
    """
    videos = {REAL: real_thwc} | {name: make(other_thwc) for name, make in BASELINES.items()}
    for name, frames_thwc in videos.items():
        path = file_of(folder / name, number)
        if not path.exists():
            write_video(path, frames_thwc, fps)
