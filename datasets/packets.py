"""The packets of a video file: which frames are in them, when each is shown, and where decoding may begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgauge.datasets import bitstreams

_REORDERED = {"h264", "hevc"}  # in AVI, which has no times, only their slices tell the order of display


@dataclass(frozen=True, slots=True)
class Seen:
    """One packet, as far as it matters afterwards."""

    position: int | None
    """Where it begins in the file, in bytes."""
    size: int
    """In bytes."""
    pts: int | None
    """When its frame is to be shown, in the stream's unit."""
    dts: int | None
    """When it is to be decoded."""
    duration: int
    """How long its frame is to be shown; 0 where the file does not say."""
    key: bool
    """Whether the container calls it a key frame."""
    hidden: bool
    """Whether the file says that its frame is decoded and not shown (before the start of an edit list)."""
    picture: str
    """The letter (see ``bitstreams.Content``) of the frame that comes of decoding it; empty where none does."""
    entry: bool
    """Whether decoding may begin with it."""
    intact: bool | None
    """Whether its checksums are right; None where it has none."""

    @property
    def shown(self) -> bool:
        """Whether a frame comes of it."""
        return bool(self.picture) and not self.hidden


@dataclass(frozen=True)
class PacketIndex:
    """What all packets together tell; they are numbered in the order of decoding, empty ones left out."""

    packets: list[Seen]
    times: NDArray[np.float64] | None
    """When each frame is shown, seconds, ascending; None where only decoding tells how many frames there are."""
    order: list[int] | None
    """The number of each frame's packet, in the order of display; None where frames cannot be found without decoding
    all that are before them."""
    shown_at: list[float]
    """The times that packets give, seconds, ascending, whether or not each of them brings a frame."""
    damaged: list[int]
    """Packets whose checksums are wrong."""


class PacketLog:
    """Notes the packets of a stream as they come, and makes the index of them."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.timeless = container.format.name == "avi"
        """AVI knows no presentation times, and what libav makes up for it jumps back and forth at B-frames."""
        self.packets: list[Seen] = []
        self.slots: list[int | None] = []
        """When the first, second, ... of the packets that bring a frame is decoded: in AVI, the times of the frames."""
        self._tick = stream.time_base or Fraction(0)
        context = stream.codec_context
        self._codec = context.codec.canonical_name
        self._right: list[int] = []
        self._wrong: list[int] = []
        self._waiting = ""  # the second picture of a packet, decoded when the next comes
        try:
            self._look = bitstreams.reader(self._codec, context.extradata or b"", interlaced=context.field_order > 1)
            if context.pix_fmt == "pal8":  # the palette may have come with an earlier packet
                self._look = None
        except (bitstreams.Unclear, IndexError):
            self._look = None

    def add(self, packet: "Packet[VideoStream]") -> int:
        """Note the next packet that is not empty; returns its number."""
        content = self._content(packet)
        seen = Seen(
            position=packet.pos,
            size=packet.size,
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration or 0,
            key=packet.is_keyframe,
            hidden=packet.is_discard,
            picture=content.pictures,
            entry=content.entry,
            intact=content.intact,
        )
        self.packets.append(seen)
        if seen.shown:
            self.slots.append(packet.dts)
        number = len(self.packets) - 1
        if seen.intact is not None:
            (self._right if seen.intact else self._wrong).append(number)
        return number

    @property
    def damaged(self) -> list[int]:
        """Packets whose checksums are wrong; where none is right, the file was written without."""
        return self._wrong if self._right else []

    def index(self) -> PacketIndex:
        """What the packets so far tell."""
        stamps = self.slots if self.timeless else [packet.pts for packet in self.packets if packet.shown]
        known = sorted(stamp for stamp in stamps if stamp is not None)
        shown_at = [float(stamp * self._tick) for stamp in known]
        if self._look is None or not known or len(known) < len(stamps) or self._leads():
            return PacketIndex(self.packets, None, None, shown_at, self.damaged)
        places = {(packet.position, packet.size) for packet in self.packets}
        distinct = len(set(known)) == len(known) and len(places) == len(self.packets)
        order = self._order() if distinct else None
        return PacketIndex(self.packets, np.array(shown_at), order, shown_at, self.damaged)

    def _content(self, packet: "Packet[VideoStream]") -> bitstreams.Content:
        """What comes of a packet; once one is unclear, a frame of every packet."""
        if self._look is not None:
            try:
                return self._in_turn(self._look(bytes(packet)))
            except (bitstreams.Unclear, IndexError):
                self._look = None
        return bitstreams.Content(".", entry=False)

    def _in_turn(self, content: bitstreams.Content) -> bitstreams.Content:
        if not self.packets and not content.entry:  # what a decoder makes of such a beginning is its own affair
            raise bitstreams.Unclear
        pictures = self._waiting + content.pictures
        entry = content.entry and not self._waiting
        self._waiting = pictures[1:]
        # The decoder keeps one picture for its next turn, and only of such a kind as the formats that do this keep.
        if len(self._waiting) > 1 or self._waiting == "P" or (self._waiting and not self.timeless):
            raise bitstreams.Unclear
        return bitstreams.Content(pictures[:1], entry, content.intact)

    def _leads(self) -> bool:
        """Whether a picture is shown before the first: decoders drop some of those."""
        first = self.packets[0].pts
        return not self.timeless and any(
            packet.shown and (first is None or packet.pts is None or packet.pts < first) for packet in self.packets
        )

    def _order(self) -> list[int] | None:
        shown = [number for number, packet in enumerate(self.packets) if packet.shown]
        if self.timeless:
            letters = [self.packets[number].picture for number in shown]
            return None if self._codec in _REORDERED else _reordered(shown, letters)
        return sorted(shown, key=lambda number: self.packets[number].pts or 0)


def _reordered(numbers: Sequence[int], letters: Sequence[str]) -> list[int] | None:
    """A picture that others refer to is shown when the next such is decoded, a B-picture at once."""
    if "B" in letters[:2]:  # it refers to a picture that is not there
        return None
    order: list[int] = []
    held = numbers[:1]
    for number, letter in zip(numbers[1:], letters[1:], strict=True):
        if letter == "B":
            order.append(number)
        else:
            order.extend(held)
            held = [number]
    return [*order, *held]
