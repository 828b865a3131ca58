"""Frames by index: decoding begins at the last packet with which it may, and every frame is known by its packet.

No frame is trusted for its place alone. Packets carry their number through the decoder in place of their time; where
what comes out is not what the index foretold, the file is decoded from its start instead.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
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
            for frame in _sought(path, index, index.order, indices):
                found += 1
                yield frame
                del frame  # or it would be held while the next is decoded
        except (_AstrayError, VideoError):  # is the file damaged, or was it entered in the wrong place?
            pass
    yield from _counted(path, indices[found:], index.damaged)


def _counted(path: Path, indices: Sequence[int], damaged: Sequence[int]) -> Iterator[tuple[VideoFrame, VideoStream]]:
    """Decode from the start and count."""
    if not indices:
        return
    wanted, number = set(indices), 0
    with opened(path) as (container, stream):
        for frame in decoded(container, stream, path, PacketLog(container, stream), damaged):
            if number in wanted:
                yield frame, stream
            del frame  # or it would be held while the next is decoded
            number += 1
            if number > indices[-1]:
                return
    raise _absent(path, indices[-1], number)


def _absent(path: Path, index: int, n_frames: int) -> VideoError:
    return VideoError(path, f"has {n_frames} frames, so there is none of index {index}")


def _sought(
    path: Path, index: PacketIndex, order: Sequence[int], indices: Sequence[int]
) -> Iterator[tuple[VideoFrame, VideoStream]]:
    places = _places(order, len(index.packets))
    entries = _entries(index, order, places)

    def entry_of(place: int) -> tuple[int, int]:
        latest = bisect_right(entries, place, key=itemgetter(0)) - 1
        while entries[latest][1] > order[place]:
            latest -= 1
        return entries[latest]

    with opened(path) as (container, stream):
        packets = _Packets(container, stream, index)
        for (first, entry), group in groupby(indices, key=entry_of):
            wanted = set(group)
            place, last = first, max(wanted)
            decoded_on = _frames(packets.since(entry), stream, order, places, first)
            # What lies between is checked too: the wanted frame may refer to it.
            for frame in sound(decoded_on, first, path):
                if place in wanted:
                    yield frame, stream
                del frame  # or it would be held while the next is decoded
                if place == last:
                    break
                place += 1
            else:
                raise _AstrayError


def _places(order: Sequence[int], n_packets: int) -> Sequence[int]:
    """Of each packet the place of its frame, one behind the last if it has none."""
    places = array("q", [len(order)]) * n_packets
    for place, number in enumerate(order):
        places[number] = place
    return places


def _entries(index: PacketIndex, order: Sequence[int], places: Sequence[int]) -> list[tuple[int, int]]:
    """The place of the first frame that is exact if decoding begins with a packet, and that packet; ascending."""
    pts = index.packets.pts

    def place_of(number: int) -> int:
        if places[number] < len(order):
            return places[number]
        # One that is not shown itself stands in front of the first that is shown after it.
        return bisect_left(order, pts[number] or 0, key=lambda shown: pts[shown] or 0)

    return sorted((place_of(number), number) for number in index.entries)


def _frames(
    packets: "Iterator[Packet[VideoStream]]",
    stream: VideoStream,
    order: Sequence[int],
    places: Sequence[int],
    first: int,
) -> Iterator[VideoFrame]:
    """Frames from a place on; what precedes it in the order of display is not exact, and left out."""
    place = first
    for frame in chain(chain.from_iterable(map(stream.decode, packets)), _rest(stream)):
        number = frame.pts
        if number is None or not 0 <= number < len(places):
            raise _AstrayError
        if places[number] >= first:
            if places[number] != place or place == len(order):
                raise _AstrayError
            place += 1
            yield frame
        del frame  # or it would be held while the next is decoded


def _rest(stream: VideoStream) -> Iterator[VideoFrame]:
    yield from stream.decode(None)


class _Packets:
    """The packets of an opened file, from wherever one wants them."""

    def __init__(self, container: InputContainer, stream: VideoStream, index: PacketIndex) -> None:
        self._container = container
        self._stream = stream
        self._index = index
        self._untouched = True

    def since(self, entry: int) -> "Iterator[Packet[VideoStream]]":
        """The packet of this number and those behind it, each with its number in place of its time."""
        if self._untouched:
            self._untouched = False
            if entry == 0:
                return self._following(entry)
            self._prime()
        for stamp in (self._index.packets.pts[entry], self._index.packets.dts[entry]):
            if stamp is not None:
                self._container.seek(stamp, stream=self._stream)
                packets = self._following(entry)
                first = next((packet for packet in packets if packet.pts is not None and packet.pts >= entry), None)
                if first is not None and first.pts == entry:
                    return chain([first], packets)
        raise _AstrayError

    def _following(self, guess: int) -> "Iterator[Packet[VideoStream]]":
        for packet in self._container.demux(self._stream):
            if packet.size:
                number = self._number(packet, guess)
                guess = number + 1
                if number in self._index.damaged or packet.is_corrupt:
                    raise _AstrayError
                packet.pts = number
                yield packet

    def _number(self, packet: "Packet[VideoStream]", guess: int) -> int:
        """Which packet this is; it is quickest to tell where the guess is right."""
        packets = self._index.packets
        for number in chain([guess], range(len(packets))):
            if packets.is_at(number, packet.pos, packet.size):
                return number
        raise _AstrayError

    def _prime(self) -> None:
        """MPEG-4's first packet names the encoder, whose inverse transform and errors the decoder then imitates."""
        if self._stream.codec_context.codec.canonical_name == "mpeg4":
            self._stream.decode(next(self._following(0)))
