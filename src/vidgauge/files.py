"""Files that are whole or not there, the folder where what can be had again is kept, and digests."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidgauge.errors import VidgaugeError


def cache_folder(kind: str) -> Path:
    """Where what can be fetched or computed again is kept: ``$XDG_CACHE_HOME/vidgauge/KIND``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vidgauge" / kind


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def made(folder: Path) -> Path:
    """The folder, made if it is not there.

    Raises:
        VidgaugeError: if it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VidgaugeError(_unwritable(folder, error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise VidgaugeError(_unwritable(folder, PermissionError("no permission")))
    return folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` at the end, all at once, and vanishes if anything goes wrong.

    Several processes may write the same file: the last one's stays, and a reader never sees half of one, also where
    the machine fails in between.

    Raises:
        VidgaugeError: if the folder cannot be written to.
    """
    folder = made(path.parent)
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    except OSError as error:
        raise VidgaugeError(_unwritable(folder, error)) from error
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())  # or a power cut could leave the new name with nothing in it
        partial.chmod(0o644)  # mkstemp makes files for their owner's eyes alone
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{folder} cannot be written to ({reason}); choose another folder (XDG_CACHE_HOME says where caches are)"
