"""Clips out of frames that arrive one after another: each frame is decoded once, one span of them is held."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets.decoding_jobs import Job
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.isolation import Run


class Cutter:
    """What frames the windows of one video need, and the clips that these frames make.

    Args:
        windows: gives the windows whenever it is called: of each, the indices of its frames. Where there are several,
            neither their first nor their last frames may go back.
        n_frames: how many frames the video has.
        path: the video.
    """

    def __init__(self, windows: Callable[[], Iterator[list[int]]], n_frames: int, path: Path) -> None:
        self._windows, self._path = windows, path
        needed = np.zeros(n_frames, dtype=bool)
        for window in windows():
            needed[window] = True
        self.indices: list[int] = np.flatnonzero(needed).tolist()
        """The frames that any window needs, ascending."""
        self._n_arrived = 0
        self._earlier: dict[int, NDArray[np.uint8]] = {}  # frames that came with one window and are needed by the next
        self._window: list[int] = []
        self._position: dict[int, int] = {}  # where in the present window a frame comes first
        self._clip_thwc: NDArray[np.uint8] | None = None

    def cut(self, run: Run, job: Job, *arguments: Any) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:  # noqa: ANN401
        """Each window with its frames, shape (time, height, width, 3); can be done once.

        Args:
            run: does the job.
            job: gives the frames of ``indices``, in this order.
            arguments: of the job.

        Raises:
            VideoError: as the job raises it, or if it gives more or fewer frames.
        """
        arriving = run(job, self._path, *arguments, place=self._place)
        for window, following in pairwise(chain(self._windows(), [None])):
            assert window is not None
            self._window = window
            self._position = {index: position for position, index in reversed(list(enumerate(window)))}
            later = self._receive(arriving, max(window), following[0] if following else None)
            clip_thwc = self._completed()
            self._earlier, self._clip_thwc = later, None
            if following is None and next(arriving, None) is not None:  # this also lets the job come to its end
                raise VideoError(self._path, f"decodes to more than the {len(self.indices)} frames that it declares")
            yield window, clip_thwc
            del clip_thwc  # or it would be held while the next is made

    def _receive(
        self, arriving: Iterator[NDArray[np.uint8]], last: int, following: int | None
    ) -> dict[int, NDArray[np.uint8]]:
        """Take frames up to the last of this window; those that the following ones need too, from its first on."""
        later = {} if following is None else {i: frame for i, frame in self._earlier.items() if i >= following}
        while self._n_arrived < len(self.indices) and self.indices[self._n_arrived] <= last:
            frame_hwc = next(arriving, None)
            if frame_hwc is None:
                raise VideoError(
                    self._path, f"decodes to {self._n_arrived} of the {len(self.indices)} frames that it declares"
                )
            index = self.indices[self._n_arrived]
            self._n_arrived += 1
            if following is not None and index >= following:  # a copy, or all of this clip would be held with it
                later[index] = frame_hwc.copy() if index in self._position else frame_hwc
        return later

    def _place(self, shape: tuple[int, ...], dtype: str) -> NDArray[np.uint8]:
        """Where the next frame comes: into its place in the clip, if it is part of the present one."""
        index = self.indices[self._n_arrived] if self._n_arrived < len(self.indices) else -1
        if index not in self._position:
            return np.empty(shape, dtype)
        place: NDArray[np.uint8] = self._clip(shape)[self._position[index]]
        return place

    def _clip(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The present clip, for which there is room once its first frame is known."""
        if self._clip_thwc is None:
            self._clip_thwc = self._room((len(self._window), *shape))
        if self._clip_thwc.shape[1:] != shape:  # an array's place must fit it, whatever the decoder says
            raise VideoError(self._path, f"changes from {self._clip_thwc.shape[1:]} to {shape} midway")
        return self._clip_thwc

    def _room(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        try:
            if math.prod(shape) <= _most_bytes():
                return np.empty(shape, np.uint8)
        except MemoryError:
            pass
        gigabytes = math.prod(shape) / 1e9
        raise VideoError(self._path, f"makes clips of {gigabytes:.1f} GB, for which there is not enough memory")

    def _completed(self) -> NDArray[np.uint8]:
        """The present clip, when all of its frames have arrived: those of earlier windows and repeated ones too."""
        for position, index in enumerate(self._window):
            if index in self._earlier:
                self._clip(self._earlier[index].shape)[position] = self._earlier[index]
            elif self._clip_thwc is not None and position != self._position[index]:
                self._clip_thwc[position] = self._clip_thwc[self._position[index]]
        assert self._clip_thwc is not None
        return self._clip_thwc


def _most_bytes() -> int:
    """Half of the machine's memory: a file that declares a huge size must not take all of it."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 if hasattr(os, "sysconf") else sys.maxsize
