"""The factor on the learning rates of each system: every one is tried for the same share of the budget."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidgauge.bench.contests.learning_systems import SAMPLES
from vidgauge.bench.studies.compare.data import Data
from vidgauge.bench.studies.compare.entrants import Entrant, system_folder
from vidgauge.bench.studies.compare.known import KnownSystems
from vidgauge.bench.studies.compare.lanes import Job, Lanes, Tell, part
from vidgauge.bench.studies.compare.recipe import Group, Recipe
from vidgauge.bench.studies.compare.sampling import in_format, sampling
from vidgauge.bench.studies.compare.scoring import FEATURES
from vidgauge.bench.studies.compare.training import training
from vidgauge.files import whole_file
from vidgauge.metrics.scoring import score
from vidgauge.reference_models.training.weights import WEIGHTS

SEED = 1_000_003
"""Of trials: none of those that are compared."""
_FILE = "tuning.json"


class Tuning:
    """Trials of a recipe's factors.

    Args:
        recipe: whose.
        data: its clips, some held out.
        out: the study's folder.
        device: where it is trained.
    """

    def __init__(self, recipe: Recipe, data: Data, out: Path, device: str) -> None:
        self._recipe, self._data, self._out, self._device = recipe, data, out, device
        self._systems = [(group, system) for group in recipe.groups for system in group.systems]

    def run(self, known: KnownSystems, lanes: Lanes, tell: Tell) -> None:
        """Try what is to be tried: train all, sample all, score all."""
        open_ = [one for one in self._systems if not self._file(*one).exists()]
        if len(self._recipe.tuning.factors) == 1 or not open_:
            return
        trials = [(group, system, factor) for group, system in open_ for factor in self._recipe.tuning.factors]
        prompts = self._data.prompts[: self._recipe.tuning.samples]
        budget = self._recipe.budget.share(self._recipe.tuning.share)
        train: list[Job] = []
        make: list[Job] = []
        for group, system, factor in trials:
            entrant, folder = Entrant(group, system, SEED), self._trial(group, system, factor)
            name = f"{system}, learning rates times {factor:g}"
            if not (folder / WEIGHTS).exists():
                rule = (budget, self._data, known[system], factor, SEED)
                train.append(training(entrant, *rule, folder, self._device))
            make += [
                sampling(folder, name, SAMPLES, prompts, SEED, self._recipe.steps, self._device, (number, lanes.count))
                for number in range(lanes.count)
            ]
        lanes.finish(train, part(tell, 0, 3))
        lanes.finish(make, part(tell, 1, 3))
        for group, system in open_:
            tell(2 / 3, f"choose learning rates of {system}")
            self._choose(group, system)

    def chosen(self, group: Group, system: str) -> dict[str, Any]:
        """The factor, and what each that was tried came to by the first protocol."""
        if len(self._recipe.tuning.factors) == 1:
            return {"factor": self._recipe.tuning.factors[0]}
        found: dict[str, Any] = json.loads(self._file(group, system).read_text("utf-8"))
        return found

    def _choose(self, group: Group, system: str) -> None:
        factors, protocol = self._recipe.tuning.factors, self._recipe.protocols[0]
        values: dict[float, float] = {}
        better = "lower"
        for factor in factors:
            videos = in_format(self._trial(group, system, factor), SAMPLES)
            (found,) = score(self._data.held_out, videos, [protocol], cache=self._out / FEATURES, device=self._device)
            if found.value is not None:
                values[factor], better = found.value, found.measure.better
        table = {
            "factor": best(values, higher=better == "higher") if values else 1.0,
            "tried": {f"{factor:g}": values.get(factor) for factor in factors},
            "protocol": protocol,
            "budget": str(self._recipe.budget.share(self._recipe.tuning.share)),
        }
        with whole_file(self._file(group, system)) as partial:
            partial.write_text(json.dumps(table, indent=1), "utf-8")

    def _file(self, group: Group, system: str) -> Path:
        return self._out / system_folder(group, system) / _FILE

    def _trial(self, group: Group, system: str, factor: float) -> Path:
        return self._out / system_folder(group, system) / f"tuning-{factor:g}"


def best(values: dict[float, float], *, higher: bool) -> float:
    """The factor with the best value; of equal ones the first."""
    factors: Sequence[float] = list(values)
    return max(factors, key=values.__getitem__) if higher else min(factors, key=values.__getitem__)
