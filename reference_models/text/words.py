"""Words as numbers without a vocabulary file: each has the place in a table that a fixed hash gives it."""

import hashlib
import re
from collections.abc import Sequence

import torch
from torch import Tensor

from vidgauge.errors import UsageError

BUCKETS = 256
NO_WORD = 0
_SALT = 1  # the first with which no two words of Moving Shapes meet in one of 255 places


def words(caption: str) -> list[str]:
    """In lower case; "counter-clockwise" is one."""
    return re.findall(r"\w+(?:-\w+)*", caption.lower())


def bucket(word: str) -> int:
    """Its place, from 1 to 255. Words of other worlds may share one."""
    digest = hashlib.blake2b(f"{_SALT} {word}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % (BUCKETS - 1)


def numbered(captions: Sequence[str], length: int) -> Tensor:
    """Places of the words of each caption, int64 (B, length) on the CPU, `NO_WORD` after the last.

    Raises:
        UsageError: for a caption of more words than that.
    """
    rows = [list(map(bucket, words(caption))) for caption in captions]
    for caption, row in zip(captions, rows, strict=True):
        if len(row) > length:
            raise UsageError(f"{caption[:40]!r}... has {len(row)} words; this text encoder reads at most {length}")
    padded = [row + [NO_WORD] * (length - len(row)) for row in rows]
    return torch.tensor(padded, dtype=torch.int64, device="cpu").reshape(len(rows), length)
