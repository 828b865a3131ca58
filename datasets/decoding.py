"""Decoding from the first packet to the last, with every check that nothing is missing or damaged."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgauge.datasets.completeness import what_is_missing
from vidgauge.datasets.errors import VideoError, unopened
from vidgauge.datasets.libav import opened
from vidgauge.datasets.packets import PacketIndex, PacketLog


def decoded(
    container: InputContainer, stream: VideoStream, path: Path, log: PacketLog, damaged: Sequence[int] = ()
) -> Iterator[VideoFrame]:
    """All frames in the order of display, or VideoError at the first sign that one is missing or damaged.

    Args:
        container: the opened file.
        stream: its video.
        path: the file.
        log: is told of each packet.
        damaged: packets whose checksums are known to be wrong. Without an index that is not known of the first ones:
            a file in which none is right was written without checksums.
    """
    n_frames, interlaced = 0, False
    for packet in _packets(container, stream, path, log):
        wrong = log.damaged or [number for number in damaged if number < len(log.packets)]
        if wrong:
            raise VideoError(path, f"is damaged: packet {wrong[0]} contradicts its checksum")
        for frame in sound(stream.decode(packet), n_frames, path):
            if n_frames == 0:
                _refuse_headless(frame, log, path)
            interlaced |= frame.interlaced_frame
            n_frames += 1
            yield frame
            del frame  # or it would be held while the next is decoded
    if n_frames == 0:
        raise VideoError(path, "has no frames")
    _refuse_cut(container, stream, path, log)
    times = log.index().times
    # Where frames are made of fields, each field may have had a packet of its own.
    if times is not None and n_frames != len(times) and not interlaced:
        raise VideoError(path, f"is truncated or damaged: {n_frames} of its {len(times)} frames can be decoded")


def packet_index(path: Path) -> PacketIndex:
    """What a file's packets tell, without decoding; VideoError for the damage that they show.

    The answers about the latest files are kept: a file is asked for its times first and for its frames then.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise unopened(path, error) from error
    return _packet_index(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=2)
def _packet_index(path: Path, version: tuple[int, ...]) -> PacketIndex:  # noqa: ARG001 - tells files apart
    with opened(path) as (container, stream):
        log = PacketLog(container, stream)
        for _ in _packets(container, stream, path, log):
            pass
        if not log.packets:
            raise VideoError(path, "has no frames")
        _refuse_cut(container, stream, path, log)
        return log.index()


def sound(frames: Iterable[VideoFrame], n_before: int, path: Path) -> Iterator[VideoFrame]:
    """The frames, unless the decoder had to make something up."""
    number = n_before
    for frame in frames:
        if frame.is_corrupt:
            raise VideoError(path, f"is truncated or damaged: frame {number} decodes with errors")
        number += 1
        yield frame
        del frame  # or it would be held while the next is decoded


def _packets(
    container: InputContainer, stream: VideoStream, path: Path, log: PacketLog
) -> "Iterator[Packet[VideoStream] | None]":
    """The packets for the decoder, and None at their end."""
    for number, packet in enumerate(container.demux(stream)):
        if packet.is_corrupt:
            raise VideoError(path, f"is truncated or damaged: packet {number} is incomplete")
        if packet.size:  # to the decoder an empty one means the end, but it may stand for a repeated frame
            log.add(packet)
            yield packet
    yield None


def _refuse_headless(first: VideoFrame, log: PacketLog, path: Path) -> None:
    """Decoders drop everything up to the next key frame without a word."""
    opening = log.packets.pts[0]
    if not log.begins_with_key and first.pts is not None and opening is not None and first.pts > opening:
        raise VideoError(path, "was cut in front of a key frame: its first frames cannot be decoded")


def _refuse_cut(container: InputContainer, stream: VideoStream, path: Path, log: PacketLog) -> None:
    missing = what_is_missing(container, stream, path, log.packets)
    if missing:
        raise VideoError(path, f"is truncated or damaged: {missing}")
