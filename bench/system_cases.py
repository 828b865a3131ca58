"""The cases of a suite that asks for presets of reference systems by pattern: whatever there are."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from vidgauge.bench.parts import Shape
from vidgauge.bench.suite import WHOLE, Case, Direction, Suite, Systems, Variant, parse_suite
from vidgauge.errors import UsageError, near_misses
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, build_network, build_pipeline


def with_systems(suite: Suite) -> Suite:
    """The suite with cases in the place of patterns. Networks made for the same input are variants of one case.

    So are whole systems that give videos of one size, where training steps or samples are asked for.

    Raises:
        UsageError: where no preset fits a pattern.
    """
    if not suite.systems:
        return suite
    made = [case for asked in suite.systems for case in _cases(suite, asked)]
    fields = {name: getattr(suite, name) for name in Suite.model_fields}
    return parse_suite(fields | {"cases": [*suite.cases, *made], "systems": []})


def _cases(suite: Suite, asked: Systems) -> Iterator[Case]:
    single = [one for one in asked.directions if one not in WHOLE]
    whole = [one for one in asked.directions if one in WHOLE]
    if single:
        yield from _of_networks(suite, asked, single)
    if whole:
        yield from _of_pipelines(suite, asked, whole)


def _of_networks(suite: Suite, asked: Systems, directions: Sequence[Direction]) -> Iterator[Case]:
    inputs: dict[tuple[str, Shape], list[str]] = defaultdict(list)
    for name in _fitting(suite, asked, SYSTEMS.names()):
        system = build_network(name, device="meta")
        inputs[system.takes, system.input_shape()].append(name)
    for (takes, shape), names in inputs.items():
        yield _case(takes, asked, directions, shape, names)


def _of_pipelines(suite: Suite, asked: Systems, directions: Sequence[Direction]) -> Iterator[Case]:
    outputs: dict[Shape, list[str]] = defaultdict(list)
    for name in _fitting(suite, asked, PIPELINES.names()):
        pipeline = build_pipeline(name, device="meta")
        outputs[1, 3, pipeline.frames, pipeline.height, pipeline.width].append(name)
    for shape, names in outputs.items():
        yield _case("whole systems,", asked, directions, shape, names)


def _case(what: str, asked: Systems, directions: Sequence[Direction], shape: Shape, names: Sequence[str]) -> Case:
    _, *extents = shape
    return Case(
        name=f"{', '.join(asked.presets)}: {what} {'x'.join(map(str, extents))}",
        shape=(extents[0], extents[1], extents[2], extents[3]),
        variants=[Variant(system=name) for name in names],
        baseline=names[0],
        **asked.model_dump(exclude={"presets"}) | {"directions": list(directions)},
    )


def _fitting(suite: Suite, asked: Systems, names: Sequence[str]) -> list[str]:
    for pattern in asked.presets:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"suite {suite.name!r}: no system fits {pattern!r}; {near_misses(pattern, list(names))}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in asked.presets)]
