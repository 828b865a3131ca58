"""Where two sets of videos differ in what is not content: coding, size, rate, length.

Networks see such things, so distances between real and generated videos react to them: re-encoding alone moves a
Fréchet distance. This says where, so that nobody takes a codec for a model's fault.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from vidgauge.datasets.folder import Entry
from vidgauge.datasets.inspection import Inspection, glance_at_videos

_TOLERATED = 0.1
"""Share of videos without a counterpart, and relative difference of median lengths, that nobody needs to hear of."""
_SHUFFLES = 1000
_MOST_SHOWN = 3
_GLANCES = 256
"""Videos of each set that scoring looks at: enough to see a tenth of them differ."""

KINDS: dict[str, Callable[[Inspection], str]] = {
    "container": lambda video: str(video.container),
    "codec": lambda video: str(video.codec),
    "pixel format": lambda video: f"{str(video.pixel_format).replace('yuvj', 'yuv')}, {_range_as_decoded(video)} range",
    "pixel aspect": lambda video: f"{video.pixel_aspect:.4g}",
    "scan": lambda video: "interlaced" if video.interlaced else "progressive",
    "size": lambda video: f"{video.width}x{video.height}",
    "turned": lambda video: f"{video.rotation} degrees{' and mirrored' * bool(video.mirrored)}",
    "fps": lambda video: rate(video.fps),
    "spacing of frames": lambda video: "uneven" if video.uneven else "even",
}
"""What kind of each a whole video is of, by the names under which differences are told."""

_LENGTHS: dict[str, Callable[[Inspection], float | None]] = {
    "frames": lambda video: video.frames,
    "seconds": lambda video: video.seconds,
}


@dataclass(frozen=True)
class Difference:
    """A property in which two sets differ by more than chance makes of sets of their sizes."""

    of: str
    """Which property, such as ``codec``."""
    real: str
    """What the real videos have, as shares of them (``90 % h264, 10 % vp9``) or as median and range."""
    generated: str
    """The same of the generated ones."""

    def __str__(self) -> str:
        return f"{self.of}: real {self.real}; generated {self.generated}"


def differences(real: Sequence[Inspection], generated: Sequence[Inspection]) -> list[Difference]:
    """Compare two sets by container, codec, pixel format and range, scan, size, rate, and length.

    Broken videos count for nothing. Two sets differ in a kind, such as the codec, where more than a tenth of the videos
    of one would need another kind to make the shares equal; in length, where medians are more than a tenth apart. And
    in both only by more than chance would make of them, but for sets that have nothing in common, however small.
    """
    whole = [video for video in real if video.wrong is None], [video for video in generated if video.wrong is None]
    if not all(whole):
        return []
    kinds = [_by_kind(name, kind, *whole) for name, kind in KINDS.items()]
    lengths = [_by_length(unit, length, *whole) for unit, length in _LENGTHS.items()]
    return [difference for difference in kinds + lengths if difference is not None]


def differences_at_a_glance(
    real: Sequence[Entry], generated: Sequence[Entry], workers: int, known: Mapping[str, Inspection] | None = None
) -> list[Difference]:
    """The same from headers, packets and first frames of at most 256 videos of each set, evenly spread.

    Args:
        real: one set.
        generated: the other.
        workers: decoder processes; 0 looks in this one.
        known: what is known of videos already, by where they lie; the others are opened.
    """
    chosen, told = [spread(entries) for entries in (real, generated)], dict(known or {})
    unknown = [entry for entries in chosen for entry in entries if entry.where not in told]
    for entry, video in zip(unknown, glance_at_videos(unknown, workers), strict=True):
        told[entry.where] = video
    return differences(*([told[entry.where] for entry in entries] for entries in chosen))


def spread(entries: Sequence[Entry]) -> list[Entry]:
    """The videos that a glance at a set is at: as many as tell it from others, evenly spread."""
    count = min(len(entries), _GLANCES)
    return [entries[index * len(entries) // count] for index in range(count)]


def rate(fps: float | None) -> str:
    """Frames per second as people write them."""
    return "unknown" if fps is None else f"{fps:.4g}"


def shares(kinds: Counter[str], most: int = _MOST_SHOWN) -> str:
    """The commonest kinds with their shares, and how many others there are."""
    total = kinds.total()
    shown = [f"{_percent(count / total)} {kind}" for kind, count in kinds.most_common(most)]
    others = f"{len(kinds) - most} other{'s' * (len(kinds) > most + 1)}"
    return ", ".join(shown) + (f" and {others}" if len(kinds) > most else "")


def _percent(share: float) -> str:
    """Whole per cent, but never all or nothing where it is not."""
    return "< 1 %" if share < 0.005 else "> 99 %" if 0.995 < share < 1 else f"{share:.0%}".replace("%", " %")


def _by_kind(
    name: str, kind: Callable[[Inspection], str], real: Sequence[Inspection], generated: Sequence[Inspection]
) -> Difference | None:
    of_real, of_generated = Counter(map(kind, real)), Counter(map(kind, generated))
    if not _differ(of_real, of_generated):
        return None
    return Difference(name, shares(of_real), shares(of_generated))


def _by_length(
    unit: str, length: Callable[[Inspection], float | None], real: Sequence[Inspection], generated: Sequence[Inspection]
) -> Difference | None:
    of_real = [value for video in real if (value := length(video)) is not None]
    of_generated = [value for video in generated if (value := length(video)) is not None]
    if not of_real or not of_generated:
        return None  # the rate is a difference then, and says so
    middle = median(of_real + of_generated)
    sides = [Counter(_side(value, middle) for value in values) for values in (of_real, of_generated)]
    apart = abs(math.log(median(of_real) / median(of_generated))) > math.log1p(_TOLERATED)
    if not apart or not _differ(*sides):
        return None
    return Difference(f"length in {unit}", _range(of_real), _range(of_generated))


def _side(value: float, middle: float) -> str:
    return "longer" if value > middle else "shorter" if value < middle else "equal"


def _range_as_decoded(video: Inspection) -> str:
    pixels, told = str(video.pixel_format), str(video.colour_range)
    coded = pixels.startswith(("yuv", "nv", "p0")) and not pixels.startswith("yuvj")
    return told if told != "unknown" else "limited" if coded else "full"


def _range(values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return f"100 % {values[0]:.4g}"
    return f"{median(values):.4g} in the median ({min(values):.4g} to {max(values):.4g})"


def _distance(a: Counter[str], b: Counter[str]) -> float:
    """Total variation: the share of one set that would have to be of another kind to make the shares equal."""
    return sum(abs(a[kind] / a.total() - b[kind] / b.total()) for kind in a | b) / 2


def _by_chance(a: Counter[str], b: Counter[str]) -> float:
    """The distance that chance makes in one of a hundred cases, if one source gave both sets: they are shuffled."""
    both, size = a + b, a.total()
    counts = np.fromiter(both.values(), np.int64)
    drawn = np.random.default_rng(0).multivariate_hypergeometric(counts, size, size=_SHUFFLES)
    distances = np.abs(drawn / size - (counts - drawn) / b.total()).sum(axis=1) / 2
    return float(np.quantile(distances, 0.99))


def _differ(a: Counter[str], b: Counter[str]) -> bool:
    """Whether the shares do: by more than is tolerated and than chance makes, or in that nothing is common to both."""
    return not a.keys() & b.keys() or _distance(a, b) > max(_TOLERATED, _by_chance(a, b))
