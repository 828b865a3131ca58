"""Ceilings as records: peak_flops and peak_bandwidth of the machine."""

from vidgauge.bench.ceilings.candidates import bandwidth_candidates, compute_candidates
from vidgauge.bench.ceilings.measuring import RULE
from vidgauge.bench.ceilings.result import Ceilings, Rate
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

PEAK_FLOPS = Measure(name="peak_flops", unit="FLOP/s", better="higher")
PEAK_BANDWIDTH = Measure(name="peak_bandwidth", unit="B/s", better="higher")


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
    skipped = [one.model_dump() for one in ceilings.skipped]
    compute = compute.model_copy(update={"details": compute.details | {"skipped": skipped}})
    return [compute, bandwidth]
