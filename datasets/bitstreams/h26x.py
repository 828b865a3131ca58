"""H.264 (ITU-T H.264, 7.3 and annex D) and HEVC (ITU-T H.265, 7.4.2): one access unit in a packet."""

import re
from collections.abc import Iterator

from vidgauge.datasets.bitstreams import Content, Unclear

_START_CODE = re.compile(rb"\x00\x00\x01")


class H264:
    """Decoding may begin at an IDR picture, or at a recovery point that is exact from its own picture on."""

    def __init__(self, extradata: bytes) -> None:
        self._length = (extradata[4] & 3) + 1 if extradata[:1] == b"\1" else 0

    def __call__(self, data: bytes) -> Content:
        """Look into one access unit."""
        recovers = False
        for unit in _units(data, self._length):
            kind = unit[0] & 31
            if kind in (1, 2, 5):  # a slice; all slices of a picture come with the same answer
                return Content(".", entry=kind == 5 or recovers)
            recovers |= kind == 6 and _recovers_at_once(unit)
        return Content("", entry=False)


class HEVC:
    """Decoding may begin at any intra random access point; the leading pictures of a clean one need what is before."""

    def __init__(self, extradata: bytes) -> None:
        self._length = (extradata[21] & 3) + 1 if extradata[:1] == b"\1" else 0

    def __call__(self, data: bytes) -> Content:
        """Look into one access unit."""
        coded: int | None = None
        for unit in _units(data, self._length):
            kind, layer = unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3
            if kind in (16, 17, 18, 36, 37):  # spliced: pictures behind are dropped, or random access begins anew
                raise Unclear
            if kind < 32 and layer == 0 and coded is None:
                coded = kind
        return Content("" if coded is None else ".", entry=coded in (19, 20, 21))


def _units(data: bytes, length: int) -> Iterator[bytes]:
    """The NAL units: behind their lengths, or between start codes where the lengths have no bytes."""
    if not length:
        begins = [match.end() for match in _START_CODE.finditer(data)]
        for begin, end in zip(begins, [*begins[1:], len(data)], strict=True):
            yield data[begin:end]
        return
    position = 0
    while position + length < len(data):
        begin = position + length
        position = begin + int.from_bytes(data[position:begin], "big")
        if position > begin:
            yield data[begin:position]


def _recovers_at_once(unit: bytes) -> bool:
    """Whether a SEI unit announces (D.2.8) recovery_frame_cnt 0, exact_match_flag 1 and broken_link_flag 0."""
    data, position = unit.replace(b"\0\0\3", b"\0\0"), 1
    while position + 2 < len(data):
        kind, position = _extended(data, position)
        size, position = _extended(data, position)
        if kind == 6:
            return data[position] & 0xE0 == 0xC0
        position += size
    return False


def _extended(data: bytes, position: int) -> tuple[int, int]:
    """A number whose bytes add up until one is below 255, and where it ends."""
    value = 0
    while data[position] == 255:
        value, position = value + 255, position + 1
    return value + data[position], position + 1
