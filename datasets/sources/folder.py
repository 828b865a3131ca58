"""Any folder of videos as a data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.sample import Sample
from vidgauge.datasets.sources import SOURCES
from vidgauge.errors import UsageError

if TYPE_CHECKING:
    from vidgauge.datasets.loading import Failure

_CAPTION_FILES = ("captions.csv", "captions.json", "captions.jsonl", "prompts.csv")


@SOURCES.register("folder")
class Folder:
    """Any folder of videos: flat, with class sub-folders, or with folders of frames.

    Sub-folders become labels, counted in alphabetical order. Captions come from ``captions.csv``, ``captions.json``,
    ``captions.jsonl`` or ``prompts.csv`` in the folder; where there is one of them, every video needs a caption.

    Args:
        root: the folder, or a single video.
        split: a sub-folder to take instead of the whole.
        clip: how clips are cut; without it each sample is a whole video.

    Raises:
        UsageError: no root, no such split, nothing in it, or captions that do not fit.
        VideoError: while iterating, at a video that cannot be read. A video that is merely too short for a rule with
            ``short="skip"`` is left out and listed in ``failures``.
    """

    def __init__(self, root: Path | None, split: str | None, clip: ClipRule | None) -> None:
        from vidgauge.datasets.captions import caption_videos, read_captions
        from vidgauge.datasets.folder import list_videos

        if root is None:
            raise UsageError("the data set 'folder' needs root=, the folder with the videos")
        folder = root / split if split else root
        if split and not folder.is_dir():
            raise UsageError(f"{root}: has no split {split!r}, which would be a sub-folder of that name")
        self.entries = list_videos(folder)
        self.classes = sorted({entry.label for entry in self.entries if entry.label is not None})
        found = [folder / name for name in _CAPTION_FILES if (folder / name).is_file()]
        if len(found) > 1:
            raise UsageError(f"{folder}: holds {' and '.join(path.name for path in found)}; leave one")
        self.captions = caption_videos(self.entries, read_captions(found[0])) if found else {}
        self.clip = clip
        self.failures: list[Failure] = []
        """The videos that the last iteration left out."""

    def __iter__(self) -> Iterator[Sample]:
        return self._whole() if self.clip is None else self._clips(self.clip)

    def _whole(self) -> Iterator[Sample]:
        from vidgauge.datasets.video import read_video

        for entry in self.entries:
            video = read_video(entry.path)
            yield Sample(entry.id, video.frames_thwc, video.fps, self._label(entry.label), self.captions.get(entry.id))

    def _clips(self, rule: ClipRule) -> Iterator[Sample]:
        from vidgauge.datasets.loading import Failure, TooShortError, clips_of

        self.failures = []
        for entry in self.entries:
            try:
                for clip in clips_of(entry, rule):
                    label, caption = self._label(entry.label), self.captions.get(entry.id)
                    yield Sample(clip.id, clip.frames_thwc, clip.fps, label, caption)
            except TooShortError as error:
                if rule.short == "fail":
                    raise
                self.failures.append(Failure(entry.id, error.reason, too_short=True))

    def _label(self, name: str | None) -> int | None:
        return None if name is None else self.classes.index(name)
