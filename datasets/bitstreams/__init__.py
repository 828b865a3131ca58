"""What a packet tells about the frames in it without being decoded: one file for each family of codings.

Two questions matter: how many frames come out of it, and whether decoding may begin with it.
"""

from collections.abc import Callable
from typing import NamedTuple


class Content(NamedTuple):
    """What one packet holds."""

    pictures: str
    """A letter for each frame that comes out: ``I``, ``P`` or ``B`` where the order of display hangs on it (MPEG-4, of
    which AVI keeps no times), ``.`` elsewhere."""
    entry: bool
    """Whether the frames from here on, in the order of display, are exact if decoding begins here."""
    intact: bool | None = None
    """Whether its checksums are right; None for a coding that has none."""


class Unclear(Exception):  # noqa: N818 - no error: the file is then decoded from its start
    """A packet is coded in a way from which the frames that will come out cannot be foretold."""


Look = Callable[[bytes], Content]

_INTRA = {"dnxhd", "ffvhuff", "huffyuv", "magicyuv", "png", "prores", "rawvideo", "utvideo", "v210"}


def reader(codec: str, extradata: bytes, interlaced: bool) -> Look | None:
    """How to look into packets of a codec (libav's name of the coding); None where there is no way.

    Args:
        codec: the coding, such as ``h264``.
        extradata: what the container says once for all packets.
        interlaced: whether it says that the frames are made of fields.
    """
    from vidgauge.datasets.bitstreams import av1, ffv1, h26x, mpeg4, others, vpx

    if codec in _INTRA:
        return lambda data: Content(".", entry=True)  # noqa: ARG005 - every frame stands for itself
    if codec == "h264" and interlaced:  # two fields may come in one packet or in two
        return None
    readers: dict[str, Callable[[bytes], Look]] = {
        "av1": av1.AV1,
        "ffv1": lambda _: ffv1.ffv1,
        "gif": lambda _: others.gif,
        "h264": h26x.H264,
        "hevc": h26x.HEVC,
        "mjpeg": lambda _: others.mjpeg,
        "mpeg4": mpeg4.MPEG4,
        "vp8": lambda _: vpx.vp8,
        "vp9": lambda _: vpx.vp9,
    }
    return readers[codec](extradata) if codec in readers else None
