"""The data set: videos with labels and captions in a fixed order, and an account of those that fail."""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.sample import Sample
from vidgauge.errors import VidgaugeError

if TYPE_CHECKING:
    from vidgauge.datasets.loading import Clip, Failure


@dataclass(frozen=True)
class Item(Entry):
    """A video of a data set."""

    captions: tuple[str, ...] = ()
    """What it shows, as often as someone said so; the first is the sample's ``caption``."""


@dataclass
class Absent:
    """The videos that a list names and the disk does not have."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    """Their identifiers, or the first of them."""
    most_names: int | None = None
    """How many identifiers are kept: of a hundred million dead links not all."""

    def add(self, id_: str) -> None:
        """One more."""
        self.count += 1
        if self.most_names is None or len(self.names) < self.most_names:
            self.names.append(id_)

    def __str__(self) -> str:
        return _such_as(self.names, self.count)


class DataSet:
    """An iterable of samples, which can be iterated again and again.

    Attributes:
        name: what it is called, such as ``ucf101/test-01``.
        entries: its videos on disk, in the order of its lists.
        classes: names of the classes; a sample's label is an index into them.
        clip: how clips are cut; without it each sample is a whole video.
        absent: the videos that its lists name and the disk does not have.
        notes: one line for each thing that is not as published or expected.
        failures: the videos that failed when it was last iterated, those that are absent first. Where videos
            are published as links, which die, the absent ones are counted in ``absent`` only.
    """

    def __init__(
        self,
        name: str,
        entries: Sequence[Item],
        classes: Sequence[str] = (),
        clip: ClipRule | None = None,
        *,
        absent: Absent | None = None,
        links_only: bool = False,
        miscounted: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.entries, self.classes, self.clip = name, list(entries), list(classes), clip
        self.absent, self.notes = absent or Absent(), [*([miscounted] if miscounted else []), *notes]
        self.failures: list[Failure] = []
        self._links_only, self._miscounted = links_only, miscounted
        self._index = {class_: index for index, class_ in enumerate(self.classes)}

    def __len__(self) -> int:
        """How many videos there are on disk; with a clip rule a video may give several samples, or none."""
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return self.iterate()

    def label(self, entry: Entry) -> int | None:
        """The index of a video's class; None where it has none."""
        return None if entry.label is None else self._index[entry.label]

    def require_whole(self) -> None:
        """Raise where it is not as published: another number of videos, or absent ones that were no links.

        Raises:
            VidgaugeError: saying which.
        """
        if self._miscounted:
            raise VidgaugeError(f"{self.name}: {self._miscounted}")
        if self.absent.count and not self._links_only:
            raise VidgaugeError(f"{self.name}: {self.absent}: named by the lists, but not on disk")

    def iterate(self, workers: int | None = None, strict: bool = False) -> Iterator[Sample]:
        """The samples, in the order of the lists, whatever the number of workers.

        A video that cannot be read, is missing or is too short for the clip rule is listed in ``failures``, and at the
        end a warning tells how many there are. It gives no sample, or only those that come before the damage.

        Args:
            workers: processes that decode; one a processor, up to 8, unless told. With 0 this process decodes.
            strict: raise at the first such video, and also where the number of videos is not the published one.

        Raises:
            VideoError: under ``strict``, a video fails; or one is too short and the clip rule says "fail".
            VidgaugeError: under ``strict``, as ``require_whole``.
        """
        from vidgauge.datasets.loading import Failure, iterate_clips

        if strict:
            self.require_whole()
        absent = [] if self._links_only else self.absent.names
        self.failures = [Failure(id_, "is named by the lists, but not on disk") for id_ in absent]
        for outcome in iterate_clips(self.entries, self.clip, workers, strict):
            if isinstance(outcome, Failure):
                self.failures.append(outcome)
            else:
                yield self._sample(outcome)
        if self.failures:
            warnings.warn(self._account(), stacklevel=2)

    def _sample(self, clip: "Clip") -> Sample:
        assert isinstance(clip.entry, Item)
        captions = clip.entry.captions
        first = captions[0] if captions else None
        return Sample(clip.id, clip.frames_thwc, clip.fps, self.label(clip.entry), first, captions)

    def _account(self) -> str:
        told = [f"{failure.id} ({failure.reason})" for failure in itertools.islice(self.failures, 3)]
        return f"{self.name}: {_such_as(told, len(self.failures))} failed; see failures"


def _such_as(names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:3])
    return f"{count:,} videos, such as {shown}," if count > 3 else f"{count:,} of the videos ({shown})"
