"""Speed of scoring: ours beside others from file to number, layers, Fréchet, standard errors, scoring again, memory."""

from collections.abc import Callable, Iterable, Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_OURS = "vidgauge"
_PART = "part_seconds"
"""Of a part that has no numbers."""
_WHOLE = ("whole", "network alone", "decoding alone", "resizing alone")
_PIECES = ("decoding and network", "decoding, resizing and network")
_MEBIBYTE = 2**20
_MEAN = "all, weighted by time"
_REPLICATES = "exact replicates"
_BOOTSTRAP = "standard error by bootstrap"


@LAYOUTS.register("scoring-speed")
def scoring_speed(records: Sequence[Record]) -> str:
    """A table for each kind of part; parts that failed are named with the reason."""
    parts: dict[str, list[Record]] = {}
    for record in records:
        if record.subject.kind == "scoring" and record.measure.name != _PART:
            parts.setdefault(record.subject.config["part"], []).append(record)
    kinds: dict[str, list[_Part]] = {}
    for title, found in parts.items():
        kinds.setdefault(found[0].subject.config["kind"], []).append(_Part(title, found))
    tables = [line for kind, layout in _LAYOUTS.items() if kind in kinds for line in layout(kinds[kind])]
    failed = [one for one in records if one.subject.kind == "scoring" and one.measure.name == _PART]
    missing = [f"{one.subject.config['part']}: {one.reason}" for one in failed]
    return "\n".join([*tables, *(f"{escape(line)}.\n" for line in missing), _versions(records)])


class _Part:
    """The findings of one part."""

    def __init__(self, title: str, records: Sequence[Record]) -> None:
        self.title, self.records, self.config = title, records, records[0].subject.config
        self._by_name = {(one.subject.name, one.subject.config["what"], one.measure.name): one for one in records}

    def get(self, tool: str, what: str, measure: str) -> Record | None:
        return self._by_name.get((tool, what, measure))

    def ratio(self, tool: str, what: str, below: str, below_tool: str = _OURS) -> Record | None:
        return self.get(tool, f"{what} / {below_tool}, {below}", "time_ratio")

    def of(self, measure: str) -> list[Record]:
        return [record for record in self.records if record.measure.name == measure]

    def noise_floor(self) -> str:
        floor = next((one for one in self.of("time_ratio") if one.subject.config["what"].endswith(" / itself")), None)
        return f" Ours, run twice in the same rounds, is {_value(floor)} of itself." if floor else ""


def _videos(parts: Iterable[_Part]) -> list[str]:
    lines = []
    for part in parts:
        size = f"{2 * part.config['clips']} clips of {part.config['frames']} frames of "
        size += f"{part.config['width']}x{part.config['height']}, {part.config['threads']} threads"
        lines += [f"**{escape(part.title)}: {size}**", "", "| | | clips a second | its time / ours |"]
        lines.append("| --- | --- | ---: | ---: |")
        for what in _WHOLE:
            for record in part.of("clips_per_second"):
                if record.subject.config["what"] == what:
                    ratio = part.ratio(record.subject.name, what, what)
                    lines.append(f"| {what} | {escape(record.subject.name)} | {_value(record)} | {_value(ratio)} |")
        both, all_three = (part.get(_OURS, f"whole / {pieces} alone", "time_ratio") for pieces in _PIECES)
        alone = part.ratio(_OURS, "whole", "network alone")
        said = (
            f"Our whole takes {_value(alone)} times as long as our network alone, and {_value(both)} times as long as "
        )
        said += f"decoding and network one after the other, {_value(all_three)} times as long with resizing."
        lines += ["", f"{said}{part.noise_floor()}\n"]
    return lines


def _layers(parts: Iterable[_Part]) -> list[str]:
    lines = []
    for part in parts:
        shares = [one for one in part.of("share_of_ceiling") if one.subject.config["what"] != _MEAN]
        shares.sort(key=lambda one: -one.details["median_seconds"])
        lines += [f"**{escape(part.title)}**", "", "| layer | GFLOP | ms | share of the ceiling |"]
        lines.append("| --- | ---: | ---: | ---: |")
        for one in shares:
            size, time = one.details["flops"] / 1e9, one.details["median_seconds"] * 1e3
            name = escape(one.subject.config["what"].removeprefix("layers."))
            lines.append(f"| {name} | {size:.2f} | {time:.2f} | {_value(one)} |")
        worst = min(shares, key=lambda one: one.value or 0.0)
        rates = sorted(one.details["ceiling_flops_per_second"] / 1e9 for one in shares)
        said = f"Weighted by time {_value(part.get(_OURS, _MEAN, 'share_of_ceiling'))}; worst {_value(worst)} "
        said += f"({worst.subject.config['what']}). The ceiling is {worst.details['ceiling']}: "
        lines += ["", escape(f"{said}{rates[0]:.0f} to {rates[-1]:.0f} GFLOP/s in the layers' rounds.") + "\n"]
    return lines


