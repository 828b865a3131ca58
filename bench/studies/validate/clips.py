"""Undistorted clips in two halves, and distorted copies of the second: lossless files in a folder of the run's own."""

import csv
import hashlib
import math
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from vidgauge.bench.studies.validate.sources import Source
from vidgauge.datasets.distortions import distort, frames_taken
from vidgauge.datasets.sample import Sample
from vidgauge.datasets.video import read_video
from vidgauge.datasets.writing import write_video
from vidgauge.errors import VidgaugeError
from vidgauge.files import cache_folder, made

_FEWEST = 4
"""Videos: two in each half, below which nothing has a spread."""


class Clips:
    """The first half stands for real videos, the second for generated ones: no clip is in both.

    Args:
        folder: where files go, nothing else lies, and nothing stays.
        frames: of each clip.
        distortions: those that will be asked for; clips are cut so that there are frames enough for all of them.
    """

    def __init__(self, folder: Path, frames: int, distortions: list[str]) -> None:
        self._folder, self._frames = folder, frames
        self._span = max([frames, *(frames_taken(name, 1.0, frames) for name in distortions)])
        self.real: list[Path] = []
        self.other: list[Path] = []
        self._longer: list[Path] = []
        """Of the second half, with the frames that follow."""
        self.captions: Path | None = None
        self.digest = ""
        """Of all frames that are in any of them."""

    def cut(self, source: Source, count: int, advance: Callable[[float], None]) -> None:
        """Take up to so many clips for each half.

        Raises:
            VidgaugeError: where fewer than two for each half can be had.
        """
        hashed, captions = hashlib.sha256(), list[tuple[str, str]]()
        for number, sample in enumerate(source.clips(self._span, 2 * count)):
            hashed.update(sample.frames_thwc.numpy().tobytes())
            path = self._keep(number, sample)
            if sample.caption:
                captions.append((path.name, sample.caption))
            advance((number + 1) / (2 * count))
        self.digest = hashed.hexdigest()
        found = len(self.real) + len(self.other)
        if found < _FEWEST:
            short = f"; {len(source.failed)} could not be used, such as {source.failed[0]}" if source.failed else ""
            raise VidgaugeError(
                f"{source.name} gives {found} clips of {self._span} frames, and at least {_FEWEST} are needed{short}"
            )
        del self.real[len(self.other) :]  # of an odd number the last one
        if len(captions) == found:
            self.captions = self._folder / "captions.csv"
            with self.captions.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("file", "caption"), *captions])

    def __len__(self) -> int:
        """Clips in each half."""
        return len(self.other)

    def distorted(self, name: str, severity: float) -> tuple[list[Path], float]:
        """The second half, damaged, and by how many grey levels a value of a pixel changes (root mean square).

        The files of the same distortion at another severity are gone then.
        """
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        paths, square = [], 0.0
        for number, longer in enumerate(self._longer):
            video = read_video(longer)
            taken_thwc = video.frames_thwc[: frames_taken(name, severity, self._frames)]
            damaged_thwc = distort(taken_thwc, name, severity, seed=number)
            square += (damaged_thwc.float() - video.frames_thwc[: self._frames].float()).square().mean().item()
            paths.append(folder / longer.name)
            _write(paths[-1], damaged_thwc, video.fps)
        return paths, math.sqrt(square / len(paths))

    def _keep(self, number: int, sample: Sample) -> Path:
        """Odd numbers are of the second half."""
        name = f"{number:06d}.{'mkv' if math.isfinite(sample.fps) else 'npy'}"
        side, of_side = ("other", self.other) if number % 2 else ("real", self.real)
        of_side.append(self._folder / side / name)
        _write(of_side[-1], sample.frames_thwc[: self._frames], sample.fps)
        if number % 2:
            self._longer.append(self._folder / "longer" / name)
            _write(self._longer[-1], sample.frames_thwc, sample.fps)
        return of_side[-1]


def _write(path: Path, frames_thwc: Tensor, fps: float) -> None:
    """An array has no rate, as a video has that does not say."""
    write_video(path, frames_thwc, fps if math.isfinite(fps) else 1.0)


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for this process, which is gone at the end; so are those of processes that were killed."""
    parent, host = made(cache_folder("validate")), socket.gethostname()
    for stale in parent.glob(f"{host}-*"):
        if not _runs(int(stale.name.removeprefix(f"{host}-"))):
            shutil.rmtree(stale, ignore_errors=True)
    folder = made(parent / f"{host}-{os.getpid()}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
