"""Which videos of several systems answer the same prompt."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgauge.errors import UsageError

_MOST_NAMES = 3


@dataclass(frozen=True)
class Video:
    """A video that a system made, as whoever can decode it hands it over."""

    path: Path
    """The file, or the folder of frames."""
    key: str
    """Its name without folder and extension, such as the number that ``vidgauge sample`` gives."""
    caption: str
    """Empty where there is none."""
    frames: Callable[[], Iterable[NDArray[np.uint8]]]
    """Decodes: RGB, ``uint8``, each of shape (height, width, 3)."""
    ends: Callable[[], Sequence[float]]
    """When each frame gives way to the next, in seconds from the start."""


@dataclass(frozen=True)
class Matched:
    """A prompt and every system's video for it."""

    key: str
    caption: str
    videos: dict[str, Video]


def match(systems: Mapping[str, Sequence[Video]], common: bool) -> list[Matched]:
    """Bring together the videos of one prompt, in the order of the first system.

    Where every video has a caption, equal captions match: of several with one caption the first with the first, and so
    on. Otherwise names do, without folder and extension.

    Args:
        systems: names and videos.
        common: leave out prompts for which some system has no video.

    Raises:
        UsageError: a prompt for which some system has no video, unless ``common``; two videos of one name, or two
            captions under one name; or nothing that matches.
    """
    by_caption = all(video.caption for videos in systems.values() for video in videos)
    keyed = {name: _by_caption(videos) if by_caption else _by_name(name, videos) for name, videos in systems.items()}
    keys = list(dict.fromkeys(key for videos in keyed.values() for key in videos))
    whole = [key for key in keys if all(key in videos for videos in keyed.values())]
    if len(whole) < len(keys) and not common:
        raise UsageError(_unmatched(keys, keyed, "caption" if by_caption else "name"))
    if not whole:
        raise UsageError("no prompt has a video of every system; videos match by equal captions, or by file names")
    return [_matched(key, {name: videos[key] for name, videos in keyed.items()}) for key in whole]


def _by_caption(videos: Sequence[Video]) -> dict[str, Video]:
    seen: Counter[str] = Counter()
    keyed = {}
    for video in videos:
        seen[video.caption] += 1
        number = seen[video.caption]
        keyed[video.caption if number == 1 else f"{video.caption} ({number})"] = video
    return keyed


def _by_name(system: str, videos: Sequence[Video]) -> dict[str, Video]:
    (name, count), *_ = Counter(video.key for video in videos).most_common(1)
    if count > 1:
        raise UsageError(f"{system}: has {count} videos of the name {name!r}, and not all videos have captions")
    return {video.key: video for video in videos}


def _unmatched(keys: Sequence[str], keyed: Mapping[str, Mapping[str, Video]], what: str) -> str:
    parts = []
    for name, videos in keyed.items():
        missing = [key for key in keys if key not in videos]
        if missing:
            more = f" and {len(missing) - _MOST_NAMES} more" if len(missing) > _MOST_NAMES else ""
            parts.append(f"{name} has no video of {what} {', '.join(map(repr, missing[:_MOST_NAMES]))}{more}")
    return f"{'; '.join(parts)}; add them, or leave out such prompts with --common"


def _matched(key: str, videos: dict[str, Video]) -> Matched:
    captions = {video.caption for video in videos.values() if video.caption}
    if len(captions) > 1:
        first, second, *_ = sorted(captions)
        raise UsageError(f"videos of the name {key!r} have two captions, {first!r} and {second!r}")
    return Matched(key, captions.pop() if captions else "", videos)