def _distances(parts: Sequence[_Part]) -> list[str]:
    ordered = sorted(parts, key=lambda part: (part.config["dimension"], -part.config["samples"]))
    others = list(dict.fromkeys(one.subject.name for part in ordered for one in part.records))
    others.remove(_OURS)
    lines = [f"**Fréchet distance from means and covariances, {ordered[0].config['threads']} threads, seconds**", ""]
    lines.append(f"| d | N | rounds | {_OURS} | " + " | ".join(f"{tool} | its time / ours" for tool in others) + " |")
    lines.append("| ---: | ---: | ---: | ---: |" + " ---: | ---: |" * len(others))
    for part in ordered:
        ours = part.get(_OURS, "distance", "seconds")
        cells = [str(part.config["dimension"]), str(part.config["samples"]), str(ours.n if ours else ""), _median(ours)]
        for tool in others:
            cells += [_median(part.get(tool, "distance", "seconds")), _value(part.ratio(tool, "distance", "distance"))]
        lines.append(f"| {' | '.join(cells)} |")
    versions = {one.details["scipy"] for part in ordered for one in part.of("seconds") if one.value is not None}
    furthest = max(_disagreement(part) for part in ordered)
    lines += ["", f"SciPy {', '.join(sorted(versions))}. All distances agree to {furthest:.0e}.\n"]
    return lines


def _disagreement(part: _Part) -> float:
    values = [one.details["distance"] for one in part.of("seconds") if one.value is not None]
    return float((max(values) - min(values)) / max(values))


def _standard_errors(parts: Iterable[_Part]) -> list[str]:
    lines = []
    for part in parts:
        case = f"d={part.config['dimension']}, N={part.config['samples']}, {part.config['threads']} threads"
        lines += [f"**Standard errors of a Fréchet distance, {case}**", ""]
        lines += ["| | seconds | standard error | bootstrap's time / its | its error / bootstrap's |"]
        lines.append("| --- | ---: | ---: | ---: | ---: |")
        for one in part.of("seconds"):
            what = one.subject.config["what"]
            error = one.details.get("standard_error")
            apart = part.get(_OURS, f"{what} / {_OURS}, {_BOOTSTRAP}", "standard_error_ratio")
            name = f"{what}, {one.details['replicates']} replicates" if what == _BOOTSTRAP else what
            cells = [name, _median(one), "" if error is None else f"{error:.4g}"]
            lines.append(f"| {' | '.join([*cells, _value(part.ratio(_OURS, _BOOTSTRAP, what)), _value(apart)])} |")
        lines += ["", f"| {_REPLICATES} | a second | its time / ours |", "| --- | ---: | ---: |"]
        rates = part.of("replicates_per_second")
        for one in rates:
            ratio = part.ratio(one.subject.name, _REPLICATES, _REPLICATES)
            lines.append(f"| {escape(one.subject.name)} | {_value(one)} | {_value(ratio)} |")
        values = [one.details["distances"] for one in rates if one.value is not None]
        apart_by = max(abs(a / b - 1) for others in values[1:] for a, b in zip(values[0], others, strict=True))
        lines += ["", f"Replicates of the same resampling agree to {apart_by:.0e}.{part.noise_floor()}\n"]
    return lines


def _rescoring(parts: Iterable[_Part]) -> list[str]:
    lines = []
    for part in parts:
        first, again = (part.get(_OURS, what, "seconds") for what in ("first score", "score again"))
        ratio = part.ratio(_OURS, "first score", "score again")
        clips, protocol = part.config["clips"], part.config["protocol"]
        lines.append(
            f"`vidgauge score --protocol {protocol}` on {clips} + {clips} clips that it has not seen takes "
            f"{_median(first)} s, and {_median(again)} s when run again: the first takes {_value(ratio)} times as "
            "long. The scores are equal.\n"
        )
    return lines


def _memory(parts: Iterable[_Part]) -> list[str]:
    lines = []
    for part in parts:
        few, many = part.config["few"], part.config["many"]
        lines += ["**Peak of resident memory, MiB**", "", f"| process | {few} clips | {many:,} clips | ratio |"]
        lines.append("| --- | ---: | ---: | ---: |")
        for process, name in (("own", "the one that scores"), ("decoder", "the largest of those that decode")):
            sizes = [part.get(_OURS, f"{process}, {count} clips", "peak_memory") for count in (few, many)]
            cells = ["" if one is None or one.value is None else f"{one.value / _MEBIBYTE:.0f}" for one in sizes]
            ratio = part.get(_OURS, f"{process}, {many} clips / {few} clips", "memory_ratio")
            lines.append(f"| {name} | {cells[0]} | {cells[1]} | {_value(ratio)} |")
        lines.append("")
    return lines


_LAYOUTS: dict[str, Callable[[list[_Part]], list[str]]] = {
    "videos": _videos,
    "layers": _layers,
    "distances": _distances,
    "standard-errors": _standard_errors,
    "rescoring": _rescoring,
    "memory": _memory,
}


def _value(record: Record | None) -> str:
    """With its interval, if it has one."""
    if record is None:
        return ""
    if record.value is None:
        return escape(f"{record.status}: {record.reason}")
    interval = "" if record.low is None or record.high is None else f" [{record.low:.3g}, {record.high:.3g}]"
    return f"{record.value:.3g}{interval}"


def _median(record: Record | None) -> str:
    """Without it."""
    return _value(record) if record is None or record.value is None else f"{record.value:.3g}"


def _versions(records: Sequence[Record]) -> str:
    found = {
        record.details["package"]: record.details["version"]
        for record in records
        if record.subject.kind == "scoring" and record.details.get("version")
    }
    loads = [one.details["load_average_before"] for one in records if one.subject.kind == "part"]
    known = [load for load in loads if load is not None]
    said = [", ".join(f"{tool} {version}" for tool, version in sorted(found.items()))]
    if known:
        said.append(f"Load average before the parts: {min(known):g} to {max(known):g}")
    return escape("".join(f"{each}. " for each in said if each).strip()) + "\n"
