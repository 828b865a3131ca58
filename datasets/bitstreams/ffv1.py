"""FFV1 (RFC 9043): key frames, and the checksums that its decoder only reports in a log."""

import zlib

from vidgauge.datasets.bitstreams import Content

_FOOTER = 3 + 1 + 4  # slice_size, error_status, slice_crc_parity (4.9)
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ffv1(data: bytes) -> Content:
    """4.3: the first symbol of a frame, range coded with a fresh state, is ``keyframe``.

    That state is 128 of 256, so the range 0xff00 is halved: a one where the first 16 bits are not below 0x7f80.
    """
    return Content(".", entry=int.from_bytes(data[:2], "big") >= 0x7F80, intact=_intact(data))


def _intact(data: bytes) -> bool:
    """Whether every slice, from the last to the first, has parity 0 (4.9.3); never so without checksums."""
    end = len(data)
    while end >= _FOOTER:
        begin = end - _FOOTER - int.from_bytes(data[end - _FOOTER : end - _FOOTER + 3], "big")
        if begin < 0 or _parity(data[begin:end]):
            return False
        end = begin
    return end == 0


def _parity(data: bytes) -> int:
    """CRC with the polynomial 0x04c11db7, most significant bit first, from 0: zlib's, but mirrored and inverted."""
    return zlib.crc32(data.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
