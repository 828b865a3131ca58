"""Which generated video goes with which real one: that of the same name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from vidgauge.datasets.folder import Entry
from vidgauge.datasets.reading import EXTENSIONS
from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Failed
from vidgauge.metrics.video_set import Side


@dataclass(frozen=True)
class Pair:
    """A real video and the generated one that is held against it."""

    name: str
    """What both are called: the path below the folders that were given, without extension."""
    real: Entry
    generated: Entry

    def of(self, side: Side) -> Entry:
        """One of the two."""
        return self.real if side == "real" else self.generated


@dataclass(frozen=True)
class Pairing:
    """What goes together, and what is left over."""

    pairs: list[Pair]
    """In the order of the generated videos."""
    alone: dict[Side, list[Failed]]
    """On each side, the videos without a partner."""


def pair_entries(real: Sequence[Entry], generated: Sequence[Entry]) -> Pairing:
    """Put videos of the same name together: ``cats/1.avi`` below one folder, ``cats/1.mkv`` below the other.

    One video on either side are a pair whatever they are called.

    Raises:
        UsageError: two videos of one side have the same name, so that it is not known which is meant.
    """
    if len(real) == len(generated) == 1:
        return Pairing([Pair(_name(generated[0]), real[0], generated[0])], {"real": [], "generated": []})
    real_of, generated_of = _by_name(real, "real"), _by_name(generated, "generated")
    pairs = [Pair(name, real_of[name], entry) for name, entry in generated_of.items() if name in real_of]
    without: dict[Side, list[Failed]] = {
        "real": _without_partner(real_of, generated_of, "generated"),
        "generated": _without_partner(generated_of, real_of, "real"),
    }
    return Pairing(pairs, without)


def _by_name(entries: Sequence[Entry], side: Side) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.setdefault(_name(entry), entry)
        if first is not entry:
            raise UsageError(
                f"{side} videos {first.path} and {entry.path} are both called {_name(entry)!r}, and pairs are made by "
                "name; give one of them"
            )
    return found


def _without_partner(own: dict[str, Entry], others: dict[str, Entry], other_side: Side) -> list[Failed]:
    return [
        Failed(entry.id, f"has no partner: no {other_side} video is called {name!r}")
        for name, entry in own.items()
        if name not in others
    ]


def _name(entry: Entry) -> str:
    path = PurePosixPath(entry.id)
    # A folder of frames has no extension, though there may be a dot in its name.
    return str(path.with_suffix("")) if path.suffix.lower() in EXTENSIONS else entry.id
