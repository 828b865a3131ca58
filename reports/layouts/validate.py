"""How protocols react to known damage: floors, a ladder for each distortion, and what damage to time counts."""

from collections.abc import Sequence
from itertools import groupby

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_ARROWS = {"lower": "lower is better", "higher": "higher is better"}
_UNDISTORTED = "undistorted"
_DERIVED = (".difference", ".added-by-time")
"""How names of protocols end whose records are about severities, and are no scores."""


@LAYOUTS.register("validate")
def validate(records: Sequence[Record]) -> str:
    """Tables: floors; one a protocol, a distortion a row; content bias; protocols that say nothing, and why."""
    if not records:
        return "Nothing is measured yet.\n"
    found = _Found(records)
    lines = found.floors()
    for protocol in found.protocols:
        lines += found.ladders(protocol)
    return "\n".join([*lines, *found.content_bias(), *found.silent()])


class _Found:
    """Records by what they say."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._by = {
            (one.protocol.name, one.subject.config["distortion"], one.subject.config.get("severity")): one
            for one in records
        }
        scores = [
            one for one in records if "severity" in one.subject.config and not one.protocol.name.endswith(_DERIVED)
        ]
        self._scores = {name: [one for one in scores if one.protocol.name == name] for name in _names(scores)}
        self.protocols = [name for name, each in self._scores.items() if any(one.value is not None for one in each)]
        ladders = [one for one in scores if one.subject.config["severity"]]
        self._distortions = list(dict.fromkeys(one.subject.config["distortion"] for one in ladders))
        self._severities = sorted({one.subject.config["severity"] for one in ladders})

    def _get(self, protocol: str, measure: str, distortion: str, severity: float | None = None) -> Record | None:
        return self._by.get((f"{protocol}.{measure}", distortion, severity))

    def floors(self) -> list[str]:
        """What protocols say where there is nothing to be seen."""
        config = next(iter(self._scores.values()))[0].subject.config
        what = f"{config['clips']} clips of {config['frames']} frames of {escape(config['data'])} in each of two sets"
        rows = []
        for protocol in self.protocols:
            first, floor = self._by.get((protocol, _UNDISTORTED, 0.0)), self._get(protocol, "floor", _UNDISTORTED)
            if first is None:
                continue
            cells = [escape(protocol), _value(first), _interval(first)]
            cells += (
                ["", "", ""] if floor is None else [_value(floor), _interval(floor), _number(floor.details["spread"])]
            )
            rows.append(_row(cells))
        unused = f"; {config['failed']} videos could not be used" if config["failed"] else ""
        lines = [f"**{'Without damage: ' if rows else ''}{what}{unused}**", ""]
        if rows:
            lines += ["| protocol | value | 95 % interval | mean of random halves | 95 % of them | spread |"]
            lines += ["| --- | ---: | ---: | ---: | ---: | ---: |", *rows, ""]
        return lines

    def ladders(self, protocol: str) -> list[str]:
        """Values at each severity, and what they say."""
        lines = [f"**{escape(protocol)}: {_ARROWS[self._scores[protocol][0].measure.better]}**", ""]
        heads = ["distortion", "damages", *(f"at {severity:g}" for severity in self._severities)]
        heads += ["seen from", "worst, in spreads", "spreads a grey level", "Kendall's τ", "violations"]
        lines += [_row(heads), _row(["---", "---", *["---:"] * (len(heads) - 2)])]
        for distortion in self._distortions:
            monotonicity = self._get(protocol, "monotonicity", distortion)
            sensitivity = self._get(protocol, "sensitivity", distortion)
            if monotonicity is None:
                continue
            rungs = [self._by.get((protocol, distortion, severity)) for severity in self._severities]
            cells = [escape(distortion), monotonicity.details["kind"], *map(_rung, rungs), *_reaction(sensitivity)]
            violations = monotonicity.details["violations"]
            lines.append(_row([*cells, _value(monotonicity), _pairs(violations)]))
        return [*lines, ""]

    def content_bias(self) -> list[str]:
        """Spatial against temporal damage, and time's part in damage to both."""
        lines = ["**What damage to time counts beside damage to frames**", ""]
        heads = ["protocol", "spatial, spreads a grey level", "temporal", "content-bias ratio"]
        heads += [f"time adds spreads, at {severity:g}" for severity in self._severities]
        lines += [_row(heads), _row(["---", *["---:"] * (len(heads) - 1)])]
        rows = []
        for protocol in self.protocols:
            bias = self._get(protocol, "content-bias", "all")
            sides = ["", "", ""]
            if bias is not None:
                sides = [_number(bias.details["spatial"]), _number(bias.details["temporal"]), _value(bias)]
            added = [self._get(protocol, "added-by-time", "wobble", severity) for severity in self._severities]
            if bias is not None or any(added):
                rows.append(_row([escape(protocol), *sides, *map(_added, added)]))
        return [*lines, *rows, ""] if rows else []

    def silent(self) -> list[str]:
        """Protocols without a value, and why."""
        reasons = [each[0] for name, each in self._scores.items() if name not in self.protocols]
        lines = [
            f"- {', '.join(escape(one.protocol.name) for one in alike)}: {escape(reason)}"
            for reason, alike in groupby(reasons, key=lambda one: one.reason)
        ]
        return [*lines, ""] if lines else []


def _names(scores: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(one.protocol.name for one in scores))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + _number(value)


def _value(record: Record) -> str:
    return escape(record.reason) if record.value is None else _number(record.value)


def _interval(record: Record) -> str:
    return "" if record.low is None or record.high is None else f"{_number(record.low)} to {_number(record.high)}"


def _rung(record: Record | None) -> str:
    if record is None:
        return ""
    interval = _interval(record)
    return _value(record) + (f" ({interval})" if interval else "")


def _reaction(sensitivity: Record | None) -> list[str]:
    """From which severity it is seen, how it ends, how steep it is; a reaction for the better is said to be one."""
    if sensitivity is None:
        return ["", "", ""]
    seen, worst = sensitivity.details["seen_from"], sensitivity.details["reactions"][-1]
    ends = _signed(worst)
    if seen is not None and worst < 0:
        ends = f"**{ends}: for the better**"
    return ["not seen" if seen is None else f"{seen:g}", ends, _value(sensitivity)]


def _pairs(violations: Sequence[Sequence[float]]) -> str:
    return ", ".join(f"{milder:g} > {harsher:g}" for milder, harsher in violations) or "none"


def _added(record: Record | None) -> str:
    """In spreads of the floor; beside it in parts of what damage to frames alone does, where that is seen."""
    if record is None or record.value is None:
        return ""
    relative = record.details["relative"]
    interval = _interval(record)
    spreads = _signed(record.value) + (f" ({interval})" if interval else "")
    return spreads if relative is None else f"{spreads}, {relative:+.0%}"
