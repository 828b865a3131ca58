"""The recipes of comparisons: one TOML file each."""

from vidgauge.bench.studies.compare.recipe import Recipe, parse_recipe
from vidgauge.registry import Registry

RECIPES: Registry[Recipe] = Registry("recipe", "vidgauge.bench.studies.recipes", parse=parse_recipe)
