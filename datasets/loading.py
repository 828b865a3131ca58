"""Clips out of many videos: in the same order and with the same bytes whatever the number of workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.prefetch import in_order
from vidgauge.datasets.reading import count_frames, describe_video
from vidgauge.datasets.video import decode_frames
from vidgauge.errors import UsageError

_HOLD_BYTES = 2**27  # decoded videos below this are decoded once and held, larger ones decoded twice


@dataclass(frozen=True, eq=False)
class Clip:
    """A piece of a video."""

    id: str
    """The video's identifier, ``#`` and the index of the clip's first frame."""
    entry: Entry
    """The video."""
    start: int
    """Index of the clip's first frame in the video."""
    frames_thwc: torch.Tensor
    """RGB frames, ``uint8``, shape (time, height, width, 3)."""
    fps: float
    """Frames per second of the clip: the video's, divided by the stride; ``nan`` where the video does not say."""


@dataclass(frozen=True)
class Failure:
    """A video that gives no clip."""

    id: str
    """The video's identifier."""
    reason: str
    """Why, in one line."""
    too_short: bool = False
    """Whether nothing is wrong with it but its length."""


class TooShortError(VideoError):
    """A video with fewer frames than a clip spans, under a rule that does not make up for them."""


def iterate_clips(
    entries: Iterable[Entry], rule: ClipRule, workers: int = 0, strict: bool = False
) -> Iterator[Clip | Failure]:
    """The clips of all videos, in the order of the entries.

    Every entry answers with its clips, or with one failure that says why there are none: nothing is left out in
    silence, and nothing is put in its place. Memory holds a few clips per worker, whatever the size of the files.

    Args:
        entries: the videos, as ``list_videos`` gives them.
        rule: how clips are cut. Under ``offset="first"`` decoding stops behind the clip, and damage that lies behind it
            is not seen; the other offsets need the number of frames, so each file is decoded to its end and known to
            be whole before its first clip comes out.
        workers: threads that decode beside the caller's; 0 decodes in the caller's. Results do not depend on it.
        strict: raise at the first failure.

    Raises:
        VideoError: a video gives no clip, and ``strict`` or ``rule.short == "fail"`` says that this must not be.
    """
    if workers < 0:
        raise UsageError(f"workers is {workers}; give 0 or more")

    def answers(entry: Entry) -> Iterator[Clip | Failure]:
        try:
            yield from clips_of(entry, rule)
        except VideoError as error:
            too_short = isinstance(error, TooShortError)
            if strict or (too_short and rule.short == "fail"):
                raise
            yield Failure(entry.id, error.reason, too_short)

    return in_order(entries, answers, workers)


def clips_of(entry: Entry, rule: ClipRule) -> Iterator[Clip]:
    """One video's clips; TooShortError where the rule finds none, VideoError where the video cannot be read."""
    fps = describe_video(entry.path).fps / rule.stride
    first, frames = 0, _frames(entry)
    if rule.offset != "first":
        held = _held(entry)
        windows = rule.windows(count_frames(entry.path) if held is None else len(held), entry.id)
        first, frames = windows[0][0] if windows else 0, _frames(entry) if held is None else iter(held)
    for start, piece in _pieces(islice(frames, first, None), rule, entry):
        yield Clip(f"{entry.id}#{first + start}", entry, first + start, torch.stack(piece), fps)


def _frames(entry: Entry) -> Iterator[torch.Tensor]:
    return (frame_hwc for frame_hwc, _ in decode_frames(entry.path))


def _held(entry: Entry) -> list[torch.Tensor] | None:
    """All frames of a small video, to spare a second decoding; None for a large one."""
    held, n_bytes = [], 0
    for frame_hwc in _frames(entry):
        held.append(frame_hwc)
        n_bytes += frame_hwc.numel()
        if n_bytes > _HOLD_BYTES:
            return None
    return held


def _pieces(frames: Iterator[torch.Tensor], rule: ClipRule, entry: Entry) -> Iterator[tuple[int, list[torch.Tensor]]]:
    """Start and frames of each clip, counted from the frame at which ``frames`` begins, holding one span at a time."""
    from_here = rule.model_copy(update={"offset": "first"})
    start = 0
    while True:
        held = list(islice(frames, rule.span))
        if start > 0 and len(held) < rule.span:  # what is left of a long video is no short video
            return
        windows = from_here.windows(len(held), entry.id)
        if not windows:
            raise TooShortError(entry.path, f"has {len(held)} frames, but a clip spans {rule.span}")
        yield start, [held[index] for index in windows[0]]
        if rule.offset != "all":
            return
        start += rule.span
