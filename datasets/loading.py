"""Clips out of many videos: in the same order and with the same bytes whatever the number of workers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.cutting import Cutter
from vidgauge.datasets.decoding_jobs import look, pick, whole
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.folder import Entry, reason_within
from vidgauge.datasets.inspection import Inspection
from vidgauge.datasets.isolation import Run, default_workers, isolated
from vidgauge.errors import UsageError


@dataclass(frozen=True, eq=False)
class Clip:
    """A piece of a video, or all of it."""

    id: str
    """The video's identifier, ``#`` and the index of the clip's first frame; ``.1``, ``.2`` ... follow for further
    clips that begin at that frame, as those of a rule in time can. The video's alone for a whole video."""
    entry: Entry
    """The video."""
    start: int
    """Index of the clip's first frame in the video."""
    frames_thwc: torch.Tensor
    """RGB frames, ``uint8``, shape (time, height, width, 3)."""
    fps: float
    """Frames per second of the clip: the rule's, or the video's divided by the stride; ``nan`` where the video does
    not say."""
    about: Inspection
    """What the video is, as a glance at it tells."""


@dataclass(frozen=True)
class Failure:
    """A video that gives no clip, or none beyond those that have come."""

    id: str
    """The video's identifier."""
    reason: str
    """Why, in one line."""
    too_short: bool = False
    """Whether nothing is wrong with it but its length."""
    entry: Entry | None = field(default=None, compare=False, repr=False)
    """The video, where there is a file."""


class TooShortError(VideoError):
    """A video with fewer frames than a clip spans, under a rule that does not make up for them."""


def iterate_clips(
    entries: Iterable[Entry], rule: ClipRule | None, workers: int | None = None, strict: bool = False
) -> Iterator[Clip | Failure]:
    """The clips of all videos, in the order of the entries.

    Every entry answers with its clips, or with one failure that says why there are none: nothing is left out in
    silence, and nothing is put in its place. Only the frames that clips need are decoded. Damage that shows in a
    file's headers and packets is found wherever it lies, damage inside a frame only where that frame is needed; where
    it comes after clips of the same file that are whole, these are given and the failure follows them.

    Memory holds the clip that was given last, what waits ahead of its turn (``prefetch.in_order`` has the bounds) and
    one frame in each decoder, whatever the length of the files.

    Args:
        entries: the videos, as ``list_videos`` gives them.
        rule: how clips are cut; None takes each video as a whole, and is the one that checks all of it.
        workers: processes that decode, so that a file that crashes its decoder, hangs it or makes it take too much
            memory is a failure like any other; as many as there are processors, up to 8, unless told. With 0, files are
            decoded in this process, which then is what crashes. Results do not depend on it otherwise.
        strict: raise at the first failure.

    Raises:
        VideoError: a video gives no clip, and ``strict`` or ``rule.short == "fail"`` says that this must not be.
    """
    if workers is None:
        workers = default_workers()
    if workers < 0:
        raise UsageError(f"workers is {workers}; give 0 or more")
    return isolated(entries, partial(_answers, rule, strict), workers, weigh=_weight)


def _clips_of(entry: Entry, rule: ClipRule | None, run: Run) -> Iterator[Clip]:
    """One video's clips; TooShortError where the rule finds none, VideoError where the video cannot be read."""
    if rule is None:
        yield from _whole(entry, run)
        return
    description, timestamps = run(look, entry.path)
    try:
        cutter = Cutter(partial(rule.each_window, timestamps, entry.id), len(timestamps), entry.path)
        if not cutter.indices:
            raise TooShortError(entry.path, _how_short(rule, timestamps))
    except UsageError as error:  # a rule in time and a file without times
        raise VideoError(entry.path, str(error)) from error
    fps = rule.fps or description["fps"] / rule.stride
    about = Inspection.of(entry, description, timestamps)
    before, again = -1, 0
    for window, clip_thwc in cutter.cut(run, pick, cutter.indices):
        again = again + 1 if window[0] == before else 0
        before = window[0]
        id_ = f"{entry.id}#{window[0]}" + (f".{again}" if again else "")
        yield Clip(id_, entry, window[0], torch.from_numpy(clip_thwc), fps, about)
        del clip_thwc  # or it would be held while the next is made


def _whole(entry: Entry, run: Run) -> Iterator[Clip]:
    description, timestamps = run(look, entry.path)
    cutter = Cutter(lambda: iter([list(range(len(timestamps)))]), len(timestamps), entry.path)
    for _, clip_thwc in cutter.cut(run, whole):
        about = Inspection.of(entry, description, timestamps)
        yield Clip(entry.id, entry, 0, torch.from_numpy(clip_thwc), description["fps"], about)


def _answers(rule: ClipRule | None, strict: bool, run: Run, entry: Entry) -> Iterator[Clip | Failure]:
    n_clips = 0
    try:
        for clip in _clips_of(entry, rule, run):
            n_clips += 1
            yield clip
            del clip  # or it would be held while the next is made
    except VideoError as error:
        too_short = isinstance(error, TooShortError)
        if strict or (too_short and rule is not None and rule.short == "fail"):
            raise
        yield Failure(entry.id, _reason(error, entry, n_clips), too_short, entry)


def _reason(error: VideoError, entry: Entry, n_clips: int) -> str:
    return reason_within(entry, error) + (f" (after {n_clips} clips, which are whole)" if n_clips else "")


def _how_short(rule: ClipRule, timestamps: Sequence[float]) -> str:
    n_ticks, _ = rule.ticks(timestamps)
    if rule.fps is None:
        return f"has {n_ticks} frames, but a clip spans {rule.span}"
    return f"has {n_ticks} frames at {rule.fps:g} per second, but a clip takes {rule.span}"


def _weight(answer: Clip | Failure) -> int:
    return answer.frames_thwc.numel() if isinstance(answer, Clip) else 0
