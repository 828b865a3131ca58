"""From files to evidence: one pass over a set of videos, through every network that has not seen them yet."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.comparison import spread
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.inspection import Inspection
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.features import FeatureCache, content_of
from vidgauge.metrics.lane import Lane
from vidgauge.metrics.memory import give_back
from vidgauge.metrics.ranks import Ranks
from vidgauge.metrics.video_set import Known

_FILES_BETWEEN_TRIMS = 100
"""After which freed memory is given back: soon enough for it not to grow, and seldom enough to cost no time."""


class Extraction:
    """One set of videos, and the networks that look at it in one way.

    Args:
        entries: the files, in the order of the evidence.
        clip_rule: which clips to take from each.
        extractors: the networks.
        cache: where features are read from and added to.
        ranks: the processes that share the work; each looks at its own files.
        references: files of features that stand for videos.
        batch_size: clips a network sees at once.
        advance: called after each of this process's files, of which all are read once to know them by their content.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        clip_rule: ClipRule,
        extractors: Sequence[Extractor],
        cache: FeatureCache,
        ranks: Ranks,
        *,
        references: Sequence[Path] = (),
        batch_size: int,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        self._entries, self._clip_rule, self._ranks = entries, clip_rule, ranks
        self._videos = _videos(entries, clip_rule, ranks, advance)
        self._glanced_at = {entry.where for entry in spread(entries)}
        self._about: dict[str, Inspection] = {}
        self._lanes = [Lane(one, cache.shelf(one.seen, clip_rule), batch_size) for one in extractors]
        for lane in self._lanes:
            for path in references:
                lane.refer(path)
            lane.survey(self._videos)

    def lacking(self) -> list[Extractor]:
        """The networks that must look at any of this process's videos."""
        return [lane.extractor for lane in self._lanes if any(lane.lacks(video) for _, video in self._mine())]

    def unseen(self) -> int:
        """How many of this process's videos some network must look at."""
        return sum(any(lane.lacks(video) for lane in self._lanes) for _, video in self._mine())

    def without(self, reasons: Mapping[NetworkUse, str]) -> None:
        """Do without some of the networks, for reasons that stand for their evidence."""
        for lane in self._lanes:
            if reason := reasons.get(lane.extractor.use):
                lane.refusal, lane.absent = reason, True

    def run(
        self,
        *,
        captions: Mapping[str, str] | None = None,
        workers: int,
        strict: bool,
        advance: Callable[[], None],
    ) -> dict[NetworkUse, Evidence]:
        """Decode each file once, if any network has not seen it yet, and run those networks over its clips.

        While a network looks at a batch, the next clips are decoded and resized.

        Args:
            captions: the caption of each file by its identifier, where there are any.
            workers: files decoded ahead.
            strict: fail at the first file that cannot be used, instead of counting it.
            advance: called after each file.

        Returns:
            The evidence, in the first process; nothing in the others.

        Raises:
            UsageError: if no network takes the clips; one that does not has a refusal in its evidence.
            VidgaugeError: if another process failed.
        """
        with self._ranks.together():
            how: dict[str, Any] = {"workers": workers, "strict": strict, "advance": advance, "notice": self._notice}
            _look(self._mine(), self._clip_rule, self._lanes, **how)
        for lane in self._lanes:
            lane.meet(self._videos, self._ranks)
        _check_that_any_takes_them(self._lanes)
        if not self._ranks.first:
            return {}
        evidence = {lane.extractor.use: lane.evidence(self._entries, self._videos, captions) for lane in self._lanes}
        return {use: replace(one, about=self._about) for use, one in evidence.items()}

    def _notice(self, clip: Clip) -> None:
        """Remember what a video is, if anyone will ask: of all videos that would take memory."""
        if clip.entry.where in self._glanced_at:
            self._about[clip.entry.where] = clip.about

    def _mine(self) -> Iterator[tuple[Entry, str]]:
        """This process's files, and what tells their videos from others."""
        pairs = zip(self._entries, self._videos, strict=True)
        return ((entry, video) for entry, video in pairs if self._ranks.mine(entry.id))


