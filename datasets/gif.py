"""How many images a GIF declares: its decoder ends quietly where a cut file ends.

Blocks as in the GIF89a specification, sections 17 to 27.
"""

from pathlib import Path

from vidgauge.datasets.errors import VideoError

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B


def count_images(path: Path) -> int:
    """Walk the blocks up to the trailer and count the images; VideoError where the walk falls off the end."""
    data = path.read_bytes()
    try:
        position, n_images = 13 + _table_size(data[10]), 0  # after the logical screen descriptor
        while data[position] != _TRAILER:
            if data[position] == _IMAGE:
                n_images += 1
                position += 10 + _table_size(data[position + 9]) + 1  # descriptor, local colours, LZW code size
            elif data[position] == _EXTENSION:
                position += 2
            else:
                raise VideoError(path, f"is damaged: no GIF block begins at byte {position}")
            while data[position]:  # sub-blocks, each led by its length
                position += data[position] + 1
            position += 1
    except IndexError:
        raise VideoError(path, "is truncated: it ends before the GIF trailer") from None
    return n_images


def _table_size(packed: int) -> int:
    """Bytes of the colour table that a packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0
