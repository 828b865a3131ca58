"""What goes wrong with a video file: always the file and the reason, in one line."""

from pathlib import Path

from vidgauge.datasets.names import printable
from vidgauge.errors import VidgaugeError


class VideoError(VidgaugeError):
    """A file that cannot be read completely and exactly."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = " ".join(reason.split())

    def __str__(self) -> str:
        return f"{printable(self.path.as_posix())}: {self.reason}"


def unopened(path: Path, error: OSError | ValueError) -> VideoError:
    """What to raise where the operating system will not open a file."""
    return VideoError(path, f"cannot be opened ({getattr(error, 'strerror', None) or error})")
