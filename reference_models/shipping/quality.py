"""What is recorded of trained weights, and of what they are held against."""

from pathlib import Path

from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.record_files import read_records
from vidgauge.reference_models.shipped import Distance, Quality


def quality_of(digest: str, records: Path) -> Quality:
    """The distances of a system's samples and of baselines from the same real videos.

    Args:
        digest: sha256 of the trained weights, by which records of them are known.
        records: file of what ``vidgauge contest learning`` recorded.

    Raises:
        UsageError: where the records say nothing of these weights, or of something no value with an interval.
    """
    found, environments = read_records(records)
    distances = [one for one in found if one.subject.config.get("less", "") is None]  # else it is a difference
    own = [_whole(one, records) for one in distances if one.subject.config.get("weights") == digest]
    if not own:
        raise UsageError(
            f"{records}: has no samples of the weights with sha256 {digest}; measure them with 'vidgauge contest "
            "learning', where VIDGAUGE_LEARNING is the folder that holds theirs, and give what it wrote"
        )
    last = own[-1]
    if last.environment not in environments:
        raise UsageError(f"{records}: does not say on what machine; give what 'contest learning' wrote with --out")
    others = [one for one in distances if one.subject.kind == "videos" and _conditions(one) == _conditions(last)]
    measured = {(one.subject.kind, one.subject.config["videos"]): _whole(one, records) for one in [*own, *others]}
    return Quality(
        **last.model_dump(include={"protocol", "n", "level", "code", "time"}),
        size=last.subject.config["size"],
        distances=tuple(
            Distance(videos=videos, system=kind == "system", **one.model_dump(include={"value", "low", "high"}))
            for (kind, videos), one in measured.items()
        ),
        environment=environments[last.environment],
    )


def _conditions(record: Record) -> tuple[object, ...]:
    """What two distances must have in common to be compared."""
    config = record.subject.config
    return record.protocol, record.environment, record.n, config["size"], config["clips"]


def _whole(record: Record, records: Path) -> Record:
    if record.low is None:
        said = record.reason or record.no_interval
        raise UsageError(f"{records}: {record.subject.name} has no {record.measure.name} with an interval ({said})")
    return record
