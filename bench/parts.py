"""The parts of a suite: each is what one worker process does, at one point of a case's axes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vidgauge.bench.construct import construct, takes
from vidgauge.bench.messages import Job
from vidgauge.bench.suite import Axis, Case, Device, Direction, Dtype, Suite, Variant
from vidgauge.errors import UsageError
from vidgauge.reference_models.layers import check

Shape = tuple[int, int, int, int, int]
_AXES = {"video_bcthw": ("C", "T", "H", "W"), "tokens_bthwc": ("T", "H", "W", "C")}
"""Names of an input's axes after its batch, by layout."""
_EXTENT = re.compile(r"(?P<axis>[THWC])(/(?P<divisor>[0-9]+))?")


@dataclass(frozen=True)
class Part:
    """A case at one dtype, direction and shape."""

    case: Case
    dtype: Dtype
    direction: Direction
    shape: Shape
    """Of the input, batch first."""
    variants: tuple[Variant, ...]
    """With extents in the place of their names."""
    at: int | None = None
    """The value on the axis that the case sweeps."""

    @property
    def seconds(self) -> float:
        """Time that its budget grants."""
        return self.case.budget * (len(self.variants) if self.case.largest else 1)

    def why_not(self, device: Device) -> str:
        """Why it makes no sense on a device; nothing if it does."""
        if device not in self.case.devices:
            return f"the case is for {' and '.join(self.case.devices)} only"
        return "tf32 is a precision of GPUs" if self.dtype == "tf32" and device == "cpu" else ""

    def job(self, suite: Suite, *, device: Device, threads: int, seed: int) -> Job:
        """What a worker is asked for."""
        limit = suite.memory_limit if device == "cpu" else None
        return Job(
            variants=list(self.variants),
            baseline=self.case.baseline,
            shape=self.shape,
            dtype=self.dtype,
            device=device,
            direction=self.direction,
            threads=threads,
            seed=seed,
            rule=suite.timing,
            budget=self.case.budget,
            memory_runs=suite.memory_runs,
            memory_limit=None if limit is None else round(limit * 2**30),
        )


def parts(suite: Suite) -> Iterator[Part]:
    """All parts, in the order in which they are measured.

    Raises:
        UsageError: where variants of one case take inputs of different layouts, or there is no such layer or system.
    """
    for case in suite.cases:
        for dtype in case.dtypes:
            for direction in case.directions:
                for batch in case.batches:
                    for at in case.sweep.values if case.sweep else [None]:
                        yield part(case, dtype, direction, batch, case.sweep.axis if case.sweep else None, at)


def part(case: Case, dtype: Dtype, direction: Direction, batch: int, axis: Axis | None, at: int | None) -> Part:
    """A case at one point, with ``at`` as the extent of an axis."""
    names = ("batch", *_AXES[_layout(case)])
    extents = dict(zip(names, (batch, *case.shape), strict=True))
    if axis is not None and at is not None:
        extents |= dict.fromkeys(("H", "W") if axis == "HW" else (axis,), at)
    first, *others = (extents[name] for name in names)
    one, two, three, four = others
    variants = tuple(
        variant.model_copy(update={"config": _filled(variant.config, extents)}) for variant in case.variants
    )
    return Part(case, dtype, direction, (first, one, two, three, four), variants, at)


def check_parts(suite: Suite, planned: Sequence[Part]) -> None:
    """Build every variant without memory and ask its cost: what cannot be is refused before anything runs.

    Raises:
        UsageError: naming case and variant.
    """
    seen: set[str] = set()
    for each in planned:
        for variant in each.variants:
            asked = f"{variant.model_dump_json()} {each.shape} {each.case.whole}"  # whatever the dtype and the pass
            if asked not in seen:
                seen.add(asked)
                _check(variant, each, f"suite {suite.name!r}, case {each.case.name!r}, {variant.name}")


def _check(variant: Variant, asked: Part, where: str) -> None:
    if variant.layer and not variant.of_diffusers:
        check(variant.layer, **variant.config)
    try:
        built = construct(variant, "meta", asked.direction)
        built.cost(asked.shape)
        built.to_layout(variant.layout)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    except Exception:  # noqa: BLE001, S110 - whatever else a module raises becomes a row, from its worker
        pass


def _layout(case: Case) -> str:
    layouts = {variant.layer or variant.system: takes(variant, whole=case.whole) for variant in case.variants}
    if len(set(layouts.values())) > 1:
        said = ", ".join(f"{name} takes {layout}" for name, layout in layouts.items())
        raise UsageError(f"the variants of case {case.name!r} do not take the same input: {said}; make two cases of it")
    return next(iter(layouts.values()))


def _filled(value: Any, extents: dict[str, int]) -> Any:  # noqa: ANN401 - whatever TOML can hold
    """The names of extents replaced by the extents, and parts of extents by the quotient."""
    if isinstance(value, dict):
        return {key: _filled(item, extents) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, extents) for item in value]
    match = _EXTENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    extent, divisor = extents[match["axis"]], int(match["divisor"] or 1)
    if divisor == 0 or extent % divisor:
        raise UsageError(f"{value!r} is no whole number where {match['axis']} is {extent}")
    return extent // divisor
