"""A shelf: the features of all videos that were looked at in one way."""

import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.features.sealed import read_facts, read_sealed, write_sealed

_BYTES = 2**21
"""Of features that are shelved at once."""
_SECONDS = 15.0
"""After which they are shelved in any case: what a killed process loses at most."""
_IN_MEMORY = 2
"""Files that readers keep in memory: whoever reads in another order than it was written needs more than one."""


@dataclass(frozen=True)
class Whole:
    """What a network made of one video: for each output an array whose first axis is the video's clips."""

    video: str
    """Its content, and whatever else the choice of clips hung on."""
    outputs: dict[str, NDArray[np.float32]]


class _Place(NamedTuple):
    file: Path
    start: int
    clips: int


class Shelf:
    """Files of features that were all made in the same way.

    Args:
        folder: where they lie; it need not exist.
        way: how they were made, as facts for JSON. It is written into each file.
    """

    def __init__(self, folder: Path, way: Mapping[str, Any]) -> None:
        self.folder, self.way = folder, dict(way)
        self._places: dict[str, _Place] = {}
        self._shapes: dict[Path, dict[str, tuple[int, ...]]] = {}
        """Of the files that are entered."""
        self._waiting: list[Whole] = []
        self._weight, self._since = 0, monotonic()

    def find(self, videos: Collection[str]) -> None:
        """Look which of these videos are here. Damaged files are removed, as if what is in them had never been."""
        wanted = set(videos)
        for path in sorted(self.folder.glob("*.safetensors")):
            if path not in self._shapes:
                with suppress(FileNotFoundError):
                    self._look_into(path, wanted)

    def take(self, path: Path) -> None:
        """Count a file elsewhere among this shelf's own.

        Raises:
            VidgaugeError: if it is damaged, or its features were made in another way.
        """
        theirs, ours = (dict(_leaves(way)) for way in (read_facts(path)["way"], self.way))
        differing = [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
        if said := [
            f"{name} {theirs.get(name)}, not {ours.get(name)}"
            for name in sorted(differing)
            if not name.startswith("made_by")
        ]:
            raise UsageError(f"{path}: holds features made in another way: {'; '.join(said)}")
        self._read(path)

    def __contains__(self, video: str) -> bool:
        return video in self._places

    def add(self, whole: Whole) -> None:
        """Shelve what was made of a video, with others or soon: ``flush`` does it now."""
        if not self._waiting:
            self._since = monotonic()
        self._waiting.append(whole)
        self._weight += sum(array.nbytes for array in whole.outputs.values())
        if self._weight >= _BYTES or monotonic() - self._since >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Shelve all that waits."""
        waiting, self._waiting, self._weight = self._waiting, [], 0
        groups: dict[Any, list[Whole]] = {}
        for whole in waiting:  # arrays of whole videos differ in shape
            kind = tuple((name, array.shape[1:]) for name, array in whole.outputs.items())
            groups.setdefault(kind, []).append(whole)
        for group in groups.values():
            outputs = {name: np.concatenate([whole.outputs[name] for whole in group]) for name in group[0].outputs}
            videos = [(whole.video, len(next(iter(whole.outputs.values())))) for whole in group]
            path = self.folder / f"{secrets.token_hex(16)}.safetensors"
            write_sealed(path, outputs, {"way": self.way, "videos": videos, "outputs": sorted(outputs)})
            self._enter(path, outputs, videos)

    def clips(self, video: str) -> int:
        """How many clips of a video there are."""
        return self._places[video].clips

    def rows(self, videos: Sequence[str]) -> "dict[str, ShelvedRows]":
        """What was made of these videos, by output, in their order.

        Raises:
            UsageError: where their clips are not of one length, and the network looks at single frames.
        """
        places = [self._places[video] for video in videos]
        shapes: dict[str, set[tuple[int, ...]]] = {}
        for path in {place.file for place in places}:
            for name, shape in self._shapes[path].items():
                shapes.setdefault(name, set()).add(shape[1:])
        if odd := next((shape for shape in shapes.values() if len(shape) > 1), None):
            lengths = sorted(shape[0] for shape in odd)
            raise UsageError(
                f"network {self.way['network']!r} looks at single frames, and clips have {lengths[0]} to "
                f"{lengths[-1]} of them; take clips of one length"
            )
        return {name: ShelvedRows(places, name, next(iter(shape))) for name, shape in shapes.items()}

    def _look_into(self, path: Path, wanted: set[str]) -> None:
        try:
            if not wanted.isdisjoint(video for video, _ in read_facts(path)["videos"]):
                self._read(path)
        except VidgaugeError:
            path.unlink()

    def _read(self, path: Path) -> None:
        arrays, facts = read_sealed(path)  # all of it once, so that damage is found before anything rests on it
        self._enter(path, {name: arrays[name] for name in facts["outputs"]}, facts["videos"])

    def _enter(self, path: Path, outputs: Mapping[str, NDArray[Any]], videos: Sequence[tuple[str, int]]) -> None:
        self._shapes[path] = {name: array.shape for name, array in outputs.items()}
        start = 0
        for video, clips in videos:
            self._places.setdefault(video, _Place(path, start, clips))
            start += clips


class ShelvedRows:
    """One output over many clips, read from its files part by part: memory holds two files, whatever their number."""

    def __init__(self, places: Sequence[_Place], name: str, shape: tuple[int, ...]) -> None:
        self._name = name
        self._files = list(dict.fromkeys(place.file for place in places))
        number = {path: index for index, path in enumerate(self._files)}
        clips = np.array([place.clips for place in places], dtype=np.int64)
        self._file_n = np.repeat([number[place.file] for place in places], clips)
        starts = np.repeat([place.start for place in places], clips)
        within = np.arange(clips.sum()) - np.repeat(np.cumsum(clips) - clips, clips)
        self._row_n = starts + within
        self.shape = (len(self._row_n), *shape)
        self._open: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()  # replicates of a bootstrap read in several threads

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        files, rows = self._file_n[part], self._row_n[part]
        out = np.empty((len(rows), *self.shape[1:]), np.float32)
        for number in np.unique(files):  # each once, in whatever order they are asked for
            of_file = files == number
            with self._lock:
                array = self._array(int(number))
            out[of_file] = array[rows[of_file]]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401 - NumPy's
        return self[:].astype(dtype or np.float32, copy=False)

    def _array(self, number: int) -> NDArray[np.float32]:
        if number not in self._open:
            self._open[number] = _output(self._files[number], self._name)
            if len(self._open) > _IN_MEMORY:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        return self._open[number]


def _leaves(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, fact in facts.items():
        if isinstance(fact, dict):
            yield from _leaves(fact, f"{above}{name} ")
        else:
            yield above + name, list(fact) if isinstance(fact, tuple) else fact


def _output(path: Path, name: str) -> NDArray[np.float32]:
    try:
        with safe_open(path, framework="numpy") as file:
            return np.asarray(file.get_tensor(name))
    except (OSError, SafetensorError) as error:
        raise VidgaugeError(f"{path}: was removed while its features were read; run the same command again") from error
