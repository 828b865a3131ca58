"""What the cards of shipped weights say of their quality, as records."""

from collections.abc import Iterator

from vidgauge.environment import Environment
from vidgauge.record import Measure, Record, Subject
from vidgauge.reference_models.shipped import CARDS, Distance, SystemCard

_FVD = Measure(name="fvd", unit="1", better="lower")
_FROM = "from the cards of shipped weights: measured when they were made"


def card_records() -> Iterator[tuple[Record, Environment]]:
    """A record of each distance that a card states, and where it was measured; baselines of several cards once."""
    told = set()
    for card in map(CARDS.__getitem__, CARDS):
        for distance in card.quality.distances:
            record = _record(card, distance)
            if (key := (record.subject.name, record.value)) not in told:
                told.add(key)
                yield record, card.quality.environment


def _record(card: SystemCard, distance: Distance) -> Record:
    said, size = card.quality, card.quality.size
    notes = [_FROM]
    if distance.system:
        most = card.halving.largest_pixel_difference
        notes.append(f"in float32; the float16 that ships makes the same videos, but for {most} of 255 levels at most")
    return Record(
        subject=Subject(
            kind="system",
            name=_name(card, distance),
            config={"against": f"{said.n} other real clips of {card.training.data}, {size}", "scale": card.scale},
        ),
        measure=_FVD,
        protocol=said.protocol,
        environment=said.environment.fingerprint,
        code=said.code,
        run=f"card of {card.name}",
        value=distance.value,
        low=distance.low,
        high=distance.high,
        level=said.level,
        n=said.n,
        time=said.time,
        details={"notes": notes, "world": "embedded"},
    )


def _name(card: SystemCard, distance: Distance) -> str:
    if distance.system:
        return card.name if distance.videos == "samples" else f"{card.name}: {distance.videos}"
    return distance.videos if "real clips" in distance.videos else f"real clips, {distance.videos}"
