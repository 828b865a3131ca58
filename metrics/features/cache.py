"""The folder of features: one shelf for each way of looking."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import av

import vidgauge.datasets
import vidgauge.metrics.networks
from vidgauge.datasets.clips import ClipRule
from vidgauge.errors import VidgaugeError
from vidgauge.files import cache_folder, made
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.features.sealed import read_facts
from vidgauge.metrics.features.shelf import Shelf


class FeatureCache:
    """Shelves by what makes their features.

    Args:
        folder: where they lie; made if it is not there.

    Raises:
        VidgaugeError: if it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = made(folder)

    def shelf(self, seen: dict[str, Any], clip_rule: ClipRule) -> Shelf:
        """The shelf of features that are seen so.

        Args:
            seen: the network, its weights' digests, precision and resizing, as facts for JSON; ``network`` names it.
            clip_rule: which clips.
        """
        way = seen | {"clip": clip_rule.model_dump(), "made_by": makers()}
        return Shelf(self.folder / f"{seen['network']}-{fingerprint(way)}", way)


@contextmanager
def opened(given: Path | str | Literal[False] | None) -> Iterator[FeatureCache]:
    """The cache in a folder; the usual one for None, and one that vanishes in the end for False."""
    if given is False:
        with TemporaryDirectory(prefix="vidgauge-features-") as folder:
            yield FeatureCache(Path(folder))
    else:
        try:
            cache = FeatureCache(folder_of(given))
        except VidgaugeError as error:
            raise VidgaugeError(f"{error}; or give --cache another folder, or --no-cache") from error
        yield cache


def folder_of(given: Path | str | None) -> Path:
    """The folder that is meant: the user's own cache where none is given."""
    return cache_folder("features") if given is None else Path(given)


def shelves_in(given: Path | str | None) -> list[dict[str, Any]]:
    """Of each shelf in a folder its name, what its features are made with, and how many there are.

    A stale one was made by another version, whose features are not read any more.
    """
    found = []
    for folder in sorted(path for path in folder_of(given).glob("*") if path.is_dir()):
        files = list(folder.glob("*.safetensors"))
        facts = [read_facts(path) for path in files]
        if facts:
            counts = dict(pair for fact in facts for pair in fact["videos"])
            size = sum(path.stat().st_size for path in files)
            numbers = {"videos": len(counts), "clips": sum(counts.values()), "bytes": size}
            way = facts[0]["way"]
            found.append({"name": folder.name, **numbers, "stale": way["made_by"] != makers(), "way": way})
    return found


@cache
def makers() -> dict[str, Any]:
    """What decodes, cuts, resizes and looks: another version may make other features."""
    digest = hashlib.sha256()
    for room in (vidgauge.datasets, vidgauge.metrics.networks):
        for path in sorted(Path(next(iter(room.__path__))).rglob("*.py")):
            digest.update(path.read_bytes())
    libraries = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
    return {"code": digest.hexdigest()[:16], "libav": libraries}
