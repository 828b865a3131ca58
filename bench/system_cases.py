"""The cases of a suite that asks for presets of reference systems by pattern: whatever there are."""

from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase

from vidgauge.bench.parts import Shape
from vidgauge.bench.suite import Case, Suite, Systems, Variant, parse_suite
from vidgauge.errors import UsageError, near_misses
from vidgauge.reference_models.systems import SYSTEMS, build_network


def with_systems(suite: Suite) -> Suite:
    """The suite with cases in the place of patterns. Presets made for the same input are variants of one case.

    Raises:
        UsageError: where no preset fits a pattern.
    """
    if not suite.systems:
        return suite
    made = [case for asked in suite.systems for case in _cases(suite, asked)]
    fields = {name: getattr(suite, name) for name in Suite.model_fields}
    return parse_suite(fields | {"cases": [*suite.cases, *made], "systems": []})


def _cases(suite: Suite, asked: Systems) -> Iterator[Case]:
    inputs: dict[tuple[str, Shape], list[str]] = defaultdict(list)
    for name in _fitting(suite, asked):
        system = build_network(name, device="meta")
        inputs[system.takes, system.input_shape()].append(name)
    for (takes, (_, *shape)), names in inputs.items():
        yield Case(
            name=f"{', '.join(asked.presets)}: {takes} {'x'.join(map(str, shape))}",
            shape=(shape[0], shape[1], shape[2], shape[3]),
            variants=[Variant(system=name) for name in names],
            baseline=names[0],
            **asked.model_dump(exclude={"presets"}),
        )


def _fitting(suite: Suite, asked: Systems) -> list[str]:
    for pattern in asked.presets:
        if not any(fnmatchcase(name, pattern) for name in SYSTEMS.names()):
            raise UsageError(
                f"suite {suite.name!r}: no system fits {pattern!r}; {near_misses(pattern, SYSTEMS.names())}"
            )
    return [name for name in SYSTEMS if any(fnmatchcase(name, pattern) for pattern in asked.presets)]
