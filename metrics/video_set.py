"""One side of a comparison: where its videos lie, what they are called, what they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidgauge.datasets.captions import caption_videos, read_captions
from vidgauge.datasets.decoding_jobs import describe
from vidgauge.datasets.folder import Entry, list_videos
from vidgauge.datasets.isolation import examine
from vidgauge.datasets.opening import find_data_set
from vidgauge.errors import UsageError
from vidgauge.metrics.features import makers, read_facts

Paths = Path | str | Sequence[Path | str]
Side = Literal["real", "generated"]


@dataclass(frozen=True)
class Known(Entry):
    """A video whose features are in a reference file; it need not be here itself."""

    video: str = ""
    """What it is called there."""


@dataclass(frozen=True)
class VideoSet:
    """One side of a comparison: where it lies, and its files."""

    paths: list[str]
    names: list[str]
    entries: list[Entry]
    notes: list[str]
    captions: dict[str, str]
    """The first that a data set has for each of its videos, by identifier."""
    references: list[Path]
    """Files of features that stand for videos."""

    @classmethod
    def open(cls, given: Paths, strict: bool = False) -> "VideoSet":
        """List the videos under one path or data set, or several; ``strict`` takes no data set that is not whole."""
        whole = cls([], [], [], [], {}, [])
        for path in [given] if isinstance(given, Path | str) else given:
            whole.paths.append(str(path))
            if Path(path).suffix == ".safetensors":
                whole._refer(Path(path))
                continue
            data = find_data_set(path)
            if data is None:
                whole.names.append(Path(path).resolve().name)
                whole.entries.extend(list_videos(path))
                continue
            if strict:
                data.require_whole()
            whole.names.append(data.name)
            whole.entries.extend(data.entries)
            whole.notes.extend(f"{data.name}: {note}" for note in data.notes)
            whole.captions.update((item.id, item.captions[0]) for item in data.entries if item.captions)
        return whole

    def _refer(self, path: Path) -> None:
        if not path.is_file():
            raise UsageError(f"{path}: does not exist; 'vidgauge features export' makes such a reference")
        facts = read_facts(path)
        if "names" not in facts:
            raise UsageError(f"{path}: is no reference; 'vidgauge features export' makes one")
        self.names.append(facts["set"])
        self.references.append(path)
        pairs = zip(facts["names"], facts["videos"], strict=True)
        self.entries.extend(Known(name, str(path / name), None, video) for name, (video, _) in pairs)
        self.captions.update(zip(facts["names"], facts["captions"] or (), strict=False))
        self.notes.extend(f"{path.name}: {note}" for note in facts["notes"])
        if facts["made_by"] != makers():
            self.notes.append(f"{path.name}: made by other versions of vidgauge or libav: {facts['made_by']}")

    @property
    def name(self) -> str:
        """What reports call it: the names of its paths and data sets."""
        return " + ".join(self.names)

    def captions_from(self, path: Path | str | None, workers: int) -> dict[str, str] | None:
        """Each video's caption by identifier, before any of them is decoded; None where they have none.

        Args:
            path: file of captions; without one, a data set's own count. A video that cannot be opened needs none.
            workers: processes that look at files.

        Raises:
            UsageError: for captions that do not fit.
        """
        if path is None:
            return self.captions if all(entry.id in self.captions for entry in self.entries) else None
        captions = read_captions(path)
        try:
            return caption_videos(self.entries, captions)
        except UsageError:
            described = examine([entry.path for entry in self.entries], describe, workers)
            opened = [entry for entry, (_, error) in zip(self.entries, described, strict=True) if error is None]
            return caption_videos(opened, captions)
