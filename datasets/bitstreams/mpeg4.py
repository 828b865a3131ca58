"""MPEG-4 part 2 (ISO/IEC 14496-2, 6.2), as DivX and XviD write it into AVI: two pictures in a packet, then none."""

import re

from vidgauge.datasets.bitstreams import Content, Unclear

_LAYER, _USER_DATA, _PICTURE = range(0x20, 0x30), 0xB2, 0xB6
_START_CODE = re.compile(rb"\x00\x00\x01([\x20-\x2f\xb2\xb6])", re.DOTALL)
_PACKED = re.compile(rb"DivX\d+(b|Build)\d+p")
_RECTANGULAR = 0


class MPEG4:
    """Decoding may begin at an intra-coded picture; B-pictures that follow it and are shown before it need more."""

    def __init__(self, extradata: bytes) -> None:
        self._time_bits: int | None = None  # how long vop_time_increment is
        self._packed = False
        self(extradata)

    def __call__(self, data: bytes) -> Content:
        """Look into one packet, or into the headers that a container holds."""
        pictures = ""
        for match in _START_CODE.finditer(data):
            kind, rest = match[1][0], data[match.end() : match.end() + 32]
            if kind in _LAYER:
                self._time_bits = _time_bits(_Bits(rest))
            elif kind == _USER_DATA:
                self._packed |= bool(_PACKED.match(rest))
            else:
                pictures += self._picture(_Bits(rest))
        if len(pictures) > (2 if self._packed else 1):
            raise Unclear
        return Content(pictures, entry=pictures.startswith("I"))

    def _picture(self, bits: "_Bits") -> str:
        """6.2.5: the letter of a picture (P for S too); none for one that is not coded, which shows no frame."""
        if self._time_bits is None:
            raise Unclear
        letter = "IPBP"[bits.take(2)]
        while bits.take(1):  # modulo_time_base
            pass
        bits.take(1 + self._time_bits + 1)  # a marker, vop_time_increment, a marker
        return letter if bits.take(1) else ""


def _time_bits(bits: "_Bits") -> int:
    """6.2.3, VideoObjectLayer: the bits that hold numbers below vop_time_increment_resolution."""
    bits.take(1 + 8)  # random_accessible_vol, video_object_type_indication
    if bits.take(1):  # is_object_layer_identifier
        bits.take(4 + 3)
    if bits.take(4) == 15:  # aspect_ratio_info: extended
        bits.take(8 + 8)
    if bits.take(1):  # vol_control_parameters
        bits.take(2 + 1)  # chroma_format, low_delay
        if bits.take(1):  # vbv_parameters
            bits.take(79)
    if bits.take(2) != _RECTANGULAR:
        raise Unclear
    bits.take(1)
    return max((bits.take(16) - 1).bit_length(), 1)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._position = 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        self._position += count
        if self._position > len(self._bits):
            raise Unclear
        return int(self._bits[self._position - count : self._position], 2)
