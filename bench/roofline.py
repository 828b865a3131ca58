"""Predicted time from measured ceilings, and why a variant falls short of the speed-up that was predicted for it.

The roofline (Williams, Waterman and Patterson 2009): a call takes at least its FLOPs over the peak rate, and at least
its bytes over the bandwidth; whichever is longer binds it.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from vidgauge.bench.ceilings.result import Ceilings
from vidgauge.errors import UsageError
from vidgauge.record import Frozen

Bound = Literal["compute", "memory"]
Rule = Literal["backends", "layout", "copies", "launch", "memory", "above", "unexplained"]

TOLERANCE = 1.1
"""Speed-ups within this factor of each other count as the same."""


class Prediction(Frozen):
    """The least time that a call can take under given ceilings."""

    seconds: float
    """max(FLOPs / peak, bytes / bandwidth)."""
    bound: Bound
    flops: int
    bytes: int
    ridge: float
    """FLOP per byte from which on the FLOPs bind: peak over bandwidth."""
    bytes_per_second: float
    """The bandwidth."""
    overhead_seconds: float
    """What dispatching one operator takes; in ``seconds`` it is not counted."""

    @property
    def intensity(self) -> float:
        """FLOP per byte."""
        return self.flops / self.bytes


class Achieved(Frozen):
    """What a variant was predicted to take, what it took, and how it ran."""

    name: str
    prediction: Prediction
    seconds: float = Field(gt=0)
    backends: list[str] = Field(default_factory=list)
    """As ``vidgauge.bench.backend.observe`` names them."""
    layout: str = "contiguous"
    copy_bytes: int | None = None
    """Traffic of copies without arithmetic (permutes, padding), which the prediction leaves out; empty where not known.
    """
    operators: int = Field(default=1, ge=1)
    """Operators that a call dispatches, as far as known."""

    @property
    def efficiency(self) -> float:
        """Predicted over measured time."""
        return efficiency(self.prediction, self.seconds)


class Reason(Frozen):
    """Which rule holds, and the numbers by which it does."""

    rule: Rule
    text: str


class Explanation(Frozen):
    """Predicted against achieved speed-up of a variant over a baseline; above 1, the variant is faster."""

    predicted: float
    """Ratio of the predicted times."""
    achieved: float
    """Ratio of the measured times."""
    reasons: list[Reason]
    """Empty where the two agree within 10 % and the variant is bound as the baseline is."""


def predict(flops: int, bytes: int, ceilings: Ceilings) -> Prediction:  # noqa: A002 - the roofline's own word
    """The least time of a call with so many FLOPs (2 per multiply-accumulate) and bytes of traffic.

    Raises:
        UsageError: where there are no bytes, or less than no FLOPs.
    """
    if bytes <= 0 or flops < 0:
        raise UsageError(f"got {flops} FLOPs and {bytes} bytes; every call moves at least one byte")
    computing, moving = flops / ceilings.flops_per_second, bytes / ceilings.bytes_per_second
    return Prediction(
        seconds=max(computing, moving),
        bound="compute" if computing >= moving else "memory",
        flops=flops,
        bytes=bytes,
        ridge=ceilings.flops_per_second / ceilings.bytes_per_second,
        bytes_per_second=ceilings.bytes_per_second,
        overhead_seconds=ceilings.overhead_seconds,
    )


def efficiency(prediction: Prediction, measured_seconds: float) -> float:
    """Predicted over measured time: 1 on the roof, less below it.

    Raises:
        UsageError: where the measured time is not positive.
    """
    if measured_seconds <= 0:
        raise UsageError(f"a measured time of {measured_seconds} s is not positive")
    return prediction.seconds / measured_seconds


def explain(baseline: Achieved, variant: Achieved) -> Explanation:
    """Set the achieved speed-up against the predicted one, and name what the data at hand can explain of the gap.

    The rules, each of which states its numbers:

    - ``above``: more than 10 % faster than predicted. The baseline ran further below its own bound than the variant.
    - ``backends``: off by more than 10 % in either direction, and the two ran through different kernels.
    - ``layout``: likewise, and their memory layouts differ.
    - ``copies``: more than 10 % slower than predicted, and it copies more than the baseline, for more than 10 % of its
      predicted time.
    - ``launch``: likewise, and its predicted time is less than dispatching its operators takes.
    - ``memory``: its bytes bind it, so that it gains more than 10 % less than its saving in FLOPs. This one speaks of
      the prediction, and so holds whatever was achieved.
    - ``unexplained``: off by more than 10 %, and no other rule but ``memory`` holds.
    """
    predicted = baseline.prediction.seconds / variant.prediction.seconds
    achieved = baseline.seconds / variant.seconds
    reasons = [*_gap(baseline, variant, achieved / predicted), *_memory(baseline, variant, predicted)]
    return Explanation(predicted=predicted, achieved=achieved, reasons=reasons)


def _gap(baseline: Achieved, variant: Achieved, ratio: float) -> list[Reason]:
    """Reasons for an achieved speed-up that is ``ratio`` times the predicted one."""
    if 1 / TOLERANCE <= ratio <= TOLERANCE:
        return []
    reasons = [*_backends(baseline, variant), *_layout(baseline, variant)]
    if ratio < 1:
        reasons += [*_copies(baseline, variant), *_launch(variant)]
        if not reasons:
            text = f"unexplained: {_efficiencies(baseline, variant)}, and nothing known of them differs"
            return [Reason(rule="unexplained", text=text)]
        return reasons
    text = f"above the bound: the baseline ran at lower efficiency ({_efficiencies(baseline, variant)})"
    return [Reason(rule="above", text=text), *reasons]


def _backends(baseline: Achieved, variant: Achieved) -> Iterator[Reason]:
    if baseline.backends and variant.backends and set(baseline.backends) != set(variant.backends):
        ours, theirs = (_through(one) for one in (variant, baseline))
        yield Reason(rule="backends", text=f"backends differ: {ours}, {theirs}")


def _layout(baseline: Achieved, variant: Achieved) -> Iterator[Reason]:
    if baseline.layout != variant.layout:
        text = f"layouts differ: {variant.name} ran in {variant.layout}, {baseline.name} in {baseline.layout}"
        yield Reason(rule="layout", text=f"{text} ({_efficiencies(baseline, variant)})")


def _copies(baseline: Achieved, variant: Achieved) -> Iterator[Reason]:
    ours, theirs = variant.copy_bytes, baseline.copy_bytes
    if ours is None or theirs is None or ours <= theirs:
        return
    seconds = ours / variant.prediction.bytes_per_second
    if seconds > (TOLERANCE - 1) * variant.prediction.seconds:
        text = f"copies: {variant.name} moves {ours / 1e6:.3g} MB in permutes, padding or gathers, which takes at least"
        yield Reason(
            rule="copies",
            text=f"{text} {seconds * 1e3:.3g} ms beside the predicted {variant.prediction.seconds * 1e3:.3g} ms; "
            f"{baseline.name} {theirs / 1e6:.3g} MB",
        )


def _launch(variant: Achieved) -> Iterator[Reason]:
    dispatching = variant.operators * variant.prediction.overhead_seconds
    if variant.prediction.seconds < dispatching:
        text = f"launch-bound: {variant.name} is predicted to take {variant.prediction.seconds * 1e6:.3g} us, but to"
        yield Reason(
            rule="launch", text=f"{text} dispatch its {variant.operators} operators {dispatching * 1e6:.3g} us"
        )


def _memory(baseline: Achieved, variant: Achieved, predicted: float) -> Iterator[Reason]:
    ours = variant.prediction
    if ours.bound == "memory" and baseline.prediction.flops > predicted * TOLERANCE * ours.flops:
        saving = f"{baseline.prediction.flops / ours.flops:.3g} times fewer" if ours.flops else "no"
        text = f"memory-bound: {variant.name} does {saving} FLOPs, but its bytes allow a speed-up of {predicted:.3g}"
        place = f"{ours.intensity:.3g} FLOP/B, below the ridge at {ours.ridge:.3g}"
        yield Reason(rule="memory", text=f"{text} ({place})")


def _through(one: Achieved) -> str:
    return f"{one.name} ran through {' + '.join(dict.fromkeys(one.backends))} at {one.efficiency:.0%} of its bound"


def _efficiencies(baseline: Achieved, variant: Achieved) -> str:
    return f"{variant.name} at {variant.efficiency:.0%} of its bound, {baseline.name} at {baseline.efficiency:.0%}"
