"""Seeds that follow from names and numbers, so that what is random in one place depends on no other."""

import hashlib


def seed_of(*parts: object) -> int:
    """A seed of 63 bits out of anything that can be written down: equal parts, equal seed, on every machine."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
