"""Codings in which a packet is a frame."""

from vidgauge.datasets.bitstreams import Content

_TABLES = (b"\xff\xdb", b"\xff\xc4")  # JPEG markers: quantisation and Huffman tables
_SCAN = b"\xff\xda"


def gif(data: bytes) -> Content:
    """Each image is drawn over those before it; only the first packet holds the file's header."""
    return Content(".", entry=data.startswith(b"GIF8"))


def mjpeg(data: bytes) -> Content:
    """A picture that lacks tables is decoded with those of the pictures before it."""
    head = data[: data.find(_SCAN)]
    return Content(".", entry=all(marker in head for marker in _TABLES))
