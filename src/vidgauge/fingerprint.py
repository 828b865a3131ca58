"""Short, stable hashes of plain data: what makes two protocols, or two environments, the same one."""

import hashlib
import json
from typing import Any


def fingerprint(data: Any) -> str:  # noqa: ANN401 - anything JSON can hold
    """The first 16 hex digits of the SHA-256 of the data as canonical JSON (sorted keys, no spaces, no NaN)."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
