"""A file opened by libav, or refused by name."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vidgauge.datasets.errors import VideoError, unopened

IMAGE_EXTENSIONS = (".jpeg", ".jpg", ".png")

# Left to themselves, these decoders log the damage that they find, and fill in something.
_STRICT = {"mjpeg": {"err_detect": "explode"}, "png": {"err_detect": "crccheck+explode"}}
LARGEST_FRAME = 2**26
"""Pixels, as in 8192 x 8192 (8K video has 7680 x 4320): frames that declare more are refused before memory is taken."""
_LFS_POINTER = "version https://git-lfs.github.com/spec/"
_SMALLEST_VIDEO = 512  # bytes; text below this is something else that carries a video's name


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its first video; what libav raises while it is open comes out as VideoError.

    One decoder thread: files are decoded side by side, never one file by several threads, so a result cannot depend on
    how many there are.
    """
    _refuse_stand_ins(path)
    # Left to itself, libav would read a "%" in an image's name as the pattern of a sequence.
    image = path.suffix.lower() in IMAGE_EXTENSIONS
    container_format, options = ("image2", {"pattern_type": "none"}) if image else (None, {})
    limit = {
        "max_pixels": str(LARGEST_FRAME)
    }  # for what is decoded to find out what the streams are, and for all later
    try:
        # An absolute path cannot be taken for a protocol, as "a:b.mp4" can.
        name, wishes = str(path.absolute()), options | limit
        with av.open(name, "r", container_format, wishes, metadata_errors="replace") as container:
            if not container.streams.video:
                sound = ", only sound" if container.streams.audio else ""
                raise VideoError(path, f"has no video stream{sound}")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise VideoError(path, "its video stream is damaged, or coded in a way that this build cannot decode")
            if not stream.codec_context.width:  # libav forgets a size that is above the limit
                raise VideoError(
                    path, f"cannot be decoded (it declares frames of no size, or of more than {LARGEST_FRAME} pixels)"
                )
            stream.codec_context.thread_count = 1
            stream.codec_context.options = limit | _STRICT.get(stream.codec_context.name, {})
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        raise VideoError(path, f"cannot be decoded ({error.strerror or error})") from error


def _refuse_stand_ins(path: Path) -> None:
    """Name what carries a video's name and is none: an empty file, a Git LFS pointer, a link checked out as text."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
            raise VideoError(path, "is no file but a pipe, a socket, a device or a folder")
        with path.open("rb") as file:
            head = file.read(_SMALLEST_VIDEO)
    except (OSError, ValueError) as error:
        raise unopened(path, error) from error
    if not head:
        raise VideoError(path, "is empty (0 bytes); fetch it again")
    text = head.decode("ascii", errors="replace")
    if text.startswith(_LFS_POINTER):
        raise VideoError(path, "is a Git LFS pointer, not a video; run `git lfs pull` in its repository")
    if len(head) < _SMALLEST_VIDEO and text.replace("\n", " ").isprintable() and text.isascii():
        raise VideoError(path, f"is not a video but a line of text, {text[:100]!r}: a link to one, stored as a file?")
