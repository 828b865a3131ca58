"""From what a worker reported to records: six for each variant, whether it could be measured or not."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from vidgauge.bench.launch import Outcome
from vidgauge.bench.messages import Job
from vidgauge.bench.suite import Case, Suite, Variant
from vidgauge.bench.timing import statistics
from vidgauge.bench.timing.comparison import Comparison, again
from vidgauge.bench.timing.statistics import Estimate
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Status, Subject

LATENCY = Measure(name="latency", unit="s", better="lower")
RATIO = Measure(name="ratio_to_baseline", unit="1", better="lower")
THROUGHPUT = Measure(name="throughput", unit="clips/s", better="higher")
PEAK_MEMORY = Measure(name="peak_memory", unit="B", better="lower")
FLOPS = Measure(name="flops", unit="FLOP", better="lower")
PARAMETERS = Measure(name="parameters", unit="1", better="neither")

_FORMULA = "computed from the shape, not measured"
_FEW = f"fewer than {statistics.FEWEST} rounds"


@dataclass(frozen=True)
class CaseRecords:
    """Makes the records of one case at one batch in one direction."""

    suite: Suite
    case: Case
    job: Job
    outcome: Outcome
    environment: Environment
    run: str

    def __iter__(self) -> Iterator[Record]:
        """All records, variant by variant in the suite's order."""
        for variant in self.case.variants:
            make = self._maker(variant)
            yield from self._times(variant.name, make)
            yield self._peak_memory(variant.name, make)
            yield from self._costs(variant.name, make)

    def _maker(self, variant: Variant) -> Callable[..., Record]:
        subject = Subject(kind="layer", name=variant.name, config=self._config(variant))

        def make(measure: Measure, protocol: ProtocolRef, **fields: Any) -> Record:  # noqa: ANN401 - Record's fields
            return Record(
                subject=subject,
                measure=measure,
                protocol=protocol,
                environment=self.environment.fingerprint,
                code=self.environment.code,
                run=self.run,
                **fields,
            )

        return make

    def _config(self, variant: Variant) -> dict[str, Any]:
        probed = self.outcome.probed.get(variant.name)
        return {
            "suite": self.suite.name,
            "case": self.case.name,
            "batch": self.job.shape[0],
            "shape": list(self.job.shape),
            "dtype": self.job.dtype,
            "device": self.job.device,
            "direction": self.job.direction,
            "threads": self.job.threads,
            "layout": variant.layout,
            "backend": " + ".join(dict.fromkeys(probed.backends)) if probed else None,
            "layer": variant.layer,
            "layer_config": variant.config,
        }

    def _times(self, name: str, make: Callable[..., Record]) -> Iterator[Record]:
        protocol = self._timing_protocol()
        timed = self.outcome.timed
        if timed is None or name not in timed.samples:
            for measure in (LATENCY, RATIO, THROUGHPUT):
                yield make(measure, protocol, **self._why_not(name))
            return
        comparison = Comparison(timed.samples, self.case.baseline, self.job.seed)
        latency = comparison.latency(name)
        raw = timed.samples[name].model_dump() | {"load": timed.load, "seed": self.job.seed, "budget": self.job.budget}
        yield make(LATENCY, protocol, **_estimate(latency), details=raw | self._floor(comparison))
        if self.case.baseline in timed.samples:
            yield make(RATIO, protocol, **self._ratio(comparison, name))
        else:
            reason = f"the baseline {self.case.baseline} could not be measured"
            yield make(RATIO, protocol, status="skipped", reason=reason)
        yield make(THROUGHPUT, protocol, **_estimate(_rate(latency, self.job.shape[0])))

    def _ratio(self, comparison: Comparison, name: str) -> dict[str, Any]:
        """Of a variant to the baseline; of the baseline to its own first run, which shows the noise floor."""
        contender = again(name) if name == self.case.baseline else name
        details = {
            "verdict": comparison.verdict(contender, self.case.baseline).value,
            "baseline": self.case.baseline,
            "threshold": statistics.THRESHOLD,
        }
        if name == self.case.baseline:
            details["note"] = "the baseline's second run over its first: the noise floor"
        return _estimate(comparison.ratio(contender, self.case.baseline)) | {
            "details": details | self._floor(comparison)
        }

    def _floor(self, comparison: Comparison) -> dict[str, Any]:
        known = again(comparison.baseline) in comparison.samples
        return {"noise_floor": asdict(comparison.noise_floor()) if known else None}

    def _peak_memory(self, name: str, make: Callable[..., Record]) -> Record:
        technique = "cuda_allocator" if self.job.device == "cuda" else "resident"
        covers = "forward and backward" if self.job.direction == "backward" else "forward"
        rule = {"above": "inputs and parameters", "covers": covers, "runs": self.job.memory_runs, "warm": True}
        protocol = ProtocolRef(name=f"peak_memory.{technique}", fingerprint=fingerprint(rule))
        weighed = self.outcome.weighed.get(name)
        if weighed is None:
            return make(PEAK_MEMORY, protocol, **self._why_not(name))
        if not weighed.peaks:
            return make(PEAK_MEMORY, protocol, status="skipped", reason=weighed.no_peak)
        runs = len(weighed.peaks)
        return make(
            PEAK_MEMORY,
            protocol,
            value=float(max(weighed.peaks)),
            n=runs,
            no_interval=f"the largest of {runs} runs",
            details={"peaks": weighed.peaks, **rule},
        )

    def _costs(self, name: str, make: Callable[..., Record]) -> Iterator[Record]:
        rule = {"flops_per_mac": 2, "padding": "counted", "elementwise": "apart", "direction": self.job.direction}
        flops_protocol = ProtocolRef(name="flops.analytic", fingerprint=fingerprint(rule))
        count_protocol = ProtocolRef(name="parameters.count", fingerprint=fingerprint({"biases": True}))
        built = self.outcome.built.get(name)
        if built is None:
            yield make(FLOPS, flops_protocol, **self._why_not(name))
            yield make(PARAMETERS, count_protocol, **self._why_not(name))
            return
        cost = built.cost
        flops = cost.forward_flops if self.job.direction == "forward" else cost.backward_flops
        yield make(FLOPS, flops_protocol, value=float(flops), no_interval=_FORMULA, details=cost.model_dump())
        yield make(PARAMETERS, count_protocol, value=float(cost.parameters), no_interval=_FORMULA)

    def _timing_protocol(self) -> ProtocolRef:
        rule = {
            "rule": self.job.rule.model_dump(),
            "direction": self.job.direction,
            "level": statistics.LEVEL,
            "resamples": statistics.RESAMPLES,
        }
        return ProtocolRef(name="latency.interleaved", fingerprint=fingerprint(rule))

    def _why_not(self, name: str) -> dict[str, Any]:
        failed = self.outcome.failed[name]
        status: Status = failed.status
        return {"status": status, "reason": failed.reason}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    """The fields of a record with this value and interval."""
    fields: dict[str, Any] = {"value": estimate.value, "n": estimate.n}
    if estimate.low is None:
        return fields | {"no_interval": _FEW}
    return fields | {"low": estimate.low, "high": estimate.high, "level": estimate.level}


def _rate(latency: Estimate, batch: int) -> Estimate:
    """Clips a second; the ends of the interval change places."""
    low, high = (None if end is None else batch / end for end in (latency.high, latency.low))
    return Estimate(batch / latency.value, low, high, latency.n, latency.level)
