"""The clip rule: which frames of a video are looked at. Part of every protocol, because it changes every number."""

import hashlib
from typing import Literal

from pydantic import Field

from vidgauge.record import Frozen

Offset = Literal["first", "centre", "random", "all"]
Short = Literal["skip", "loop", "pad", "fail"]


class ClipRule(Frozen):
    """How clips are cut from a video: ``frames`` frames, ``stride`` apart."""

    frames: int = Field(default=16, ge=1)
    """Frames in a clip."""
    stride: int = Field(default=1, ge=1)
    """Distance between a clip's frames in the video: 1 takes neighbours, 3 every third."""
    offset: Offset = "first"
    """Where a clip begins: the first frame, so that it lies in the centre, anywhere (seeded, the same for a video on
    every machine and in every order), or one clip after another along the whole video."""
    seed: int = 0
    """Seed of the random offset, hashed together with the video's identifier."""
    short: Short = "skip"
    """A video with too few frames: left out and counted, repeated from its start, held at its last frame, or an
    error."""

    @property
    def span(self) -> int:
        """Frames of video from a clip's first to its last, both counted."""
        return (self.frames - 1) * self.stride + 1

    def windows(self, n_frames: int, id: str) -> list[list[int]]:  # noqa: A002 - what the samples call it
        """Which frames make each clip of a video.

        Args:
            n_frames: how many frames the video has.
            id: what identifies it, the same wherever it lies; only the random offset depends on it.

        Returns:
            For each clip its ``frames`` indices, below ``n_frames``, ascending unless a short video loops. Empty where
            the video is too short and ``short`` is "skip" or "fail", or there is no frame at all.
        """
        if n_frames < self.span:
            return self._short_window(n_frames)
        return [list(range(start, start + self.span, self.stride)) for start in self._starts(n_frames, id)]

    def _short_window(self, n_frames: int) -> list[list[int]]:
        wanted = range(0, self.span, self.stride)
        if n_frames == 0 or self.short in ("skip", "fail"):
            return []
        if self.short == "loop":
            return [[index % n_frames for index in wanted]]
        return [[min(index, n_frames - 1) for index in wanted]]

    def _starts(self, n_frames: int, id: str) -> range:  # noqa: A002 - as above
        last = n_frames - self.span
        if self.offset == "all":
            return range(0, last + 1, self.span)
        start = {"first": 0, "centre": last // 2, "random": _stable_choice(self.seed, id, last + 1)}[self.offset]
        return range(start, start + 1)


def _stable_choice(seed: int, id: str, n: int) -> int:  # noqa: A002 - as above
    """One of ``n`` numbers, by a hash and not by a generator's state, so that no other video has a say in it."""
    digest = hashlib.sha256(f"{seed}/{id}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:16], "big") % n  # 128 bits: the bias of the remainder is immeasurably small
