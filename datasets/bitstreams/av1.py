"""AV1 (bitstream specification 1.0.0 with errata 1): a temporal unit shows one frame, or none."""

from collections.abc import Iterator

from vidgauge.datasets.bitstreams import Content

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6


class AV1:
    """Reads temporal units; the sequence header may come with the container or with the packets."""

    def __init__(self, extradata: bytes) -> None:
        self._still = False  # reduced_still_picture_header: every frame is a shown key frame
        if extradata[:1] == b"\x81":  # AV1CodecConfigurationRecord, its OBUs behind four bytes
            self(extradata[4:])

    def __call__(self, data: bytes) -> Content:
        """Look into one temporal unit."""
        pictures, entry, begun = 0, False, False
        for kind, payload in _units(data):
            if kind == _SEQUENCE_HEADER:
                self._still = bool(payload[0] & 0x08)
            elif kind in (_FRAME_HEADER, _FRAME):
                existing, key, shown = self._header(payload[0])
                entry |= not begun and key and shown and not existing
                pictures |= existing or shown
                begun = True
        return Content("." * pictures, entry)

    def _header(self, first: int) -> tuple[bool, bool, bool]:
        """5.9.2, uncompressed_header: show_existing_frame, whether it is a key frame, show_frame."""
        if self._still:
            return False, True, True
        return bool(first & 0x80), not first & 0x60, bool(first & 0x10)


def _units(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each OBU (5.3)."""
    position = 0
    while position < len(data):
        header = data[position]
        position += 2 if header & 4 else 1
        size = len(data) - position
        if header & 2:
            size, position = _leb128(data, position)
        if size:
            yield header >> 3 & 15, data[position : position + size]
        position += size


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    """A number of 7 bits a byte (4.10.5), and where it ends."""
    value = 0
    for shift in range(0, 56, 7):
        value |= (data[position + shift // 7] & 0x7F) << shift
        if data[position + shift // 7] < 0x80:
            break
    return value, position + shift // 7 + 1
