"""Predicted time and efficiency of each variant of a part, from its cost and the ceilings of the run.

FLOPs are those of the direction. Bytes are those that a pass cannot do without, each tensor moved once:

- forward: ``min_bytes`` of the cost: input, weights, tensors between operators, output;
- backward: the gradients of all of these (``min_bytes`` again), and once more what autograd kept for it
  (``activation_bytes``) and the weights;
- forward+backward and training steps: both.

Copies without arithmetic (permutes, padding) are not among them: they are no need of the operator but a way of
executing it, so they come up as a reason where a variant falls short, and the time that includes them stands in the
details.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidgauge.bench.case_records import FLOPS, LATENCY, RATIO
from vidgauge.bench.ceilings.result import Ceilings, highest
from vidgauge.bench.roofline import Achieved, Prediction, explain, predict
from vidgauge.bench.suite import Direction
from vidgauge.errors import UsageError
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record
from vidgauge.reference_models.cost import Cost

PREDICTED_TIME = Measure(name="predicted_time", unit="s", better="lower")
EFFICIENCY = Measure(name="efficiency", unit="1", better="higher")

ABOVE = (
    "above the measured ceilings: what it moves may have stayed in a cache or been fused, or the ceilings were "
    "measured while something else ran"
)
_ITEM_SIZES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}
_Row = Mapping[str, Record]
"""The records of one variant, by measure."""


def traffic(cost: Cost, direction: Direction, itemsize: int) -> int:
    """Bytes that a pass moves at least, by the rule above; ``itemsize`` is of one weight."""
    back = cost.min_bytes + cost.activation_bytes + itemsize * cost.parameters
    both = cost.min_bytes + back
    return {"backward": back, "forward+backward": both, "training-step": both}.get(direction, cost.min_bytes)


def copies(cost: Cost, direction: Direction) -> int:
    """Bytes of copies without arithmetic; each comes back as a copy of gradients."""
    return cost.copy_bytes * (2 if direction in ("forward+backward", "training-step") else 1)


def prediction_records(records: Iterable[Record], baseline: str, measured: Sequence[Ceilings]) -> Iterator[Record]:
    """Predicted time and efficiency of each variant.

    Args:
        records: of one part.
        baseline: whose speed-up over it is predicted and explained.
        measured: all ceilings of the run; the largest count.
    """
    rows: dict[str, dict[str, Record]] = {}
    for record in records:
        rows.setdefault(record.subject.name, {})[record.measure.name] = record
    predicted = {name: _predicted(row, measured) for name, row in rows.items()}
    achieved = {name: _achieved(row, predicted[name]) for name, row in rows.items()}
    for name, row in rows.items():
        yield _time_record(row, predicted[name])
        against = achieved[baseline] if name != baseline else None
        yield _efficiency_record(row, predicted[name], achieved[name], against)


@dataclass(frozen=True)
class _Predicted:
    bound: Prediction
    with_copies: Prediction
    copy_bytes: int


def _predicted(row: _Row, measured: Sequence[Ceilings]) -> _Predicted | Record | str:
    """The bound, or what stands in the way of one: a record without a value, or a reason."""
    flops = row[FLOPS.name]
    if flops.value is None:
        return flops
    config = flops.subject.config
    direction: Direction = config["direction"]
    cost = Cost.model_validate({name: flops.details[name] for name in Cost.model_fields})
    moved, copied = traffic(cost, direction, _ITEM_SIZES[config["dtype"]]), copies(cost, direction)
    best = highest(measured, config["dtype"])
    try:
        bound, with_copies = (predict(round(flops.value), size, best) for size in (moved, moved + copied))
    except UsageError as error:
        return str(error)
    return _Predicted(bound, with_copies, copied)


def _achieved(row: _Row, predicted: _Predicted | Record | str) -> Achieved | None:
    latency = row[LATENCY.name]
    if not isinstance(predicted, _Predicted) or latency.value is None:
        return None
    config = latency.subject.config
    return Achieved(
        name=latency.subject.name,
        prediction=predicted.bound,
        seconds=latency.value,
        backends=config["backend"].split(" + ") if config["backend"] else [],
        layout=config["layout"],
        operators=latency.details.get("operators") or 1,
        copy_bytes=None if config["compile"] else predicted.copy_bytes,  # a compiler may have fused them
    )


def _time_record(row: _Row, predicted: _Predicted | Record | str) -> Record:
    fields = _why_not(predicted)
    if isinstance(predicted, _Predicted):
        bound = predicted.bound
        details = bound.model_dump() | {
            "intensity": bound.intensity,
            "copy_bytes": predicted.copy_bytes,
            "seconds_with_copies": predicted.with_copies.seconds,
        }
        why = "computed from formulas and the run's largest ceilings"
        fields = {"value": bound.seconds, "no_interval": why, "details": details}
    return _record(row[FLOPS.name], PREDICTED_TIME, "predicted_time.roofline", {}, fields)


def _efficiency_record(
    row: _Row, predicted: _Predicted | Record | str, achieved: Achieved | None, baseline: Achieved | None
) -> Record:
    latency = row[LATENCY.name]
    rule = {"latency": latency.protocol.fingerprint}
    if achieved is None:
        fields = _why_not(latency if latency.value is None else predicted)
        return _record(latency, EFFICIENCY, "efficiency.roofline", rule, fields)
    bound = achieved.prediction
    details: dict[str, Any] = {"bound": bound.bound, "predicted_seconds": bound.seconds}
    if achieved.efficiency > 1:
        details["note"] = ABOVE
    if baseline is not None:
        found, ratio = explain(baseline, achieved), row[RATIO.name].value
        details |= {
            "baseline": baseline.name,
            "predicted_speedup": found.predicted,
            "achieved_speedup": found.achieved if ratio is None else 1 / ratio,
            "reasons": [reason.model_dump() for reason in found.reasons],
        }
    fields = {"value": achieved.efficiency, "n": latency.n, "details": details}
    if latency.low is None or latency.high is None:
        fields["no_interval"] = latency.no_interval
    else:  # of the measured time alone
        fields |= {"low": bound.seconds / latency.high, "high": bound.seconds / latency.low, "level": latency.level}
    return _record(latency, EFFICIENCY, "efficiency.roofline", rule, fields)


def _why_not(missing: _Predicted | Record | str) -> dict[str, Any]:
    if isinstance(missing, Record):
        return {"status": missing.status, "reason": missing.reason}
    return {"status": "skipped", "reason": missing if isinstance(missing, str) else ""}


def _record(like: Record, measure: Measure, name: str, rule: dict[str, Any], fields: dict[str, Any]) -> Record:
    """Of the same variant in the same run."""
    common = {"ceilings": "largest of start, middle and end", "bytes": "each tensor once", "flops": "analytic"}
    direction = like.subject.config["direction"]
    return Record(
        subject=like.subject,
        measure=measure,
        protocol=ProtocolRef(name=name, fingerprint=fingerprint(common | rule | {"direction": direction})),
        environment=like.environment,
        code=like.code,
        run=like.run,
        **fields,
    )
