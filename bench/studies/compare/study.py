"""A comparison from data to records: unit after unit, each skipped where its result is there."""

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vidgauge.bench.contests.learning_sets import BASELINES, file_of
from vidgauge.bench.studies.compare.data import Data
from vidgauge.bench.studies.compare.entrants import Entrant, check, entrants
from vidgauge.bench.studies.compare.known import KnownSystems
from vidgauge.bench.studies.compare.lanes import MOST, Job, Lanes, Tell, TimeUpError, cores, part
from vidgauge.bench.studies.compare.neighbours import compare_neighbours
from vidgauge.bench.studies.compare.profiling import profile_group
from vidgauge.bench.studies.compare.recipe import PROTOCOLS, Recipe
from vidgauge.bench.studies.compare.records import Ledger
from vidgauge.bench.studies.compare.sampling import in_format, sampling
from vidgauge.bench.studies.compare.scoring import kinds, score_set, scored
from vidgauge.bench.studies.compare.trained import training_records, training_unit
from vidgauge.bench.studies.compare.training import training
from vidgauge.bench.studies.compare.tuning import Tuning
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.files import whole_file
from vidgauge.metrics.protocols import select
from vidgauge.reference_models.training.weights import WEIGHTS
from vidgauge.store import Store

RECORDS = "records.sqlite"
PROFILES = "profiles.sqlite"
CLAIM = "recipe.json"
Advance = Callable[[float, float, str], None]
"""Told how many seconds are done, about how many there are in all, and what is being done."""
_SECONDS_A_VIDEO = 2.5
_SECONDS_A_SET = 12.0
_SECONDS_TO_KNOW = 15.0
"""About so long on one core, for the time that is left; on nothing else do they bear."""


class Study:
    """One recipe in one folder.

    Args:
        recipe: what is asked for.
        out: the folder; all that is made is kept there.
        device: cpu, cuda or cuda:N.

    Raises:
        UsageError: where the folder has another comparison, or what is asked for is not there.
    """

    def __init__(self, recipe: Recipe, out: Path, device: str) -> None:
        self._recipe, self._out, self._device = recipe, out, device
        check_protocols(recipe)
        check(recipe)
        self._data = Data(recipe, out / "data")
        self._run = claim(recipe, out, device, self._data.training.facts)
        self._everyone = entrants(recipe)
        self._tuning = Tuning(recipe, self._data, out, device)
        self._known = KnownSystems(out / "known.json")

    def run(self, advance: Advance, minutes: float | None = None) -> bool:
        """Do what is left of it.

        Args:
            advance: for progress.
            minutes: stop after about so long.

        Returns:
            Whether all is done.
        """
        deadline = time.monotonic() + 60 * (minutes or float("inf"))
        count = 1 if torch.device(self._device).type == "cuda" else min(cores(), MOST)
        with Store(self._out / RECORDS) as store, Lanes(count, deadline) as lanes:
            ledger = Ledger(store, Environment.capture(), self._run)
            stages = self._stages(lanes, ledger)
            total, done = sum(seconds for seconds, _ in stages), 0.0
            try:
                for seconds, stage in stages:
                    if time.monotonic() > deadline:
                        return False

                    def told(share: float, what: str, done: float = done, seconds: float = seconds) -> None:
                        advance(done + min(1.0, share) * seconds, total, what)
                        if time.monotonic() > deadline:
                            raise TimeUpError

                    stage(told)
                    done += seconds
            except TimeUpError:
                return False
        advance(total, total, "done")
        return True

    def _stages(self, lanes: Lanes, ledger: Ledger) -> list[tuple[float, Callable[[Tell], None]]]:
        """All that is to be done, with about how many seconds it takes."""
        recipe, each = self._recipe, 1 / lanes.count
        systems = list(dict.fromkeys(entrant.system for entrant in self._everyone))
        budget = recipe.budget.seconds or 60.0
        videos = recipe.samples * len(self._everyone) * len(kinds(recipe))
        trials = len(systems) * len(recipe.tuning.factors) * bool(recipe.tuning.clips)
        trial = recipe.tuning.share * budget + recipe.tuning.samples * _SECONDS_A_VIDEO
        sets = len(BASELINES) + len(self._everyone) * len(kinds(recipe))
        return [
            (0.02 * recipe.samples, self._data.write),
            (len(systems) * _SECONDS_TO_KNOW * each, lambda tell: self._known.find(systems, lanes, tell)),
            (trials * trial * each, lambda tell: self._tuning.run(self._known, lanes, tell)),
            (len(self._everyone) * budget * each, lambda tell: self._train(lanes, ledger, tell)),
            (videos * _SECONDS_A_VIDEO * each, lambda tell: self._sample(lanes, tell)),
            (sets * _SECONDS_A_SET, lambda tell: self._score(ledger, tell)),
            (4 * recipe.profile * len(recipe.groups), lambda tell: self._profile(ledger, tell)),
            (_SECONDS_A_SET, lambda tell: self._compare(ledger, tell)),
        ]

    def _train(self, lanes: Lanes, ledger: Ledger, tell: Tell) -> None:
        recipe = self._recipe
        jobs: list[Job] = []
        for entrant in self._everyone:
            if not (self._out / entrant.folder / WEIGHTS).exists():
                factor = self._tuning.chosen(entrant.group, entrant.system)["factor"]
                rule = (recipe.budget, self._data, self._known[entrant.system], factor, entrant.seed)
                jobs.append(training(entrant, *rule, self._out / entrant.folder, self._device))
        lanes.finish(jobs, tell)
        for entrant in self._everyone:
            if not ledger.has(unit := training_unit(entrant)):
                ledger.add(unit, self._training_records(entrant, ledger))

    def _training_records(self, entrant: Entrant, ledger: Ledger) -> list[Any]:
        how = self._tuning.chosen(entrant.group, entrant.system)
        known, folder = self._known[entrant.system], self._out / entrant.folder
        return training_records(self._recipe, entrant, known, folder, how, ledger.environment)

    def _sample(self, lanes: Lanes, tell: Tell) -> None:
        prompts, steps = self._data.prompts, self._recipe.steps
        jobs: list[Job] = [
            sampling(self._out / entrant.folder, str(entrant), kind, prompts, entrant.seed, steps, self._device, share)
            for entrant in self._everyone
            for kind in kinds(self._recipe)
            if not self._is_sampled(entrant, kind)
            for share in [(number, lanes.count) for number in range(lanes.count)]
        ]
        lanes.finish(jobs, tell)

    def _is_sampled(self, entrant: Entrant, kind: str) -> bool:
        folder = in_format(self._out / entrant.folder, kind)
        return all(file_of(folder, number).exists() for number in range(self._recipe.samples))

    def _score(self, ledger: Ledger, tell: Tell) -> None:
        sets = scored(self._recipe, self._everyone, self._out, self._data)
        for number, one in enumerate(sets):
            to_here = part(tell, number, len(sets))
            score_set(one, self._recipe, self._data, self._out, ledger, self._device, to_here)

    def _profile(self, ledger: Ledger, tell: Tell) -> None:
        groups = self._recipe.groups
        for number, group in enumerate(groups):
            to_here = part(tell, number, len(groups))
            profile_group(self._recipe, group, self._known, self._out / PROFILES, ledger, self._device, to_here)

    def _compare(self, ledger: Ledger, tell: Tell) -> None:
        for number, group in enumerate(self._recipe.groups):
            tell(number / len(self._recipe.groups), f"compare neighbours, {group.name}")
            compare_neighbours(self._recipe, group, self._data, self._out, ledger)


