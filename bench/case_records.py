"""From what a worker reported to records: six or seven for each variant, whether it could be measured or not."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from vidgauge.bench.case_subject import case_subject
from vidgauge.bench.launch import Outcome
from vidgauge.bench.memory import Technique
from vidgauge.bench.messages import Job
from vidgauge.bench.parts import Part
from vidgauge.bench.suite import Direction, Suite, Variant
from vidgauge.bench.timing import schedule, statistics
from vidgauge.bench.timing.comparison import Comparison, again
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Status

LATENCY = Measure(name="latency", unit="s", better="lower")
RATIO = Measure(name="ratio_to_baseline", unit="1", better="lower")
THROUGHPUT = Measure(name="throughput", unit="clips/s", better="higher")
PEAK_MEMORY = Measure(name="peak_memory", unit="B", better="lower")
FLOPS = Measure(name="flops", unit="FLOP", better="lower")
PARAMETERS = Measure(name="parameters", unit="1", better="neither")
COMPILE_TIME = Measure(name="compile_time", unit="s", better="lower")

_FORMULA = "computed from the shape, not measured"
_COVERS: dict[Direction, str] = {
    "inference": "forward, nothing kept",
    "forward": "forward, graph kept",
    "backward": "forward and backward",
    "forward+backward": "forward and backward",
    "training-step": "forward and backward of each phase",
    "sample": "all denoising steps",
    "first-frame": "all until the first frames come out",
}


@dataclass(frozen=True)
class Maker:
    """Makes the records of one part of a suite: what they have in common is filled in."""

    suite: Suite
    part: Part
    job: Job
    environment: Environment
    run: str

    def record(
        self,
        variant: Variant,
        measure: Measure,
        protocol: ProtocolRef,
        *,
        backends: Sequence[str] | None = None,
        **fields: Any,  # noqa: ANN401 - Record's fields
    ) -> Record:
        """A record of one variant."""
        return Record(
            subject=case_subject(self.suite, self.part, self.job, variant, backends),
            measure=measure,
            protocol=protocol,
            environment=self.environment.fingerprint,
            code=self.environment.code,
            run=self.run,
            **fields,
        )


@dataclass(frozen=True)
class PartRecords:
    """The records of one measured part."""

    maker: Maker
    outcome: Outcome

    @property
    def job(self) -> Job:
        """What the worker was asked for."""
        return self.maker.job

    def __iter__(self) -> Iterator[Record]:
        """All records, variant by variant in the suite's order."""
        for variant in self.maker.part.variants:
            probed = self.outcome.probed.get(variant.name)
            make = partial(self.maker.record, variant, backends=probed.backends if probed else None)
            yield from self._times(variant.name, make)
            yield self._peak_memory(variant.name, make)
            yield from self._costs(variant, make)
            if variant.compiles:
                yield self._compile_time(variant.name, make)

    def _times(self, name: str, make: Callable[..., Record]) -> Iterator[Record]:
        protocol = self._timing_protocol()
        timed, baseline = self.outcome.timed, self.job.baseline
        if timed is None or name not in timed.samples:
            for measure in (LATENCY, RATIO, THROUGHPUT):
                yield make(measure, protocol, **self._why_not(name))
            return
        rule = self.job.rule
        comparison = Comparison(
            timed.samples,
            baseline,
            self.job.seed,
            rule.threshold,
            rule.clock,
            rule.cache,
            timed.stopped,
            timed.seconds,
        )
        latency = comparison.latency(name)
        how = {"clock": rule.clock, "cache": rule.cache, "stopped": timed.stopped.value} | self._floor(comparison)
        probed = self.outcome.probed.get(name)
        raw = timed.samples[name].model_dump() | {"load": timed.load, "seed": self.job.seed, "budget": self.job.budget}
        raw |= {"operators": probed.operators if probed else None}
        yield make(LATENCY, protocol, **latency.fields, details=raw | how)
        if baseline in timed.samples:
            yield make(RATIO, protocol, **self._ratio(comparison, name, how))
        else:
            reason = f"the baseline {baseline} could not be measured"
            yield make(RATIO, protocol, status="skipped", reason=reason)
        yield make(THROUGHPUT, protocol, **latency.per_second(self.job.shape[0]).fields)

    def _ratio(self, comparison: Comparison, name: str, how: dict[str, Any]) -> dict[str, Any]:
        """Of a variant to the baseline; of the baseline to its own first run, which shows the noise floor."""
        baseline = self.job.baseline
        contender = again(name) if name == baseline else name
        missing = comparison.seconds_to_decide(contender, baseline)
        details: dict[str, Any] = {
            "verdict": comparison.verdict(contender, baseline).value,
            "baseline": baseline,
            "threshold": comparison.threshold,
            "more_seconds_to_decide": None if missing == math.inf else missing,
            "on_the_threshold": missing == math.inf,  # so that no time would decide it
        }
        case = self.maker.part.case
        if case.sweep is not None:
            details["sweep"] = {"axis": case.sweep.axis, "value": self.maker.part.at}
        if name == baseline:
            details["note"] = "the baseline's second run over its first: the noise floor"
        return comparison.ratio(contender, baseline).fields | {"details": details | how}

    def _floor(self, comparison: Comparison) -> dict[str, Any]:
        known = {comparison.baseline, again(comparison.baseline)} <= set(comparison.samples)
        return {"noise_floor": asdict(comparison.noise_floor()) if known else None}

    def _compile_time(self, name: str, make: Callable[..., Record]) -> Record:
        rule = {"what": "first call, forward and, where it is timed, backward", "caches_on_disk": "empty"}
        protocol = ProtocolRef(name="compile_time.first_call", fingerprint=fingerprint(rule))
        probed = self.outcome.probed.get(name)
        if probed is None or probed.compile_seconds is None:
            return make(COMPILE_TIME, protocol, **self._why_not(name))
        return make(
            COMPILE_TIME,
            protocol,
            value=probed.compile_seconds,
            n=1,
            no_interval="one call: a second one finds it compiled",
            details={"graph_breaks": probed.graph_breaks, **rule},
        )

    def _peak_memory(self, name: str, make: Callable[..., Record]) -> Record:
        weighed = self.outcome.weighed.get(name)
        rule = {
            "above": "inputs and parameters",
            "covers": _COVERS[self.job.direction],
            "runs": self.job.memory_runs,
            "warm": True,
            "process": "apart from timing",
        }
        expected: Technique = "cuda allocator" if self.job.device == "cuda" else "resident"
        technique = weighed.peak.technique if weighed else expected
        protocol = ProtocolRef(name=f"peak_memory.{technique.replace(' ', '_')}", fingerprint=fingerprint(rule))
        if weighed is None:
            return make(PEAK_MEMORY, protocol, **self._why_not(name))
        peak = weighed.peak
        seen = {
            "peaks": peak.runs,
            "technique": technique,
            "cross_check": peak.cross_check,
            "disagreement": peak.disagreement,
            "estimate": peak.is_estimate,
        }
        return make(
            PEAK_MEMORY,
            protocol,
            value=float(peak.bytes),
            n=len(peak.runs),
            no_interval=f"the largest of {len(peak.runs)} runs",
            details=seen | rule,
        )

    def _costs(self, variant: Variant, make: Callable[..., Record]) -> Iterator[Record]:
        name = variant.name
        rule = {"flops_per_mac": 2, "padding": "counted", "elementwise": "apart", "direction": self.job.direction}
        flops_protocol = ProtocolRef(name="flops.analytic", fingerprint=fingerprint(rule))
        if variant.of_diffusers:
            flops_protocol = ProtocolRef(name="flops.torch-counter", fingerprint=fingerprint(rule | {"by": "torch"}))
        count_protocol = ProtocolRef(name="parameters.count", fingerprint=fingerprint({"biases": True}))
        built = self.outcome.built.get(name)
        if built is None:
            yield make(FLOPS, flops_protocol, **self._why_not(name))
            yield make(PARAMETERS, count_protocol, **self._why_not(name))
            return
        cost = built.cost
        flops = {
            "backward": cost.backward_flops,
            "forward+backward": cost.forward_flops + cost.backward_flops,
            "training-step": cost.forward_flops + cost.backward_flops,
        }.get(self.job.direction, cost.forward_flops)
        yield make(FLOPS, flops_protocol, value=float(flops), no_interval=_FORMULA, details=cost.model_dump())
        yield make(PARAMETERS, count_protocol, value=float(cost.parameters), no_interval=_FORMULA)

    def _timing_protocol(self) -> ProtocolRef:
        rule = {
            "rule": self.job.rule.model_dump(),
            "direction": self.job.direction,
            "level": statistics.LEVEL,
            "ratio_level": schedule.LEVEL,
            "resamples": statistics.RESAMPLES,
        }
        return ProtocolRef(name="latency.interleaved", fingerprint=fingerprint(rule))

    def _why_not(self, name: str) -> dict[str, Any]:
        failed = self.outcome.failed.get(name) or self.outcome.unweighed[name]
        status: Status = failed.status
        return {"status": status, "reason": failed.reason}
