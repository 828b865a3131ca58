"""The segment index of a fragmented MP4 file, which tells that fragments are missing at its end.

Libav reads to the last fragment there is and calls that the end. Boxes as in ISO/IEC 14496-12, 4.2 and 8.16.3.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def indexed_end(path: Path) -> int:
    """Up to which byte the file's segment indexes say that it goes; 0 where it has none."""
    with path.open("rb") as file:
        return max((_last_byte(file.read(size), begin + size) for begin, size in _indexes(file)), default=0)


def _indexes(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where each ``sidx`` box on the file's top level has its content, and how long that is."""
    begin = 0
    while len(head := file.read(16)) >= 8:
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        if size < header:  # 0: to the end of the file; the rest is damage, which the decoder will meet
            return
        if head[4:8] == b"sidx" and size < 2**24:
            file.seek(begin + header)
            yield begin + header, size - header
        begin += size
        file.seek(begin)


def _last_byte(content: bytes, anchor: int) -> int:
    """The anchor (the end of the box), the first offset and the sizes of all that is referred to."""
    width = 8 if content[:1] == b"\1" else 4  # by the version
    offset = 12 + width  # version and flags, reference_ID, timescale, earliest_presentation_time
    first = int.from_bytes(content[offset : offset + width], "big")
    references = content[offset + width + 4 :]
    sizes = (int.from_bytes(references[at : at + 4], "big") & 0x7FFFFFFF for at in range(0, len(references), 12))
    return anchor + first + sum(sizes)
