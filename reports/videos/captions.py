"""What videos show, from the manifest beside them: what sampling and other tools leave in a folder."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vidgauge.record import storable

_MANIFESTS = ("manifest.jsonl", "captions.csv", "captions.jsonl", "captions.json")
_FILE, _CAPTION = ("file", "filename", "path", "video"), ("caption", "prompt", "text")


def captions_beside(folder: Path) -> dict[str, str]:
    """Captions by what the first manifest in the folder, or else in the one around it, calls each video.

    A manifest that cannot be read has none: this is for looking, and whoever scores with it is told by the scoring.
    """
    for place in (folder, folder.parent):
        for name in _MANIFESTS:
            if (place / name).is_file():
                try:
                    return _captions(place / name)
                except (OSError, ValueError, csv.Error):
                    continue
    return {}


def caption_of(name: str, captions: Mapping[str, str]) -> str:
    """The caption of a video by its path in the folder, its file name, or these without extension; or nothing."""
    path = Path(name)
    names = (name, path.name, path.with_suffix("").as_posix(), path.stem)
    return next((captions[each] for each in names if each in captions), "")


def _captions(path: Path) -> dict[str, str]:
    pairs = ((_first(row, _FILE), _first(row, _CAPTION)) for row in _rows(path))
    return {name: caption for name, caption in pairs if name and caption}


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    text = path.read_text("utf-8-sig")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    loaded = (
        [json.loads(line) for line in text.splitlines() if line.strip()]
        if path.suffix == ".jsonl"
        else json.loads(text)
    )
    if isinstance(loaded, dict):
        return [{"file": name, "caption": caption} for name, caption in loaded.items()]
    return [row for row in loaded if isinstance(row, dict)]


def _first(row: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    found = next((row[column] for column in columns if isinstance(row.get(column), str)), "")
    return str(storable(found)).strip()
