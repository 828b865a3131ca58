"""Our numbers beside other packages': one table a part, one row a metric and reference, the worst of its cases."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_PARTS = {
    "statistics": "Statistics of the same features",
    "networks": "Networks with equal random weights, on the same prepared input",
    "videos": "From video files to numbers, with equal random weights",
}
_HEADINGS = (
    "| metric | reference | on | ours | theirs | relative difference | bound | within |",
    "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
)


@LAYOUTS.register("agreement")
def agreement(records: Sequence[Record]) -> str:
    """How far each metric is from each reference; a reference without a number says why."""
    tables = [
        _table(title, of_part)
        for part, title in _PARTS.items()
        if (of_part := [record for record in records if record.subject.config["part"] == part])
    ]
    return "\n".join([*tables, _versions(records)])


def _table(title: str, records: Sequence[Record]) -> str:
    rows: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        rows.setdefault((record.subject.name, record.subject.config["reference"]), []).append(record)
    return "\n".join([f"**{title}**", "", *_HEADINGS, *map(_row, rows.values()), "", _sum(records)])


def _row(records: Sequence[Record]) -> str:
    worst = max(records, key=_badness)
    config, details = worst.subject.config, worst.details
    cases = f"{len(records)} cases; worst: {config['case']}" if len(records) > 1 else config["case"]
    cells = [escape(worst.subject.name), escape(config["reference"]), escape(cases)]
    if worst.value is None:
        cells += ["", "", escape(f"{worst.status}: {worst.reason}"), f"{details['bound']:g}", "no"]
    else:
        cells += [f"{details['ours']:.8g}", f"{details['theirs']:.8g}", _share(worst.value)]
        cells += [f"{details['bound']:g}", "yes" if details["within"] else "**no**"]
    return f"| {' | '.join(cells)} |"


def _badness(record: Record) -> tuple[bool, float]:
    """No number is worse than any, and one is the worse the closer it is to its bound, or the further beyond."""
    return record.value is None, (record.value or 0.0) / record.details["bound"]


def _share(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def _sum(records: Sequence[Record]) -> str:
    compared = [record for record in records if record.value is not None]
    within = sum(bool(record.details["within"]) for record in compared)
    said = [f"{within} of {len(compared)} comparisons within their bounds"]
    said.append(f"{sum(record.value == 0 for record in compared)} of them without any difference")
    if len(compared) < len(records):
        said.append(f"{len(records) - len(compared)} without a number")
    return f"{', '.join(said)}.\n"


def _versions(records: Sequence[Record]) -> str:
    found = {record.details["package"]: record.details["version"] for record in records}
    said = [f"{package} {version}" for package, version in sorted(found.items()) if version]
    return f"References: {escape(', '.join(said) or 'none is installed')}.\n"
