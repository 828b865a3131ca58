"""What `vidgauge compare` recorded, made ready for tables: of each group its systems, neighbours, and their training.

Its records tell seeds, budgets and folders of a system apart. A table shows a system in one row, so here they are given
the few facts that rows differ in; all that was recorded goes on in their details.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vidgauge.record import Record, Subject
from vidgauge.reports.axes import is_number
from vidgauge.reports.quantities import YES_OR_NO

Found = tuple[Record, int]
"""A record, and how many older ones of the same thing it supersedes."""
TOY = "toy scale, says nothing about the published systems"
_ENOUGH = 3
"""Seeds for a ranking."""
_LOSS = "loss"
_SPENT = ("training_throughput", "latency", "first_frame", "streams", "peak_memory", "parameters")
_COUNTED = ("training_flops", "sampling_flops")
_MADE = "samples"
_REAL = "real clips"


@dataclass(frozen=True)
class Part:
    """The records of one table."""

    title: str
    remarks: tuple[str, ...]
    """On all of it."""
    records: tuple[Found, ...]
    """In the order of rows."""
    measures: tuple[str, ...]
    """In the order of columns."""


def is_of_comparison(subject: Subject) -> bool:
    """Whether `vidgauge compare` made it, or these records of it."""
    return "recipe" in subject.config


def heading(records: Sequence[Record]) -> str | None:
    """What a page of nothing but one comparison is called; None for any other."""
    recipes = {str(record.subject.config.get("recipe")) for record in records if is_of_comparison(record.subject)}
    whole = all(is_of_comparison(record.subject) for record in records)
    return f"Compared by recipe {recipes.pop()}" if whole and len(recipes) == 1 else None


def parts(found: Sequence[Found]) -> Iterator[Part]:
    """All tables of comparisons, group after group.

    Args:
        found: records of comparisons, real and damaged clips among them, which stand in the table of each group.
    """
    real: dict[str, list[Found]] = defaultdict(list)
    groups: dict[tuple[str, str], list[Found]] = {}
    for each in found:
        run, group = each[0].run, each[0].subject.config.get("group")
        if group is None:
            real[run].append(each)
        else:
            groups.setdefault((run, str(group)), []).append(each)
    for run in real.keys() - {run for run, _ in groups}:
        groups[run, _REAL] = []
    names = [name for _, name in groups]
    for (run, name), own in groups.items():
        group = _Group(name if names.count(name) == 1 else f"{name}, run {run}", own, real[run])
        yield from filter(None, (group.systems(), group.neighbours(), group.training()))


class _Group:
    """A group of systems in one run, and the real clips of the run.

    Args:
        name: of the group, told apart from others.
        own: what is about its systems.
        real: what is about real clips.
    """

    def __init__(self, name: str, own: Sequence[Found], real: Sequence[Found]) -> None:
        self._name, self._real = name, real
        self._pairs = [each for each in own if "less" in each[0].subject.config]
        self._losses = [each for each in own if each[0].measure.name == _LOSS]
        self._own = [each for each in own if each not in self._pairs and each[0].measure.name != _LOSS]
        seeds = {each[0].subject.config.get("seed") for each in own} - {None}
        self._seeds = sorted(seed for seed in seeds if is_number(seed))

    def systems(self) -> Part | None:
        """A row a system, the best by the first protocol first; then without temporal layers; then real clips."""
        rows: dict[tuple[str, str], dict[tuple[str, str, str], list[Found]]] = defaultdict(lambda: defaultdict(list))
        for each in self._own:
            record = each[0]
            row = str(record.subject.config.get("videos", _MADE)), record.subject.name
            rows[row][_column(record)].append(each)
        made = {row: [self._over_seeds(found) for found in columns.values()] for row, columns in rows.items()}
        records = [
            self._shown(each, {"videos": videos}, **self._told(each[0]))
            for videos, name in self._in_order(made)
            for each in made[videos, name]
        ]
        clips = [self._shown(each, {"videos": each[0].subject.config["videos"]}) for each in self._real]
        if not records + clips:
            return None
        scores = [each[0].measure.name for each in [*self._own, *self._real] if "videos" in each[0].subject.config]
        measures = (*dict.fromkeys(scores), *_SPENT, *_COUNTED)
        return Part(f"{self._name}: {TOY}", self._about_seeds(), (*records, *clips), measures)

    def neighbours(self) -> Part | None:
        """Differences of systems that stand beside each other, with verdicts."""
        if not self._pairs:
            return None
        records = [self._shown(each, {"less": each[0].subject.config["less"]}) for each in self._pairs]
        ranks = all(each[0].details.get("ranks") for each in self._pairs)
        remarks = (
            f"T{TOY[1:]}.",
            "Each system less the next one: closer to real clips, farther, or undecided where its interval holds 0.",
            f"A ranking, by {len(self._seeds)} seeds." if ranks else "No ranking, which takes three seeds.",
        )
        return Part(f"{self._name}: neighbours", remarks, tuple(records), ())

    def training(self) -> Part | None:
        """A row a run of training, with all that differs."""
        if not self._losses:
            return None
        records = [self._shown(each, _how(each[0]), notes=_notes(each[0])) for each in self._losses]
        return Part(f"{self._name}: how they were trained", (f"T{TOY[1:]}.",), tuple(records), ())

    def _in_order(self, made: dict[tuple[str, str], list[Found]]) -> list[tuple[str, str]]:
        scores = [each[0] for found in made.values() for each in found if "videos" in each[0].subject.config]
        places: dict[str, float] = {}
        for record in scores:
            is_first = (record.protocol.name, record.subject.config["videos"]) == (scores[0].protocol.name, _MADE)
            if is_first and record.value is not None:
                places[record.subject.name] = -record.value if record.measure.better == "higher" else record.value
        kinds = sorted({videos for videos, _ in made}, key=lambda videos: (videos != _MADE, videos))
        return sorted(made, key=lambda row: (kinds.index(row[0]), places.get(row[1], float("inf"))))

    def _over_seeds(self, found: Sequence[Found]) -> Found:
        """What stands for all seeds: the mean that was recorded, what there is of one, or a mean without interval."""
        whole = next((each for each in found if each[0].subject.config["seed"] is None), None)
        lost = next((each for each in found if each[0].value is None), None)
        if whole or lost or len(found) == 1:
            return whole or lost or found[0]
        records = [record for record, _ in found]
        values = [record.value for record in records if record.value is not None]
        if len(set(values)) == 1:
            return found[0]
        seeds = _listed([record.subject.config["seed"] for record in records])
        first = records[0].model_dump(include={"measure", "protocol", "environment", "code", "run", "time", "subject"})
        mean = Record(
            **first,
            value=fmean(values),
            no_interval=f"the mean over seeds {seeds}, without their spread",
            n=min(record.n for record in records),
            details={"values": values, "world": records[0].details.get("world")},
        )
        return mean, sum(older for _, older in found)

    def _told(self, record: Record) -> dict[str, Any]:
        """Whether it may be ranked: scores only over enough seeds."""
        return {"ranks": len(self._seeds) >= _ENOUGH} if "videos" in record.subject.config else {}

    def _about_seeds(self) -> tuple[str, ...]:
        if not self._seeds:
            return ()
        if len(self._seeds) >= _ENOUGH:
            return (f"Means over seeds {_listed(self._seeds)}.",)
        which = "Seed" if len(self._seeds) == 1 else "Means over seeds"
        return (f"{which} {_listed(self._seeds)} alone: others may well end in another order, so no score is ranked.",)

    def _shown(self, found: Found, facts: dict[str, Any], **told: Any) -> Found:  # noqa: ANN401 - as details are
        record, older = found
        config = {"recipe": record.subject.config["recipe"], "group": self._name} | facts
        subject = Subject(kind=record.subject.kind, name=record.subject.name, config=config)
        details = {"recorded as": record.subject.config} | record.details | told
        changes: dict[str, Any] = {"subject": subject, "details": details}
        if record.measure.name == "streams":
            changes["measure"] = record.measure.model_copy(update={"unit": YES_OR_NO})
        return record.model_copy(update=changes), older


def _column(record: Record) -> tuple[str, str, str]:
    return record.measure.name, record.protocol.name, record.protocol.fingerprint


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _how(record: Record) -> dict[str, Any]:
    """What a run of training was given and took, as short texts."""
    config, details = record.subject.config, record.details
    facts = {key: config[key] for key in ("begin", "budget")} | {"seed": str(config["seed"])}
    facts["learning rates"] = f"presets' times {config['learning_rate']:g}"
    steps, seconds = details.get("steps"), details.get("seconds")
    if isinstance(steps, dict):
        facts["steps"] = f"{sum(steps.values()):,}"
    if is_number(seconds):
        facts["seconds"] = f"{seconds:,.1f}"
    if "device" in details:
        facts["on"] = str(details["device"])
    return facts


def _notes(record: Record) -> list[str]:
    """What is too long for a row: the steps of each phase, and how its learning rates were chosen."""
    notes, details = list(record.details.get("notes") or []), record.details
    if isinstance(steps := details.get("steps"), dict):
        notes.append("steps: " + ", ".join(f"{phase} {count:,}" for phase, count in steps.items()))
    tuning = details.get("tuning")
    tried = tuning.get("tried") if isinstance(tuning, dict) else None
    if not isinstance(tuning, dict) or not isinstance(tried, dict):
        return [*notes, "learning rates as the recipe gives them, none tried"]
    values = ", ".join(
        f"times {factor}: {value:.4g}" if is_number(value) else f"times {factor}: none"
        for factor, value in tried.items()
    )
    return [*notes, f"learning rates by {tuning.get('protocol')} after {tuning.get('budget')} each: {values}"]
