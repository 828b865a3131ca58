"""Who takes part: each system of each group, once a seed, and the folder in which its files lie."""

from dataclasses import dataclass
from pathlib import Path

from vidgauge.bench.contests.learning_sets import Size
from vidgauge.bench.studies.compare.common_format import FORMAT
from vidgauge.bench.studies.compare.recipe import Group, Recipe
from vidgauge.errors import UsageError
from vidgauge.reference_models.shipped import names, shipped
from vidgauge.reference_models.systems import PIPELINES, build_pipeline


@dataclass(frozen=True)
class Entrant:
    """A system with a seed."""

    group: Group
    system: str
    seed: int

    @property
    def folder(self) -> Path:
        """Where its files lie, from the study's folder."""
        return system_folder(self.group, self.system) / f"seed-{self.seed}"

    def __str__(self) -> str:
        return self.system if self.seed == 0 else f"{self.system}, seed {self.seed}"


def system_folder(group: Group, system: str) -> Path:
    """Of what all seeds of a system share, from the study's folder."""
    return Path(group.name.replace(" ", "-"), system.replace("/", "-"))


def entrants(recipe: Recipe) -> list[Entrant]:
    """Seed by seed, so that a study which is cut off has compared what it has."""
    return [
        Entrant(group, system, seed) for seed in recipe.seeds for group in recipe.groups for system in group.systems
    ]


def check(recipe: Recipe) -> None:
    """Refuse what cannot be compared, before anything is done.

    Raises:
        UsageError: where there is no such system, one gives less than the common format, or one whose weights are to
            be begun from ships none.
    """
    for group in recipe.groups:
        for system in group.systems:
            _check_format(recipe, system)
            if group.begin == "shipped" and shipped(system) is None:
                there = ", ".join(names()) or "none"
                raise UsageError(
                    f"recipe {recipe.name!r}: {system} ships without weights (there are: {there}); give the group "
                    f'{group.name!r} begin = "new"'
                )


def _check_format(recipe: Recipe, system: str) -> None:
    PIPELINES[system]  # with near misses
    pipeline = build_pipeline(system, device="meta")
    gives = Size(pipeline.frames, pipeline.height, pipeline.width)
    if gives.frames < FORMAT.frames or gives.height < FORMAT.height or gives.width < FORMAT.width:
        raise UsageError(
            f"recipe {recipe.name!r}: {system} gives {gives}, which is less than the common format, {FORMAT}"
        )


def beginning(entrant: Entrant) -> Path | None:
    """The weights that it begins from."""
    return shipped(entrant.system) if entrant.group.begin == "shipped" else None
