"""The packets of a video file: which frames are in them, when each is shown, and where decoding may begin."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vidgauge.datasets import bitstreams
from vidgauge.datasets.columns import Column

_REORDERED = {"h264", "hevc"}  # in AVI, which has no times, only their slices tell the order of display


@dataclass(frozen=True)
class Packets:
    """All packets in the order of decoding, empty ones left out, as far as they matter afterwards.

    In columns and not one by one, because an hour of video has a hundred thousand.
    """

    position: Column = field(default_factory=Column)
    """Where each begins in the file, in bytes."""
    size: Column = field(default_factory=Column)
    """In bytes."""
    pts: Column = field(default_factory=Column)
    """When its frame is to be shown, in the stream's unit."""
    dts: Column = field(default_factory=Column)
    """When it is to be decoded."""
    duration: Column = field(default_factory=Column)
    """How long its frame is to be shown; None where the file does not say."""

    def __len__(self) -> int:
        return len(self.size)

    def is_at(self, number: int, position: int | None, size: int) -> bool:
        """Whether the packet of this number lies there."""
        return number < len(self) and self.position[number] == position and self.size[number] == size


@dataclass(frozen=True)
class PacketIndex:
    """What all packets together tell; they are numbered in the order of decoding."""

    packets: Packets
    times: Sequence[float] | None
    """When each frame is shown, seconds, ascending; None where only decoding tells how many frames there are."""
    order: Sequence[int] | None
    """The number of each frame's packet, in the order of display; None where frames cannot be found without decoding
    all that are before them."""
    entries: Sequence[int]
    """The packets with which decoding may begin."""
    shown_at: Sequence[float]
    """The times that packets give, seconds, ascending, whether or not each of them brings a frame."""
    damaged: Sequence[int]
    """Packets whose checksums are wrong."""


class PacketLog:
    """Notes the packets of a stream as they come, and makes the index of them."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.timeless = container.format.name == "avi"
        """AVI knows no presentation times, and what libav makes up for it jumps back and forth at B-frames."""
        self.packets = Packets()
        self.slots = Column()
        """When the first, second, ... of the packets that bring a frame is decoded: in AVI, the times of the frames."""
        self.begins_with_key = False
        """Whether the container calls the first a key frame."""
        self._tick = stream.time_base or Fraction(0)
        context = stream.codec_context
        self._codec = context.codec.canonical_name
        self._shown = array("q")  # packets of which a frame comes that the file does not hide
        self._letters: list[str] = []  # of those frames, as ``bitstreams.Content`` has them
        self._entries = array("q")
        self._right = array("q")
        self._wrong = array("q")
        self._waiting = ""  # the second picture of a packet, decoded when the next comes
        try:
            self._look = bitstreams.reader(self._codec, context.extradata or b"", interlaced=context.field_order > 1)
            if context.pix_fmt == "pal8":  # the palette may have come with an earlier packet
                self._look = None
        except (bitstreams.Unclear, IndexError):
            self._look = None

    def add(self, packet: "Packet[VideoStream]") -> None:
        """Note the next packet that is not empty."""
        content, number = self._content(packet), len(self.packets)
        if number == 0:
            self.begins_with_key = packet.is_keyframe
        self.packets.position.append(packet.pos)
        self.packets.size.append(packet.size)
        self.packets.pts.append(packet.pts)
        self.packets.dts.append(packet.dts)
        self.packets.duration.append(packet.duration)
        if content.pictures and not packet.is_discard:  # decoded and not shown: before the start of an edit list
            self._shown.append(number)
            self._letters.append(content.pictures)
            self.slots.append(packet.dts)
        if content.entry:
            self._entries.append(number)
        if content.intact is not None:
            (self._right if content.intact else self._wrong).append(number)

    @property
    def damaged(self) -> Sequence[int]:
        """Packets whose checksums are wrong; where none is right, the file was written without."""
        return self._wrong if self._right else ()

    def index(self) -> PacketIndex:
        """What the packets so far tell."""
        stamps = self.slots if self.timeless else [self.packets.pts[number] for number in self._shown]
        known = sorted(stamp for stamp in stamps if stamp is not None)
        shown_at = array("d", (float(stamp * self._tick) for stamp in known))
        clear = self._look is not None and known and len(known) == len(stamps) and not self._leads()
        order = self._order() if clear and len(set(known)) == len(known) and self._are_apart() else None
        times = shown_at if clear else None
        return PacketIndex(self.packets, times, order, self._entries, shown_at, self.damaged)

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
        first, stamps = self.packets.pts[0], (self.packets.pts[number] for number in self._shown)
        return not self.timeless and any(stamp is None or first is None or stamp < first for stamp in stamps)

    def _are_apart(self) -> bool:
        """Whether no two packets lie in the same place."""
        places = set(zip(self.packets.position, self.packets.size, strict=True))
        return len(places) == len(self.packets)

    def _order(self) -> Sequence[int] | None:
        if self.timeless:
            order = None if self._codec in _REORDERED else _reordered(self._shown, self._letters)
        else:
            order = sorted(self._shown, key=lambda number: self.packets.pts[number] or 0)
        return None if order is None else array("q", order)


def _reordered(numbers: Sequence[int], letters: Sequence[str]) -> list[int] | None:
    """A picture that others refer to is shown when the next such is decoded, a B-picture at once."""
    if "B" in letters[:2]:  # it refers to a picture that is not there
        return None
    order: list[int] = []
    held = list(numbers[:1])
    for number, letter in zip(numbers[1:], letters[1:], strict=True):
        if letter == "B":
            order.append(number)
        else:
            order.extend(held)
            held = [number]
    return [*order, *held]
