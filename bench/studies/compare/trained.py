"""The records of a training run: how the loss went down, how fast it went, what it cost."""

from pathlib import Path
from typing import Any

from vidgauge.bench.studies.compare.entrants import Entrant
from vidgauge.bench.studies.compare.known import Known
from vidgauge.bench.studies.compare.recipe import Recipe
from vidgauge.bench.studies.compare.records import of_entrant, ours
from vidgauge.environment import Environment
from vidgauge.record import Measure, Record
from vidgauge.reference_models.training.weights import WEIGHTS, Facts, read_facts

LOSS = Measure(name="loss", unit="1", better="neither")
"""Each system has a loss of its own kind: curves tell whether it still learns, not which system is better."""
THROUGHPUT = Measure(name="training_throughput", unit="clips/s", better="higher")
FLOPS = Measure(name="training_flops", unit="FLOP", better="neither")
_RULES: dict[str, dict[str, object]] = {
    "loss": {"what": "of the last phase, the mean over its last hundred steps or so"},
    "training_throughput": {"what": "clips and images drawn over seconds of all phases, loading and saving included"},
    "training_flops": {"what": "forward and backward of all steps by the cost model; no optimiser"},
}


def training_unit(entrant: Entrant) -> str:
    """What the unit of its training records is called."""
    return f"train {entrant.folder}"


def training_records(
    recipe: Recipe, entrant: Entrant, known: Known, trained: Path, tuning: dict[str, Any], environment: Environment
) -> list[Record]:
    """Of an entrant whose weights are there.

    Args:
        recipe: of the study.
        entrant: which.
        known: of its system.
        trained: the folder with the weights.
        tuning: how its learning rate was chosen.
        environment: where this is.
    """
    facts = read_facts(trained / WEIGHTS)
    steps, seen = sum(facts.steps.values()), known.samples(facts)
    common: dict[str, Any] = {
        "subject": of_entrant(recipe, entrant, learning_rate=facts.request.learning_rate),
        "environment": environment.fingerprint,
        "code": facts.commit,
        "run": "",
        "n": steps,
    }

    def record(measure: Measure, value: float, why: str, details: dict[str, Any]) -> Record:
        protocol = ours(f"compare.{measure.name}", _RULES[measure.name])
        return Record(**common, measure=measure, protocol=protocol, value=value, no_interval=why, details=details)

    details = {"seconds": facts.seconds, "steps": facts.steps, "device": facts.device}
    rate = seen / facts.seconds if facts.seconds else 0.0
    return [
        record(LOSS, _last(facts), "of one run", details | _course(facts) | {"tuning": tuning}),
        record(THROUGHPUT, rate, "of one run", details | {"samples": seen}),
        record(FLOPS, float(known.flops(facts)), "computed from shapes, not measured", details),
    ]


def _last(facts: Facts) -> float:
    return list(facts.losses.values())[-1]


def _course(facts: Facts) -> dict[str, Any]:
    return {
        "curve": {phase: [list(point) for point in curve] for phase, curve in facts.curves.items()},
        "losses": facts.losses,
        "learning_rate": facts.request.learning_rate,
        "gives": list(facts.gives),
        "begin": facts.request.begin,
    }