def check_protocols(recipe: Recipe) -> None:
    """Refuse what there is not, and an order by what has no place in it.

    Raises:
        UsageError: where there is no such protocol, or the first one is about pairs of videos.
    """
    found = select(list(recipe.protocols))
    if patterns := set(recipe.protocols) - {protocol.name for protocol in found}:
        raise UsageError(f"recipe {recipe.name!r}: {min(patterns)!r} is a pattern; give protocols by their names")
    if found[0].any_rule.paired:
        raise UsageError(
            f"recipe {recipe.name!r}: {found[0].name} is about pairs of videos, and tables are ordered by the first "
            f"protocol; begin with one about sets, such as {PROTOCOLS[0]}"
        )


def claim(recipe: Recipe, out: Path, device: str, data: dict[str, Any]) -> str:
    """Make a folder the recipe's, or see that it is; gives the run that its records are of.

    Raises:
        UsageError: where it has another comparison.
    """
    path = out / CLAIM
    asked = {"recipe": recipe.fingerprint, "device": torch.device(device).type, "data": data}
    if not path.exists():
        if (out / RECORDS).exists():
            raise UsageError(f"{out}: has a {RECORDS}, but of no comparison; give another --out")
        table = {
            "name": recipe.name,
            "run": secrets.token_hex(8),
            "asked": asked,
            "recipe": recipe.model_dump(mode="json"),
        }
        with whole_file(path) as partial:
            partial.write_text(json.dumps(table, indent=1, ensure_ascii=False), "utf-8")
    try:
        there = json.loads(path.read_text("utf-8"))
        name, run, before = there["name"], str(there["run"]), there["asked"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: is no comparison's; give another --out") from error
    if before != json.loads(json.dumps(asked)):
        different = ", ".join(key for key in asked if before.get(key) != json.loads(json.dumps(asked[key])))
        raise UsageError(f"{out}: has another comparison ({name!r}; what differs: {different}); give another --out")
    return run
