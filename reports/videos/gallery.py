"""A few videos of each set, those of one name side by side."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vidgauge.errors import VidgaugeError
from vidgauge.record import Record, storable
from vidgauge.reports.videos.captions import caption_of, captions_beside
from vidgauge.reports.videos.finding import VideoSet, video_sets
from vidgauge.reports.videos.reading import read
from vidgauge.reports.videos.strips import Strip, strip

SCENES = 6
"""How many videos of each set a page shows unless told."""
_MOST_BYTES = 8_000_000
"""Of all clips in a page, in base64: so the page stays below 15 MB with all that its records say."""


@dataclass(frozen=True)
class Clip:
    """A video on the page, or the reason why it is not."""

    of: str
    """The name of its set."""
    file: str
    """Its path in the set."""
    strip: Strip | None
    reason: str = ""


@dataclass(frozen=True)
class Scene:
    """Clips that stand side by side."""

    caption: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True)
class Gallery:
    """Sets whose videos have the same names, or one set alone."""

    sets: tuple[str, ...]
    scenes: tuple[Scene, ...]
    totals: tuple[int, ...]
    """How many videos each set has."""


@dataclass(frozen=True)
class Galleries:
    """All that the page shows of videos."""

    shown: tuple[Gallery, ...]
    remarks: tuple[str, ...]
    """What is not shown, and why."""

    @property
    def seconds(self) -> float:
        """The longest clip's duration."""
        return max((clip.strip.frames / clip.strip.fps for clip in self.clips if clip.strip), default=0.0)

    @property
    def clips(self) -> list[Clip]:
        """All of them."""
        return [clip for gallery in self.shown for scene in gallery.scenes for clip in scene.clips]


NONE = Galleries((), ())


def galleries(
    records: Iterable[Record],
    near: Path,
    scenes: int = SCENES,
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> Galleries:
    """Take a few videos of each set that records name into the page.

    Args:
        records: whose subjects name paths of videos, ``generated`` and ``real``.
        near: the folder of the store, from which or from around which the paths may count.
        scenes: how many videos of each set; 0 for none.
        advance: told how many videos are done, and how many there are.
    """
    if scenes == 0:
        return NONE
    found = video_sets(records, near)
    remarks = [_not_here(each) for each in found if not each.files]
    groups = _alike([each for each in found if each.files], scenes)
    budget = _Budget(_MOST_BYTES)
    total = sum(len(group) * len(_names(group, scenes)) for group in groups)
    taken = 0

    def took(made: Clip) -> Clip:
        nonlocal taken
        taken += 1
        advance(taken, total)
        return made

    shown = tuple(_gallery(group, _names(group, scenes), budget, took) for group in groups)
    return Galleries(shown, tuple(remarks))


def _not_here(missing: VideoSet) -> str:
    where = ", ".join(missing.given)
    return f"{missing.name}: no videos are shown, because none were found at {where}."


def _alike(sets: Sequence[VideoSet], scenes: int) -> list[list[VideoSet]]:
    """Sets whose videos have the same names, together."""
    groups: list[list[VideoSet]] = []
    for each in sets:
        for group in groups:
            common = set.intersection(*({_stem(name) for name in one.files} for one in [*group, each]))
            if each.group == group[0].group and len(common) >= min(scenes, len(group[0].files)):
                group.append(each)
                break
        else:
            groups.append([each])
    return groups


def _names(group: Sequence[VideoSet], scenes: int) -> list[str]:
    """Names that all of them have, spread over the set."""
    common = set.intersection(*({_stem(name) for name in one.files} for one in group))
    names = sorted(common)
    wanted = min(scenes, len(names))
    return [names[index * len(names) // wanted] for index in range(wanted)]


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _gallery(
    group: Sequence[VideoSet], names: Sequence[str], budget: "_Budget", took: Callable[[Clip], Clip]
) -> Gallery:
    captions = [captions_beside(each.folder) if each.folder else {} for each in group]
    files = [{_stem(name): (name, path) for name, path in each.files.items()} for each in group]
    scenes = []
    for stem in names:
        found = [by_stem[stem] for by_stem in files]
        said = [caption_of(name, known) for (name, _), known in zip(found, captions, strict=True)]
        clips = [took(budget.clip(each.name, *file)) for each, file in zip(group, found, strict=True)]
        scenes.append(Scene(next(filter(None, said), ""), tuple(clips)))
    return Gallery(tuple(each.name for each in group), tuple(scenes), tuple(len(each.files) for each in group))


class _Budget:
    """Bytes that are left."""

    def __init__(self, left: int) -> None:
        self._left = left

    def clip(self, of: str, name: str, path: Path) -> Clip:
        """The clip, or why it is not there."""
        file = str(storable(name))
        try:
            made = strip(read(path))
        except VidgaugeError as error:
            return Clip(of, file, None, f"cannot be shown: {error}")
        if len(made.data) > self._left:
            return Clip(of, file, None, "left out, so that the page stays small")
        self._left -= len(made.data)
        return Clip(of, file, made)
