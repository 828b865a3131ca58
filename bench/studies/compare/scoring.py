"""Scores of entrants, with temporal layers and without, and of real and damaged clips beside them."""

from dataclasses import dataclass
from pathlib import Path

from vidgauge.bench.contests.learning_sets import BASELINES
from vidgauge.bench.contests.learning_systems import NO_TIME, SAMPLES
from vidgauge.bench.studies.compare.data import Data
from vidgauge.bench.studies.compare.entrants import Entrant
from vidgauge.bench.studies.compare.lanes import Tell
from vidgauge.bench.studies.compare.recipe import Recipe
from vidgauge.bench.studies.compare.records import Ledger, of_entrant, of_real
from vidgauge.bench.studies.compare.sampling import in_format
from vidgauge.metrics.scoring import score
from vidgauge.record import Record, Subject

FEATURES = "features"
"""The folder of what networks have seen."""


@dataclass(frozen=True)
class Scored:
    """A set of videos that is scored."""

    unit: str
    subject: Subject
    folder: Path
    """From the study's own."""


def kinds(recipe: Recipe) -> tuple[str, ...]:
    """Which videos of each entrant are made."""
    return (SAMPLES, NO_TIME) if recipe.temporal_off else (SAMPLES,)


def unit_of(entrant: Entrant, kind: str = SAMPLES) -> str:
    """What the scores of an entrant's videos are kept under."""
    return f"score {entrant.folder} {kind}"


def scored(recipe: Recipe, everyone: list[Entrant], out: Path, data: Data) -> list[Scored]:
    """All that is scored, real clips first."""
    real = str(data.real.relative_to(out))

    def paths(folder: Path) -> dict[str, object]:
        return {"real": [real], "generated": [str(folder)]}

    sets = []
    for name in BASELINES:
        folder = data.folder.relative_to(out) / name
        sets.append(Scored(f"score {name}", of_real(recipe, name, **paths(folder)), folder))
    for entrant in everyone:
        for kind in kinds(recipe):
            folder = in_format(out / entrant.folder, kind).relative_to(out)
            subject = of_entrant(recipe, entrant, videos=kind, **paths(folder))
            sets.append(Scored(unit_of(entrant, kind), subject, folder))
    return sets


def score_set(one: Scored, recipe: Recipe, data: Data, out: Path, ledger: Ledger, device: str, tell: Tell) -> None:
    """Score a set, unless it is."""
    if ledger.has(one.unit):
        return
    found = score(
        data.real,
        out / one.folder,
        recipe.protocols,
        captions=data.captions,
        device=device,
        cache=out / FEATURES,
        advance=lambda done, total: tell(done / total, f"score {one.subject.config['videos']} of {one.subject.name}"),
    )
    ledger.add(one.unit, [record.model_copy(update={"subject": one.subject}) for record in found])


def first_score(ledger: Ledger, unit: str) -> Record | None:
    """What the first protocol says of a set; None where it says nothing."""
    found = ledger.of(unit)
    return found[0] if found and found[0].value is not None else None
