"""What goes wrong with a video file: always the file and the reason, in one line."""

from pathlib import Path

from vidgauge.errors import VidgaugeError


class VideoError(VidgaugeError):
    """A file that cannot be read completely and exactly."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = " ".join(reason.split())

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
