"""What a comparison records, and the store in which a unit of it is whole or done again.

Of systems (``Subject.kind`` is "system", the name is the pipeline's). ``config`` always has recipe, group, budget,
begin and seed, which is None for what holds for all seeds:

- scores as ``metrics.scoring.score`` gives them, one a protocol, with ``videos`` ("samples", or "samples, temporal
  layers off") and the folders ``real`` and ``generated``, from the study's own. With several seeds also the mean over
  them: seed None, and ``seeds`` with all of them (``seeds.py`` says what its interval is);
- ``<measure>-difference``: the system less its neighbour ``less`` in the table of its group, by the first protocol.
  ``details["verdict"]`` is closer, farther or undecided; ``details["ranks"]`` says whether there are seeds enough for a
  ranking, three;
- ``loss``: of the last phase at its end; ``details`` has "curve", {phase: [[steps, seconds, loss], ...]}, the losses
  and steps of all phases, seconds, the learning rates' factor and how it was chosen;
- ``training_throughput``, clips and images a second over all phases, with several seeds also their mean, and
  ``training_flops``;
- seed None: ``latency`` of one video, ``first_frame``, ``streams``, ``peak_memory``, ``parameters`` and
  ``sampling_flops``.

Of real and damaged clips (kind "videos", name "real clips"): the same scores, with ``videos``, which says what was
done to them.
"""

from collections import defaultdict
from collections.abc import Sequence

from vidgauge.bench.studies.compare.entrants import Entrant
from vidgauge.bench.studies.compare.recipe import Group, Recipe
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import ProtocolRef, Record, Subject
from vidgauge.store import Store

_UNIT = "unit"


class Ledger:
    """The records of a study by unit.

    Args:
        store: where they are kept.
        environment: in which they are made.
        run: what all of them have in common, however often the study was stopped.
    """

    def __init__(self, store: Store, environment: Environment, run: str) -> None:
        self._store, self.environment, self.run = store, environment, run
        self._units: dict[str, list[Record]] = defaultdict(list)
        for record in store:
            if record.run == run and _UNIT in record.details:
                self._units[record.details[_UNIT]["name"]].append(record)

    def has(self, unit: str) -> bool:
        """Whether all records of a unit are there."""
        there = self._units[unit]
        return bool(there) and len(there) == there[0].details[_UNIT]["records"]

    def of(self, unit: str) -> list[Record]:
        """The records of a unit."""
        return list(self._units[unit])

    def add(self, unit: str, records: Sequence[Record]) -> None:
        """Keep all records of a unit, but for those that are there: a study may have been stopped amid them."""
        there = {_identity(record) for record in self._units[unit]}
        place = {_UNIT: {"name": unit, "records": len(records)}}
        for record in records:
            if _identity(record) not in there:
                kept = record.model_copy(update={"run": self.run, "details": record.details | place})
                self._store.add(kept, self.environment)
                self._units[unit].append(kept)


def _identity(record: Record) -> tuple[str, str, str]:
    return record.subject.model_dump_json(), record.measure.name, record.protocol.name


def of_system(recipe: Recipe, group: Group, system: str, seed: int | None, **more: object) -> Subject:
    """A system in its group."""
    config = {
        "recipe": recipe.name,
        "group": group.name,
        "budget": str(recipe.budget),
        "begin": group.begin,
        "seed": seed,
    }
    return Subject(kind="system", name=system, config=config | more)


def of_entrant(recipe: Recipe, entrant: Entrant, **more: object) -> Subject:
    """A system with a seed."""
    return of_system(recipe, entrant.group, entrant.system, entrant.seed, **more)


def of_real(recipe: Recipe, videos: str, **more: object) -> Subject:
    """Real clips, or what became of them."""
    return Subject(kind="videos", name="real clips", config={"recipe": recipe.name, "videos": videos} | more)


def ours(name: str, rule: dict[str, object]) -> ProtocolRef:
    """The protocol of a measure that is made here.

    Args:
        name: such as ``compare.training``.
        rule: all that changes the number.
    """
    return ProtocolRef(name=name, fingerprint=fingerprint(rule | {"name": name}))
