"""Ceilings as records: peak_flops and peak_bandwidth of the machine."""

from collections.abc import Iterable

from vidgauge.bench.ceilings.candidates import bandwidth_candidates, compute_candidates
from vidgauge.bench.ceilings.measuring import RULE
from vidgauge.bench.ceilings.result import Ceilings, Rate
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

PEAK_FLOPS = Measure(name="peak_flops", unit="FLOP/s", better="higher")
PEAK_BANDWIDTH = Measure(name="peak_bandwidth", unit="B/s", better="higher")
_DETAILS = ("skipped", "overhead_seconds", "budget_seconds", "seconds")
"""What stands in the details of the first record alone."""


def records(ceilings: Ceilings, environment: Environment, run: str) -> list[Record]:
    """Both ceilings, with all candidates in their details.

    The protocol covers which candidates there are, in what budget they were tried, and the timing rule; so a cheap
    ``remeasure`` of the winners, whose budget is another, is another protocol.
    """
    offered = [candidate.name for candidate in compute_candidates(ceilings.device)]
    passes = [candidate.name for candidate in bandwidth_candidates(ceilings.array_bytes)]
    subject = Subject(
        kind="machine",
        name=ceilings.device,
        config={"device": ceilings.device, "dtype": ceilings.dtype, "threads": ceilings.threads},
    )

    def make(
        measure: Measure, kind: str, candidates: list[str], rates: list[Rate], best: Rate, **more: object
    ) -> Record:
        rule = {"candidates": candidates, "budget": ceilings.budget_seconds, "rule": RULE.model_dump()}
        return Record(
            subject=subject,
            measure=measure,
            protocol=ProtocolRef(name=f"ceiling.{kind}", fingerprint=fingerprint(rule | more)),
            environment=environment.fingerprint,
            code=environment.code,
            run=run,
            value=best.per_second,
            n=len(best.seconds),
            no_interval=f"the best of {len(rates)} candidates' medians",
            details={"winner": best.candidate, "rates": [rate.model_dump() for rate in rates], **more},
        )

    compute = make(PEAK_FLOPS, "compute", offered, ceilings.compute, ceilings.best_compute)
    arrays = {"array_bytes": ceilings.array_bytes, "cache_bytes": ceilings.cache_bytes}
    bandwidth = make(PEAK_BANDWIDTH, "bandwidth", passes, ceilings.bandwidth, ceilings.best_bandwidth, **arrays)
    rest = ceilings.model_dump(include=set(_DETAILS))
    return [compute.model_copy(update={"details": compute.details | rest}), bandwidth]


def restored(records: Iterable[Record]) -> list[Ceilings]:
    """The ceilings that such records were made from, one for each pair of them."""
    pairs: dict[str, dict[str, Record]] = {}
    for record in records:
        pairs.setdefault(record.subject.config["dtype"], {})[record.measure.name] = record
    found = []
    for pair in pairs.values():
        compute, bandwidth = pair[PEAK_FLOPS.name], pair[PEAK_BANDWIDTH.name]
        rates = {"compute": compute.details["rates"], "bandwidth": bandwidth.details["rates"]}
        arrays = {name: bandwidth.details[name] for name in ("array_bytes", "cache_bytes")}
        rest = {name: compute.details[name] for name in _DETAILS}
        found.append(Ceilings.model_validate(compute.subject.config | rates | arrays | rest))
    return found
