"""Any folder of videos as a data set."""

from pathlib import Path

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.data_set import DataSet, Item
from vidgauge.datasets.sources import SOURCES
from vidgauge.errors import UsageError

_CAPTION_FILES = ("captions.csv", "captions.json", "captions.jsonl", "prompts.csv")


@SOURCES.register("folder")
def folder(root: Path | None, split: str | None, clip: ClipRule | None) -> DataSet:
    """Any folder of videos: flat, with class sub-folders, or with folders of frames.

    Sub-folders become labels, counted in alphabetical order. Captions come from ``captions.csv``, ``captions.json``,
    ``captions.jsonl`` or ``prompts.csv`` in the folder; where there is one of them, every video needs a caption.

    Args:
        root: the folder, or a single video.
        split: a sub-folder to take instead of the whole.
        clip: how clips are cut; without it each sample is a whole video.

    Raises:
        UsageError: no root, no such split, nothing in it, or captions that do not fit.
    """
    from vidgauge.datasets.captions import caption_videos, read_captions
    from vidgauge.datasets.folder import list_videos

    if root is None:
        raise UsageError("the data set 'folder' needs root=, the folder with the videos")
    chosen = root / split if split else root
    if split and not chosen.is_dir():
        raise UsageError(f"{root}: has no split {split!r}, which would be a sub-folder of that name")
    entries = list_videos(chosen)
    found = [chosen / name for name in _CAPTION_FILES if (chosen / name).is_file()]
    if len(found) > 1:
        raise UsageError(f"{chosen}: holds {' and '.join(path.name for path in found)}; leave one")
    captions = caption_videos(entries, read_captions(found[0])) if found else {}
    items = [
        Item(entry.id, entry.where, entry.label, (captions[entry.id],) if entry.id in captions else ())
        for entry in entries
    ]
    return DataSet(chosen.name, items, sorted({item.label for item in items if item.label is not None}), clip)
