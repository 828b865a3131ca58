"""What tiny systems have learnt: distances of their samples and of real clips, differences, how they were trained."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_TOY = "Toy scale: this says nothing about the published systems."
_VERDICTS = {"better": "closer to the real clips", "worse": "**farther from the real clips**"}


@LAYOUTS.register("transfer")
@LAYOUTS.register("learning")
def learning(records: Sequence[Record]) -> str:
    """A table of distances and one of differences on the same prompts, for each measure; one of the training."""
    found = [record for record in records if record.subject.kind in ("system", "videos")]
    if not found:
        return "Nothing is measured yet.\n"
    found.sort(key=lambda record: record.subject.kind == "system")
    lines = list[str]()
    for measure in dict.fromkeys(_measure(record) for record in found):
        of_measure = [record for record in found if _measure(record) == measure]
        lines += _distances([record for record in of_measure if record.subject.config["less"] is None])
        lines += _differences([record for record in of_measure if record.subject.config["less"] is not None])
    trained = {record.subject.name: record for record in found if record.subject.config["training"]}
    return "\n".join([*lines, *_training(list(trained.values()))])


def _distances(records: Sequence[Record]) -> list[str]:
    first, config = records[0], records[0].subject.config
    count, size = config["clips"], config["size"]
    unit = f", in {first.measure.unit}" if first.measure.unit != "1" else ""
    against = f" against {count} real ones" if "n_real" in first.details else ""
    lines = [f"**{first.protocol.name} of {count} clips of {size} pixels{against}{unit}. {_TOY}**", ""]
    lines += ["| videos | distance | 95 % interval |", "| --- | ---: | ---: |"]
    lines += [f"| {escape(_named(record))} | {_value(record)} | {_interval(record)} |" for record in records]
    return [*lines, ""]


def _differences(records: Sequence[Record]) -> list[str]:
    if not records:
        return []
    lines = ["**A system's samples less other videos for the same prompts, below 0 where the samples are closer**", ""]
    lines += ["| system | less | difference | 95 % interval | p | samples are |"]
    lines += ["| --- | --- | ---: | ---: | ---: | --- |"]
    for record in records:
        p, verdict = record.details.get("p"), record.details.get("verdict", "")
        cells = [*map(escape, (record.subject.name, record.subject.config["less"])), _value(record), _interval(record)]
        cells += ["" if p is None else f"{p:.1g}", _VERDICTS.get(verdict, verdict)]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _measure(record: Record) -> str:
    return record.measure.name.removesuffix("-difference")


def _training(records: Sequence[Record]) -> list[str]:
    if not records:
        return []
    lines = ["**How they were trained**", "", "| system | parameters | steps | minutes | on | commit |"]
    lines += ["| --- | ---: | --- | ---: | --- | --- |"]
    for record in records:
        facts = record.subject.config["training"]
        steps = ", ".join(f"{phase} {count:,}" for phase, count in facts["steps"].items())
        cells = [record.subject.name, f"{facts['parameters']:,}", steps, f"{facts['seconds'] / 60:.1f}"]
        commit, *changes = facts["commit"].partition("+")
        cells += [facts["device"], commit[:10] + "".join(changes)]
        lines.append("| " + " | ".join(map(escape, cells)) + " |")
    return [*lines, ""]


def _named(record: Record) -> str:
    videos: str = record.subject.config["videos"]
    return f"{record.subject.name}: {videos}" if record.subject.kind == "system" else videos


def _value(record: Record) -> str:
    return record.reason if record.value is None else f"{record.value:.2f}"


def _interval(record: Record) -> str:
    return record.no_interval if record.low is None else f"{record.low:.2f} to {record.high:.2f}"
