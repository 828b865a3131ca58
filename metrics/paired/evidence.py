"""What came of comparing pairs of videos: the numbers that a paired measure averages."""

from dataclasses import dataclass, field

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.video_set import Side


@dataclass(frozen=True)
class PairedEvidence:
    """One measure of all pairs of clips, in the order of the pairs."""

    values_n: Array
    """(N,), one number a clip."""
    frames: list[Array]
    """Of each clip, one number a frame."""
    sides: dict[Side, Evidence]
    """For real and generated videos, the file of each clip, and what could not be used; no network's outputs."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the score must know."""

    def __len__(self) -> int:
        return len(self.values_n)

    @property
    def sources(self) -> list[str]:
        """The generated file of each clip. It names the pair: both files are drawn together for an interval."""
        return self.sides["generated"].sources

    def why_none(self) -> str:
        """Why there is no pair, by the first file that could not be used."""
        failed = [(side, item) for side in ("generated", "real") for item in self.sides[side].failed]
        if not failed:
            return "no videos were given"
        side, first = failed[0]
        more = f" (and {len(failed) - 1} more files)" if len(failed) > 1 else ""
        return f"{side} {first.file} {first.reason}{more}"
