"""VP8 (RFC 6386) and VP9 (bitstream specification 0.6): frames that are decoded and not shown."""

from collections.abc import Iterator

from vidgauge.datasets.bitstreams import Content, Unclear


def vp8(data: bytes) -> Content:
    """RFC 6386, 9.1: bit 0 is clear in a key frame, bit 4 set in a frame that is shown."""
    shown = bool(data[0] & 0x10)
    return Content("." * shown, entry=shown and not data[0] & 1)


def vp9(data: bytes) -> Content:
    """Several frames can share a packet (a superframe, annex B); all but one are usually hidden references."""
    headers = [_header(first) for first in _first_bytes(data)]
    pictures = sum(shown for shown, _ in headers)
    if pictures > 1:
        raise Unclear
    return Content("." * pictures, entry=headers[0] == (True, True))


def _first_bytes(data: bytes) -> Iterator[int]:
    """The first byte of each frame."""
    marker = data[-1]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = len(data) - 2 - count * width
    if marker & 0xE0 != 0xC0 or index < 0 or data[index] != marker:
        yield data[0]
        return
    begin = 0
    for number in range(count):
        size = index + 1 + number * width
        if begin < index:
            yield data[begin]
        begin += int.from_bytes(data[size : size + width], "little")


def _header(first: int) -> tuple[bool, bool]:
    """Whether a frame is shown and whether it is a key frame (6.2, uncompressed_header)."""
    bits = f"{first:08b}"
    if not bits.startswith("10"):
        raise Unclear
    begin = 5 if bits[2:4] == "11" else 4  # profile 3 has a reserved bit more
    if bits[begin] == "1":  # show_existing_frame
        return True, False
    return bits[begin + 2] == "1", bits[begin + 1] == "0"