def _videos(entries: Sequence[Entry], clip_rule: ClipRule, ranks: Ranks, advance: Callable[[], None]) -> list[str]:
    """What tells each video from others: its content, and its name where the choice of clips hangs on that."""
    mine = [index for index, entry in enumerate(entries) if ranks.mine(entry.id)]
    files = [index for index in mine if not isinstance(entries[index], Known)]
    contents: dict[int, str | None] = {}
    for index, content in zip(files, content_of([entries[index] for index in files]), strict=True):
        contents[index] = content
        advance()
    for _ in range(len(mine) - len(files)):
        advance()
    found = dict(item for part in ranks.gather(contents) for item in part.items())
    # What cannot be read is like nothing else, and will be said to be so when it is decoded.
    videos = []
    for index, entry in enumerate(entries):
        if isinstance(entry, Known):
            videos.append(entry.video)
            continue
        content = found[index] or f"unreadable-{secrets.token_hex(8)}"
        videos.append(f"{content}#{entry.id}" if clip_rule.offset == "random" else content)
    return videos


def _look(
    pairs: Iterable[tuple[Entry, str]],
    clip_rule: ClipRule,
    lanes: Sequence[Lane],
    *,
    workers: int,
    strict: bool,
    advance: Callable[[], None],
    notice: Callable[[Clip], None],
) -> None:
    """Show the lanes what they have not seen."""
    expected = deque[str]()
    """Videos that are being decoded, in the order in which their clips come."""

    def unseen() -> Iterator[Entry]:
        for entry, video in pairs:
            if not isinstance(entry, Known) and any(lane.lacks(video) for lane in lanes):
                for lane in lanes:
                    lane.expect(video)
                expected.append(video)
                yield entry
            else:
                advance()

    with _crew(lanes) as (threads, shares), ExitStack() as whatever_happens:
        for lane in lanes:
            lane.begin(threads, shares)
            whatever_happens.callback(lane.keep)
        found = iterate_clips(unseen(), clip_rule, workers=workers, strict=strict)
        for number, (_, of_one_file) in enumerate(groupby(found, key=lambda item: id(item.entry)), start=1):
            _show(expected.popleft(), of_one_file, lanes, notice)
            if number % _FILES_BETWEEN_TRIMS == 0:
                give_back()
            _check_that_any_takes_them(lanes)
            advance()
        for lane in lanes:
            lane.finish()


@contextmanager
def _crew(lanes: Sequence[Lane]) -> Iterator[tuple[Executor, int]]:
    """Threads for the networks, beside whoever decodes, and how many there are.

    On a CPU each thread computes whole clips on one core. Were all cores to share in each operation, they would wait
    for the one that a decoder has taken, many times a clip.
    """
    cores = torch.get_num_threads()
    on_cpu = all(lane.extractor.device.type == "cpu" for lane in lanes)
    shares = min(cores, *(lane.batch_size for lane in lanes)) if on_cpu and lanes else 1
    torch.set_num_threads(cores // shares)
    try:
        with ThreadPoolExecutor(shares) as threads:
            yield threads, shares
    finally:
        torch.set_num_threads(cores)


def _show(
    video: str, of_one_file: Iterator[Clip | Failure], lanes: Sequence[Lane], notice: Callable[[Clip], None]
) -> None:
    failure = ""
    for item in of_one_file:
        if isinstance(item, Failure):
            failure = item.reason
            continue
        notice(item)
        for lane in lanes:
            lane.add(video, item.frames_thwc)
    for lane in lanes:
        lane.end(video, failure)


def _check_that_any_takes_them(lanes: Sequence[Lane]) -> None:
    present = [lane for lane in lanes if not lane.absent]
    if present and all(lane.refusal for lane in present):
        raise UsageError(present[0].refusal)
