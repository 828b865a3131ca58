"""The clip rule: which frames of a video are looked at. Part of every protocol, because it changes every number."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from vidgauge.errors import UsageError
from vidgauge.record import Frozen

Offset = Literal["first", "centre", "random", "all", "sliding", "whole"]
Short = Literal["skip", "loop", "pad", "fail"]

_ROUNDING = 2.5e-3
"""Seconds by which times may be off: Matroska rounds to the millisecond, and here up to two differences add up."""
_MOST_TICKS = 10_000_000
"""Two days at 60 frames per second: what says that it lasts longer has damaged times."""


class ClipRule(Frozen):
    """How clips are cut from a video: ``frames`` frames, either ``stride`` apart or taken at a rate of ``fps``.

    A rule in time (``fps``) looks at a video as if it had been brought to that rate first: at each of its ticks, 1/fps
    seconds apart from the first frame on, it sees the last frame whose time has come. So a frame may be left out or
    come twice, frames of a variable rate count by their times, and ``offset`` and ``step`` count in ticks. The last
    frame of a video is taken to be shown for as long as most are (the median), for files do not say.
    """

    frames: int = Field(default=16, ge=1)
    """Frames in a clip."""
    stride: int = Field(default=1, ge=1)
    """Distance between a clip's frames in the video: 1 takes neighbours, 3 every third. Not with ``fps``."""
    offset: Offset = "first"
    """Where a clip begins: the first frame, so that it lies in the centre, anywhere (seeded, the same for a video on
    every machine and in every order), one clip after another along the whole video, or one every ``step``. ``whole``:
    one clip of the whole video, and ``frames`` is how many it has at least."""
    seed: int = 0
    """Seed of the random offset, hashed together with the video's identifier."""
    short: Short = "skip"
    """A video with too few frames: left out and counted, repeated from its start, held at its last frame, or an
    error."""
    fps: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Rate at which frames are taken, per second; without it the rule is in frames of the video."""
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Length of a clip, for a rule in time: together with ``frames`` it gives ``fps``, with ``fps`` the (nearest)
    ``frames``. Always frames / fps, whichever were given, and left out of what is dumped."""
    step: int | None = Field(default=None, ge=1)
    """From the start of one sliding clip to that of the next: frames of the video, ticks of a rule in time."""

    @model_validator(mode="before")
    @classmethod
    def _two_give_the_third(cls, given: Any) -> Any:  # noqa: ANN401 - not validated yet
        """Of frames, rate and length."""
        if not isinstance(given, dict):
            return given
        said = {name: _number(given[name]) for name in ("frames", "fps", "seconds") if given.get(name) is not None}
        if not said.keys() & {"fps", "seconds"} or not all(0 < value < math.inf for value in said.values()):
            return given  # a rule in frames, or a value that its own field refuses
        frames, fps, seconds = (said.get(name) for name in ("frames", "fps", "seconds"))
        if seconds is None or fps is None:
            if seconds is not None and frames is None:
                raise _refusal(f"seconds={seconds:g} alone does not say how many frames; give frames or fps too")
            frames = frames or float(cls.model_fields["frames"].default)
            fps = fps or frames / (seconds or math.nan)
        else:
            made = max(1, round(seconds * fps))
            if frames not in (None, made):
                raise _refusal(
                    f"frames={frames:g} does not go with seconds={seconds:g} and fps={fps:g}, which make {made}; "
                    "leave one of the three out"
                )
            frames = made
        return given | {"frames": frames, "fps": fps, "seconds": frames / fps}

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> "ClipRule":
        if self.fps is not None and self.stride != 1:
            raise _refusal(
                f"stride={self.stride} is in frames, fps={self.fps:g} in time, and a rule in one of them; leave one out"
            )
        if (self.offset == "sliding") != (self.step is not None):
            needs = "needs step, the distance" if self.step is None else "has no step, which is the distance"
            raise _refusal(f"offset={self.offset!r} {needs} between the starts of sliding clips")
        return self

    @model_serializer(mode="wrap")
    def _only_what_is_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A rule's fingerprint is that of its dump, and must not change when rules learn to say more."""
        return {name: value for name, value in dump(self).items() if value is not None and name != "seconds"}

    @property
    def span(self) -> int:
        """Frames of video (ticks, for a rule in time) from a clip's first to its last, both counted."""
        return (self.frames - 1) * self.stride + 1

    def windows(self, timestamps: Sequence[float], id: str) -> list[list[int]]:  # noqa: A002 - what the samples call it
        """Which frames make each clip of a video.

        Args:
            timestamps: when each of its frames is shown, in seconds; ``nan`` where that is not known.
            id: what identifies it, the same wherever it lies; only the random offset depends on it.

        Returns:
            For each clip its ``frames`` indices, ascending unless a short video loops. Empty where the video is too
            short and ``short`` is "skip" or "fail", or there is no frame at all.

        Raises:
            UsageError: a rule in time, and times that are not known or cannot be true.
        """
        return list(self.each_window(timestamps, id))

    def each_window(self, timestamps: Sequence[float], id: str) -> Iterator[list[int]]:  # noqa: A002 - as above
        """The same one after another: sliding windows over hours are too many to hold."""
        if len(timestamps) == 0:
            return
        n_ticks, shown = self.ticks(timestamps)
        if n_ticks < self.span:
            window = self._short_window(n_ticks)
            if window:
                yield shown(window)
            return
        if self.offset == "whole":
            yield shown(range(0, n_ticks, self.stride))
            return
        for start in self._starts(n_ticks, id):
            yield shown(range(start, start + self.span, self.stride))

    def ticks(self, timestamps: Sequence[float]) -> tuple[int, Callable[[Sequence[int]], list[int]]]:
        """How many frames the rule sees in a video (``windows`` says how), and which those of some numbers are."""
        return (len(timestamps), list) if self.fps is None else _at_rate(timestamps, self.fps)

    def _short_window(self, n_ticks: int) -> list[int]:
        wanted = range(0, self.span, self.stride)
        if self.short in ("skip", "fail"):
            return []
        if self.short == "loop":
            return [tick % n_ticks for tick in wanted]
        return [min(tick, n_ticks - 1) for tick in wanted]

    def _starts(self, n_ticks: int, id: str) -> range:  # noqa: A002 - as above
        last = n_ticks - self.span
        if self.offset in ("all", "sliding"):
            return range(0, last + 1, self.step or self.span)
        start = {"first": 0, "centre": last // 2, "random": _stable_choice(self.seed, id, last + 1)}[self.offset]
        return range(start, start + 1)


def _at_rate(timestamps: Sequence[float], fps: float) -> tuple[int, Callable[[Sequence[int]], list[int]]]:
    """How many ticks a video lasts, and which frames are shown at some of them."""
    times = np.maximum.accumulate(np.asarray(timestamps, dtype=np.float64))  # shown when its time comes, never earlier
    if np.isnan(times).any():
        raise UsageError("knows no times, which a clip rule in seconds needs; use one in frames (stride)")
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    tolerance = min(_ROUNDING, interval / 4, 0.25 / fps)
    length = float(times[-1] - times[0]) + interval
    if length * fps > _MOST_TICKS:
        raise UsageError(f"lasts {length:.3g} s by its own account, which cannot be true")

    def shown(ticks: Sequence[int]) -> list[int]:
        asked = times[0] + np.asarray(ticks) / fps + tolerance
        found: list[int] = (np.searchsorted(times, asked, side="right") - 1).tolist()
        return found

    return max(1, math.ceil((length - tolerance) * fps)), shown


def _number(value: Any) -> float:  # noqa: ANN401 - not validated yet
    """What it will be taken for; ``nan`` if for nothing."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("clip_rule", "{message}", {"message": message})


def _stable_choice(seed: int, id: str, n: int) -> int:  # noqa: A002 - as above
    """One of ``n`` numbers, by a hash and not by a generator's state, so that no other video has a say in it."""
    digest = hashlib.sha256(f"{seed}/{id}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:16], "big") % n  # 128 bits: the bias of the remainder is immeasurably small
