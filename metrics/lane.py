"""One network's way through a set of videos: clips in, batches through the network, features onto the shelf."""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import torch
from numpy.typing import NDArray

from vidgauge.datasets.folder import Entry
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.arrays import equal_parts
from vidgauge.metrics.evidence import Evidence, Failed
from vidgauge.metrics.extractor import Extractor
from vidgauge.metrics.features import Shelf, Whole
from vidgauge.metrics.ranks import Ranks

_SECONDS_TO_APPEAR = 30.0
"""That a file of another machine may take until it is seen here."""

Outputs = dict[str, NDArray[np.float32]]


@dataclass
class _Open:
    """A video that is not whole yet, or whose clips the network has not all seen."""

    video: str
    clips: int = 0
    ended: bool = False
    failure: str = ""


class Lane:
    """One network and its shelf.

    Args:
        extractor: the network.
        shelf: where its features are, and come to.
        batch_size: clips it sees at once, at most.
    """

    _threads: Executor
    """Where it works, so that more can be decoded and resized meanwhile."""
    _shares: int
    """Into how many parts a batch is cut, one a thread."""
    _batch: int
    """Clips that it sees next."""

    def __init__(self, extractor: Extractor, shelf: Shelf, batch_size: int) -> None:
        self.extractor, self.shelf, self.batch_size = extractor, shelf, batch_size
        self.refusal = ""
        """Why the network does not take these clips; it is asked no more."""
        self.absent = False
        """Whether that is because there is no network."""
        self._known: set[str] = set()
        """Videos that were on the shelf before."""
        self._failures: dict[str, tuple[str, int]] = {}
        """Why a video failed, and after how many clips that are whole."""
        self._expected: set[str] = set()
        self._open: deque[_Open] = deque()
        self._waiting: list[torch.Tensor] = []
        self._working: list[Future[Outputs]] = []
        self._rows: deque[Outputs] = deque()

    def survey(self, videos: Sequence[str]) -> None:
        """See which of the videos it has seen before."""
        self.shelf.find(videos)
        self._known = {video for video in videos if video in self.shelf}

    def refer(self, path: Path) -> None:
        """Take the features of a reference file, if they are what this network would give."""
        try:
            self.shelf.take(path)
        except UsageError as error:
            self.refusal = str(error)

    def begin(self, threads: Executor, shares: int) -> None:
        """Work in these threads from now on, on so many parts of a batch at once.

        The first batch is one clip for each of them, and each further one twice the last, so that none waits for files
        any longer than it must.
        """
        self._threads, self._shares, self._batch = threads, shares, min(shares, self.batch_size)

    def lacks(self, video: str) -> bool:
        """Whether it must see the video, and was not promised to."""
        return not self.refusal and video not in self._expected and video not in self.shelf

    def expect(self, video: str) -> None:
        """Promise it the video, which is decoded."""
        if self.lacks(video):
            self._expected.add(video)

    def add(self, video: str, frames_thwc: torch.Tensor) -> None:
        """One more clip of a video, uint8, if it needs it."""
        if self.refusal or video not in self._expected:
            return
        self._begin(video)
        # Prepared at once: what waits is small whatever the size of the video.
        prepared = self.extractor.prepare(frames_thwc)
        if self._waiting and self._waiting[0].shape != prepared.shape:  # whole videos differ in length
            self._run()
        self._waiting.append(prepared)
        self._open[-1].clips += 1
        if len(self._waiting) == self._batch:
            self._run()

    def end(self, video: str, failure: str) -> None:
        """No more clips of a video; ``failure`` says why not, where it is broken."""
        if self.refusal or video not in self._expected:
            return
        self._begin(video)
        self._open[-1].ended, self._open[-1].failure = True, failure
        self._settle()
        if all(share.done() for share in self._working):
            self._receive()

    def finish(self) -> None:
        """The network sees what still waits."""
        self._run()
        self._receive()

    def keep(self) -> None:
        """Shelve what is whole, whether the end was reached or not."""
        self._receive()
        self.shelf.flush()

    def meet(self, videos: Sequence[str], ranks: Ranks) -> None:
        """Know what the other processes know, and see what they shelved."""
        if ranks.world == 1:
            return
        known = ranks.gather((self.refusal, self._failures))
        self.refusal = next((refusal for refusal, _ in known if refusal), "")
        self._failures = dict(item for _, failures in known for item in failures.items())
        if not ranks.first or self.refusal:
            return
        wanted, until = {self._name(video) for video in videos} - {""}, monotonic() + _SECONDS_TO_APPEAR
        self.shelf.find(wanted)
        while unseen := [video for video in wanted if video not in self.shelf]:
            if monotonic() > until:
                raise VidgaugeError(
                    f"features of {len(unseen)} videos that other processes computed are not in {self.shelf.folder}; "
                    "give --cache a folder that all of them see"
                )
            sleep(1.0)
            self.shelf.find(wanted)

    def evidence(self, entries: Sequence[Entry], videos: Sequence[str], captions: Mapping[str, str] | None) -> Evidence:
        """What the network made of these videos."""
        failed = [
            Failed(entry.id, self._failures[video][0])
            for entry, video in zip(entries, videos, strict=True)
            if video in self._failures
        ]
        if self.refusal:
            return Evidence({}, [], None if captions is None else [], failed, refusal=self.refusal)
        named = [(entry, name) for entry, video in zip(entries, videos, strict=True) if (name := self._name(video))]
        clips = [(entry, name) for entry, name in named for _ in range(self.shelf.clips(name))]
        return Evidence(
            outputs=self.shelf.rows([name for _, name in named]),
            sources=[entry.where for entry, _ in clips],
            captions=None if captions is None else [captions[entry.id] for entry, _ in clips],
            failed=failed,
            names=[entry.id for entry, _ in clips],
            cached=sum(name in self._known for _, name in clips),
            contents=[name for _, name in clips],
        )

    def _name(self, video: str) -> str:
        """What it is called on the shelf: one that broke in the middle is no whole one; nothing if it gave nothing."""
        if video not in self._failures:
            return video
        _, clips = self._failures[video]
        return f"{video} until clip {clips}" if clips else ""

    def _begin(self, video: str) -> None:
        if not self._open or self._open[-1].video != video:
            self._open.append(_Open(video))

    def _run(self) -> None:
        self._receive()
        if self._waiting:  # unless what came back is that the network takes none of them
            parts = equal_parts(len(self._waiting), min(self._shares, len(self._waiting)))
            self._working = [self._threads.submit(self.extractor, self._waiting[part]) for part in parts]
            self._waiting, self._batch = [], min(2 * self._batch, self.batch_size)

    def _receive(self) -> None:
        working, self._working = self._working, []
        try:
            batches = [share.result() for share in working]
        except UsageError as error:
            self.refusal = str(error)
            self._waiting = []
            return
        for outputs in batches:
            count = len(next(iter(outputs.values())))
            self._rows.extend({name: array[row : row + 1] for name, array in outputs.items()} for row in range(count))
        self._settle()

    def _settle(self) -> None:
        """Shelve the videos of which all is there, in their order."""
        while self._open and self._open[0].ended and len(self._rows) >= self._open[0].clips:
            done = self._open.popleft()
            rows = [self._rows.popleft() for _ in range(done.clips)]
            if done.failure:
                self._failures[done.video] = (done.failure, done.clips)
            name = self._name(done.video)
            if done.failure and name:
                self.shelf.find([name])  # only now is it known what the clips before the damage are called
            if rows and name not in self.shelf:
                self.shelf.add(
                    Whole(name, {output: np.concatenate([row[output] for row in rows]) for output in rows[0]})
                )
