"""The largest extent that fits into memory: doubled until it does not, then bisected; each try in its own process."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from vidgauge.bench.case_records import Maker
from vidgauge.bench.launch import run_case
from vidgauge.bench.messages import Failed
from vidgauge.bench.parts import part
from vidgauge.bench.processes import Start, spawn
from vidgauge.bench.suite import Largest, Variant
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record

LARGEST = "largest_"
"""How the names of these measures begin; the axis follows."""


@dataclass
class Search:
    """What was tried, and what came of it."""

    tries: list[tuple[int, str]] = field(default_factory=list)
    """Each multiple of the step, and ``ok`` or what stood in the way."""
    largest: int = 0
    """The largest that fits; 0 if none does."""
    ended: Failed | None = None
    """What else than memory ended it."""


def search(attempt: Callable[[int], Failed | None], most: int) -> Search:
    """Find the largest of 1, 2, ..., most that fits, if with each one that fits all smaller ones do.

    Args:
        attempt: tries one; returns what went wrong.
        most: the end of the range; at least 1.
    """
    found, beyond, value = Search(), most + 1, 1
    while found.largest + 1 < beyond:
        failed = attempt(value)
        found.tries.append((value, failed.status if failed else "ok"))
        if failed is None:
            found.largest = value
        elif failed.status == "oom":
            beyond = value
        else:
            found.ended = failed
            return found
        doubling = beyond > most
        value = min(2 * value, most) if doubling else (found.largest + beyond) // 2
    return found


def skipped_records(maker: Maker, reason: str) -> Iterator[Record]:
    """The same records where nothing is tried."""
    for variant in maker.part.variants:
        yield _record(maker, variant, Search(ended=Failed(variant=variant.name, status="skipped", reason=reason)))


def largest_records(
    maker: Maker, timeout: float, on_try: Callable[[Variant, int], None], start: Start = spawn
) -> Iterator[Record]:
    """One record for each variant of a part whose case asks for the largest extent.

    Args:
        maker: of the part; its job names the limit of memory.
        timeout: seconds after which one step of a try is given up.
        on_try: told the variant and the extent before each.
        start: how workers on a CPU are started.
    """
    asked = _asked(maker)
    for variant in maker.part.variants:
        deadline = time.monotonic() + maker.part.case.budget

        def attempt(multiple: int, variant: Variant = variant, deadline: float = deadline) -> Failed | None:
            on_try(variant, multiple * asked.step)
            return _try(maker, variant, multiple * asked.step, timeout, deadline, start)

        yield _record(maker, variant, search(attempt, asked.most // asked.step))


def _try(maker: Maker, variant: Variant, extent: int, timeout: float, deadline: float, start: Start) -> Failed | None:
    """One call in a process of its own."""
    given = maker.part
    grown = part(given.case, given.dtype, given.direction, given.shape[0], _asked(maker).axis, extent)
    filled = [each for each in grown.variants if each.name == variant.name]
    job = maker.job.model_copy(
        update={"task": "fit", "variants": filled, "baseline": variant.name, "shape": grown.shape}
    )
    return run_case(job, timeout, deadline=deadline, start=start).failed.get(variant.name)


def _asked(maker: Maker) -> Largest:
    asked = maker.part.case.largest
    assert asked is not None
    return asked


def _record(maker: Maker, variant: Variant, found: Search) -> Record:
    asked, limit = _asked(maker), maker.job.memory_limit
    measure = Measure(name=LARGEST + asked.axis, unit="1", better="higher")
    rule = {"memory_limit": limit, "axis": asked.axis, "step": asked.step, "most": asked.most}
    protocol = ProtocolRef(name="largest.doubling", fingerprint=fingerprint(rule))
    tries = [[multiple * asked.step, status] for multiple, status in found.tries]
    fits = found.largest * asked.step
    details = rule | {"tries": tries, "reached_most": found.largest == asked.most // asked.step}
    if found.ended is not None:
        before = f"{asked.axis} = {fits} fits; " if fits else ""
        at = f"{before}at {asked.axis} = {tries[-1][0]}: " if tries else ""
        reason = at + found.ended.reason
        return maker.record(variant, measure, protocol, status=found.ended.status, reason=reason, details=details)
    if not fits:
        reason = f"{asked.axis} = {asked.step} does not fit"
        return maker.record(variant, measure, protocol, status="oom", reason=reason, details=details)
    known = f"found to {asked.step}, by {len(tries)} tries"
    return maker.record(variant, measure, protocol, value=float(fits), n=len(tries), no_interval=known, details=details)
