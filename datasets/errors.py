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
        # A name may hold line breaks, and bytes that are no text.
        name = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(self.path))
        return f"{name}: {self.reason}"


def unopened(path: Path, error: OSError | ValueError) -> VideoError:
    """What to raise where the operating system will not open a file."""
    return VideoError(path, f"cannot be opened ({getattr(error, 'strerror', None) or error})")
