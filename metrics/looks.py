"""What protocols must see: one decoding of one set of videos for all that see it alike."""

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.video_set import Side


@dataclass(frozen=True)
class Look:
    """One decoding of one set; protocols with equal looks share it."""

    side: Side
    clip: ClipRule
    count: int | None
    """Files that are drawn, where there are more."""
    seed: int

    def draw(self, entries: Sequence[Entry]) -> list[Entry]:
        """The files that are looked at, in their order: by a hash of each, so that the others have no say."""
        if self.count is None or self.count >= len(entries):
            return list(entries)
        chosen = set(heapq.nsmallest(self.count, range(len(entries)), key=lambda i: self._lot(entries[i])))
        return [entry for i, entry in enumerate(entries) if i in chosen]

    def _lot(self, entry: Entry) -> bytes:
        return hashlib.sha256(f"{self.seed}/{entry.id}".encode(errors="surrogateescape")).digest()


def looks_of(protocol: Protocol) -> dict[Side, Look]:
    """What a protocol must see, the real videos first, if it compares."""
    (real_clip, generated_clip), samples = protocol.cuts, protocol.samples
    generated = Look("generated", generated_clip, samples.generated, samples.seed)
    real = Look("real", real_clip, samples.real, samples.seed)
    return {"real": real, "generated": generated} if protocol.any_rule.compares else {"generated": generated}
