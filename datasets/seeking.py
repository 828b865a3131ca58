"""Frames by index: decoding begins at the last packet with which it may, and every frame is known by its packet.

No frame is trusted for its place alone. Packets carry their number through the decoder in place of their time; where
what comes out is not what the index foretold, the file is decoded from its start instead.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgauge.datasets.decoding import decoded, packet_index, sound
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.libav import opened
from vidgauge.datasets.packets import PacketIndex, PacketLog


class _AstrayError(Exception):
    """What was found is not what the index foretold."""


def decoded_at(path: Path, indices: Sequence[int]) -> Iterator[tuple[VideoFrame, VideoStream]]:
    """The frames of these indices (ascending), and the stream they come from."""
    index = packet_index(path)
    if indices and index.times is not None and indices[-1] >= len(index.times):
        raise _absent(path, indices[-1], len(index.times))
    found = 0
    if index.order is not None:
        try:
            for found, frame in enumerate(_sought(path, index, index.order, indices), start=1):  # noqa: B007
                yield frame
        except (_AstrayError, VideoError):  # is the file damaged, or was it entered in the wrong place?
            pass
    yield from _counted(path, indices[found:], index.damaged)


def _counted(path: Path, indices: Sequence[int], damaged: Sequence[int]) -> Iterator[tuple[VideoFrame, VideoStream]]:
    """Decode from the start and count."""
    if not indices:
        return
    wanted, number = set(indices), -1
    with opened(path) as (container, stream):
        for number, frame in enumerate(decoded(container, stream, path, PacketLog(container, stream), damaged)):
            if number in wanted:
                yield frame, stream
            if number == indices[-1]:
                return
    raise _absent(path, indices[-1], number + 1)


def _absent(path: Path, index: int, n_frames: int) -> VideoError:
    return VideoError(path, f"has {n_frames} frames, so there is none of index {index}")


def _sought(
    path: Path, index: PacketIndex, order: list[int], indices: Sequence[int]
) -> Iterator[tuple[VideoFrame, VideoStream]]:
    entries = _entries(index, order)
    places = [place for place, _ in entries]

    def entry_of(place: int) -> tuple[int, int]:
        latest = bisect_right(places, place) - 1
        while entries[latest][1] > order[place]:
            latest -= 1
        return entries[latest]

    with opened(path) as (container, stream):
        packets = _Packets(container, stream, index)
        for (first, entry), group in groupby(indices, key=entry_of):
            wanted = set(group)
            last = max(wanted)
            decoded_on = _frames(packets.since(entry), stream, order, first)
            # What lies between is checked too: the wanted frame may refer to it.
            for place, frame in enumerate(sound(decoded_on, first, path), start=first):
                if place in wanted:
                    yield frame, stream
                if place == last:
                    break
            else:
                raise _AstrayError


def _entries(index: PacketIndex, order: list[int]) -> list[tuple[int, int]]:
    """The place of the first frame that is exact if decoding begins with a packet, and that packet; ascending."""
    places = {number: place for place, number in enumerate(order)}
    times = [index.packets[number].pts or 0 for number in order]
    return sorted(
        # One that is not shown itself stands in front of the first that is shown after it.
        (places[number] if number in places else bisect_left(times, packet.pts or 0), number)
        for number, packet in enumerate(index.packets)
        if packet.entry
    )


def _frames(
    packets: "Iterator[Packet[VideoStream]]", stream: VideoStream, order: list[int], place: int
) -> Iterator[VideoFrame]:
    """Frames from a place on; what precedes it in the order of display is not exact, and left out."""
    before = set(order[:place])
    for frame in chain(chain.from_iterable(map(stream.decode, packets)), _rest(stream)):
        if frame.pts not in before:
            if place == len(order) or frame.pts != order[place]:
                raise _AstrayError
            place += 1
            yield frame


def _rest(stream: VideoStream) -> Iterator[VideoFrame]:
    yield from stream.decode(None)


class _Packets:
    """The packets of an opened file, from wherever one wants them."""

    def __init__(self, container: InputContainer, stream: VideoStream, index: PacketIndex) -> None:
        self._container = container
        self._stream = stream
        self._index = index
        self._numbers = {(packet.position, packet.size): number for number, packet in enumerate(index.packets)}
        self._untouched = True

    def since(self, entry: int) -> "Iterator[Packet[VideoStream]]":
        """The packet of this number and those behind it, each with its number in place of its time."""
        if self._untouched:
            self._untouched = False
            if entry == 0:
                return self._following()
            self._prime()
        for stamp in (self._index.packets[entry].pts, self._index.packets[entry].dts):
            if stamp is not None:
                self._container.seek(stamp, stream=self._stream)
                packets = self._following()
                first = next((packet for packet in packets if packet.pts is not None and packet.pts >= entry), None)
                if first is not None and first.pts == entry:
                    return chain([first], packets)
        raise _AstrayError

    def _following(self) -> "Iterator[Packet[VideoStream]]":
        for packet in self._container.demux(self._stream):
            if packet.size:
                number = self._numbers.get((packet.pos, packet.size))
                if number is None or number in self._index.damaged or packet.is_corrupt:
                    raise _AstrayError
                packet.pts = number
                yield packet

    def _prime(self) -> None:
        """MPEG-4's first packet names the encoder, whose inverse transform and errors the decoder then imitates."""
        if self._stream.codec_context.codec.canonical_name == "mpeg4":
            self._stream.decode(next(self._following()))
