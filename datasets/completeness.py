"""What a file declares and does not hold: many decoders end quietly where the bytes end.

Each container tells in its own way: GIF by its blocks, AVI by counts, MP4 by an index, Matroska by a duration, JPEG by
a marker at its end.
"""

import math
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vidgauge.datasets import gif
from vidgauge.datasets.boxes import indexed_end
from vidgauge.datasets.packets import Packets


def what_is_missing(container: InputContainer, stream: VideoStream, path: Path, packets: Packets) -> str:
    """The sign that a file, read to its end without an error, was cut off; empty where there is none.

    Args:
        container: the opened file, read to its end.
        stream: its video.
        path: the file.
        packets: all packets of the video.
    """
    kind = container.format.name
    if kind == "gif":
        n_images = gif.count_images(path)
        return "" if n_images == len(packets) else f"{len(packets)} of its {n_images} images can be found"
    if kind == "avi":
        # Either sign alone is found in whole files: empty packets at the end, and writers that miscount the bytes.
        end = max((stamp for stamp in packets.dts if stamp is not None), default=0)
        cut = end + 1 < stream.frames and _riff_bytes(path) > path.stat().st_size
        return f"it declares {stream.frames} frames and ends after {end + 1}" if cut else ""
    if "mp4" in kind:
        indexed = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
        cut = max(indexed, indexed_end(path)) > path.stat().st_size
        return "its index points beyond the end of the file" if cut else ""
    if path.suffix.lower() in {".jpg", ".jpeg"}:
        data = path.read_bytes()  # within coded pixels neither marker can occur: start of scan, end of image
        return "" if data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") else "it ends within the picture"
    return _missing_time(container, stream, packets) if "matroska" in kind else ""


def _riff_bytes(path: Path) -> int:
    """How long an AVI file says it is (its first part, if it is larger than 1 GB)."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") + 8


def _missing_time(container: InputContainer, stream: VideoStream, packets: Packets) -> str:
    last = max((stamp for stamp in packets.pts if stamp is not None), default=None)
    if last is None or stream.time_base is None or not stream.average_rate:
        return ""
    begin, interval = float(last * stream.time_base), float(1 / stream.average_rate)
    duration = next(ticks for stamp, ticks in zip(packets.pts, packets.duration, strict=True) if stamp == last) or 0
    shown = max(float(duration * stream.time_base), interval)
    declared = _declared_end(container, stream)
    # Half a frame and the millisecond to which Matroska rounds.
    if begin + shown + interval / 2 < declared - 1e-3:
        return f"it declares {declared:.3f} s and its last frame begins at {begin:.3f} s"
    return ""


def _declared_end(container: InputContainer, stream: VideoStream) -> float:
    """When the stream ends by a Matroska file's own account, in seconds; ``nan`` where it has none."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds.rstrip("\0"))
    except ValueError:  # no such tag: the container's duration is this stream's only where there is no other
        duration = container.duration if len(container.streams) == 1 else None
        return math.nan if duration is None else duration / av.time_base
