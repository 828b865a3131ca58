"""Systems that stand beside each other in the table: does one come closer, or is it chance?"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from vidgauge.bench.contests.learning_scores import difference
from vidgauge.bench.contests.learning_systems import SAMPLES
from vidgauge.bench.studies.compare.data import Data
from vidgauge.bench.studies.compare.entrants import Entrant
from vidgauge.bench.studies.compare.recipe import Group, Recipe
from vidgauge.bench.studies.compare.records import Ledger, of_system
from vidgauge.bench.studies.compare.sampling import in_format
from vidgauge.bench.studies.compare.scoring import FEATURES, first_score, kinds, unit_of
from vidgauge.bench.studies.compare.seeds import ENOUGH, in_common, over_seeds, standard_error
from vidgauge.bench.studies.compare.trained import THROUGHPUT, training_unit
from vidgauge.record import Record

_LEVEL = 0.95
NO_RANKING = "one seed is no ranking: another may well have ended in another order"


def compare_neighbours(recipe: Recipe, group: Group, data: Data, out: Path, ledger: Ledger) -> None:
    """Keep the means over seeds of a group's scores and throughput, and the differences of neighbours, the best first.

    Systems without a value by the first protocol have no place in the order, and no neighbours.
    """
    unit = f"compare {group.name}"
    if ledger.has(unit):
        return
    records = [record for system in group.systems for record in _means(recipe, group, system, ledger)]
    for system, other in pairwise(order(recipe, group, ledger)):
        records.append(_difference(recipe, group, (system, other), data, out, ledger))
    if records:
        ledger.add(unit, records)


def order(recipe: Recipe, group: Group, ledger: Ledger) -> list[str]:
    """The group's systems by the mean over seeds of the first protocol, the best first."""
    found = {}
    for system in group.systems:
        of_seeds = [first_score(ledger, unit_of(Entrant(group, system, seed))) for seed in recipe.seeds]
        there = [record for record in of_seeds if record is not None]
        if len(there) == len(recipe.seeds):
            found[system] = there
    higher = any(record.measure.better == "higher" for records in found.values() for record in records)
    return sorted(found, key=lambda system: fmean(_value(record) for record in found[system]), reverse=higher)


def _means(recipe: Recipe, group: Group, system: str, ledger: Ledger) -> list[Record]:
    """Of throughput, and of each protocol and kind of videos where all seeds have a value with an interval."""
    if len(recipe.seeds) == 1:
        return []
    everyone = [Entrant(group, system, seed) for seed in recipe.seeds]
    means = [_mean_throughput(recipe, everyone, ledger)]
    for kind in kinds(recipe):
        of_seeds = [ledger.of(unit_of(entrant, kind)) for entrant in everyone]
        for records in zip(*of_seeds, strict=True):
            if all(record.low is not None for record in records):
                subject = of_system(recipe, group, system, None, seeds=list(recipe.seeds), videos=kind)
                mean = _over_seeds(records, [*map(standard_error, records)], records[0].level or _LEVEL)
                means.append(records[0].model_copy(update={"subject": subject} | mean))
    return means


def _mean_throughput(recipe: Recipe, everyone: Sequence[Entrant], ledger: Ledger) -> Record:
    """Each seed was one run, of which the error is not known: the interval has the seeds' spread alone."""
    units = [ledger.of(training_unit(entrant)) for entrant in everyone]
    records = [record for unit in units for record in unit if record.measure == THROUGHPUT]
    subject = of_system(recipe, everyone[0].group, everyone[0].system, None, seeds=list(recipe.seeds))
    mean = _over_seeds(records, [0.0] * len(records), _LEVEL)
    return records[0].model_copy(update={"subject": subject} | mean)


def _over_seeds(records: Sequence[Record], errors: Sequence[float], level: float) -> dict[str, Any]:
    """Fields of the mean's record."""
    found = over_seeds([_value(record) for record in records], errors, level)
    details = {
        "values": [record.value for record in records],
        "between_seeds": found.between,
        "standard_error": found.standard_error,
        "degrees_of_freedom": min(found.freedom, 1e6),
        "n_seeds": len(records),
        "world": records[0].details.get("world"),
        "notes": in_common([record.details.get("notes", []) for record in records]),
    }
    fields = {"value": found.value, "low": found.low, "high": found.high, "level": level, "no_interval": ""}
    return fields | {"n": min(record.n for record in records), "details": details}


def _difference(recipe: Recipe, group: Group, pair: tuple[str, str], data: Data, out: Path, ledger: Ledger) -> Record:
    """The first of two less the second: paired by prompt, and over seeds of one number."""
    found = []
    for seed in recipe.seeds:
        first, second = (in_format(out / Entrant(group, system, seed).folder, SAMPLES) for system in pair)
        fields = difference(data.real, first, second, out / FEATURES, recipe.protocols[0])
        subject = of_system(recipe, group, pair[0], seed, videos=SAMPLES, less=pair[1])
        common = {"environment": ledger.environment.fingerprint, "code": ledger.environment.code, "run": ledger.run}
        found.append(Record(subject=subject, **common, **fields))
    whole = found[0]
    if len(found) > 1 and whole.level and all(record.low is not None for record in found):
        subject = of_system(recipe, group, pair[0], None, seeds=list(recipe.seeds), videos=SAMPLES, less=pair[1])
        mean = _over_seeds(found, [*map(standard_error, found)], whole.level)
        whole = whole.model_copy(update={"subject": subject} | mean)
    measure = first_score(ledger, unit_of(Entrant(group, pair[0], recipe.seeds[0])))
    assert measure is not None
    ranks = len(recipe.seeds) >= ENOUGH
    said: dict[str, Any] = {"verdict": verdict(whole, higher=measure.measure.better == "higher"), "ranks": ranks}
    if not ranks:
        said["notes"] = [*whole.details.get("notes", []), NO_RANKING]
    return whole.model_copy(update={"details": whole.details | said})


def verdict(found: Record, *, higher: bool) -> str:
    """What a difference says at its interval's level: the first is closer to the real clips, or farther, or neither.

    Args:
        found: the difference.
        higher: whether higher values are better.
    """
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return "undecided"
    return "closer" if (found.low > 0) == higher else "farther"


def _value(record: Record) -> float:
    assert record.value is not None
    return record.value
