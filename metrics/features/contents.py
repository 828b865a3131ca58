"""Videos by their content."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vidgauge.datasets.folder import Entry
from vidgauge.datasets.libav import IMAGE_EXTENSIONS
from vidgauge.environment import processors
from vidgauge.files import sha256

_AT_ONCE = 256
"""Videos that are handed to the threads: a hundred thousand that wait would take memory."""


def content_of(entries: Sequence[Entry]) -> Iterator[str | None]:
    """For each video a digest of all that its decoder sees; None for one that cannot be read."""
    with ThreadPoolExecutor(processors()) as pool:  # hashing holds no lock
        for start in range(0, len(entries), _AT_ONCE):
            yield from pool.map(lambda entry: _content(entry.path), entries[start : start + _AT_ONCE])


def _content(path: Path) -> str | None:
    try:
        if not path.is_dir():
            return f"{sha256(path)}{path.suffix.lower()}"  # the suffix says who decodes it
        frames = sorted(frame for frame in path.iterdir() if frame.suffix.lower() in IMAGE_EXTENSIONS)
        return hashlib.sha256("\n".join(f"{sha256(frame)} {frame.name!r}" for frame in frames).encode()).hexdigest()
    except OSError:
        return None
