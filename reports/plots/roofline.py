"""The roofline: what was reached beside what the machine can do (Williams, Waterman and Patterson 2009)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidgauge.record import Record
from vidgauge.reports.axes import is_number
from vidgauge.reports.comparison import Cell, Row, Table
from vidgauge.reports.plots.naming import circumstances
from vidgauge.reports.plots.plot import Guide, Plot, Quantity, Value, draw
from vidgauge.reports.quantities import Scale, choose_scale, write

_NEEDED = ("flops", "bytes", "ridge", "bytes_per_second")
_LOG_FROM = 1.0  # always logarithmic, where numbers differ at all


@dataclass(frozen=True)
class _Roof:
    """The ceilings of one run, for one dtype."""

    environment: str
    dtype: str
    bytes_per_second: float
    ridge: float
    """FLOP per byte from which on arithmetic binds."""

    @property
    def flops_per_second(self) -> float:
        return self.ridge * self.bytes_per_second


@dataclass(frozen=True)
class _Reached:
    row: Row
    time: Cell
    intensity: float
    """FLOP per byte."""
    flops: float

    @property
    def rate(self) -> float:
        assert self.time.record.value is not None, "only measured times are drawn"
        return self.flops / self.time.record.value


def roofline(table: Table) -> Iterator[Plot]:
    """One plot for each roof under which times were predicted and measured."""
    under: dict[_Roof, list[_Reached]] = defaultdict(list)
    for row in table.rows:
        cells = [cell for cell in row.cells if cell and cell.record.value is not None]
        time = next((cell for cell in cells if cell.record.measure.name == "latency"), None)
        bound = next((cell.record.details for cell in cells if _tells_a_bound(cell.record)), None)
        if time and time.record.value and bound:
            dtype = str(row.subject.config.get("dtype", ""))
            roof = _Roof(row.environment, dtype, bound["bytes_per_second"], bound["ridge"])
            under[roof].append(_Reached(row, time, bound["flops"] / bound["bytes"], bound["flops"]))
    for roof, reached in under.items():
        yield _plot(table, roof, reached)


def _tells_a_bound(record: Record) -> bool:
    found = [record.details.get(name) for name in _NEEDED]
    return all(is_number(number) and number > 0 for number in found)


def _plot(table: Table, roof: _Roof, reached: Sequence[_Reached]) -> Plot:
    scale = choose_scale("FLOP/s", [point.rate for point in reached])
    series: dict[str, list[Value]] = defaultdict(list)
    for point in reached:
        series[point.row.subject.name].append(_value(table, roof, point, scale))
    low = min([point.intensity for point in reached] + [roof.ridge / 2])
    high = max([point.intensity for point in reached] + [roof.ridge * 2])
    corners = [(at, min(roof.flops_per_second, at * roof.bytes_per_second)) for at in (low, roof.ridge, high)]
    peak, moved = (
        _rate(rate, unit) for rate, unit in ((roof.flops_per_second, "FLOP/s"), (roof.bytes_per_second, "B/s"))
    )
    where = [roof.dtype, f"environment {roof.environment}" if len(table.environments) > 1 else ""]
    return draw(
        "roofline",
        ", ".join(filter(None, [*where, f"{peak} and {moved} at best, as measured in the same run"])),
        Quantity("arithmetic intensity", Scale("FLOP/B", 1.0), log_from=_LOG_FROM),
        Quantity("arithmetic", scale, log_from=_LOG_FROM),
        series,
        guides=[Guide("roof", tuple(corners))],
        remarks=["Each tensor is counted as moved once; what stays in a cache can stand above the slope."],
    )


def _value(table: Table, roof: _Roof, point: _Reached, scale: Scale) -> Value:
    time = point.time.record
    low, high = (point.flops / end if end else None for end in (time.high, time.low))
    reached = write(point.rate, low, high, scale)
    share = point.rate / min(roof.flops_per_second, point.intensity * roof.bytes_per_second)
    said = f"{circumstances(table, point.row)}: {reached.value} {reached.interval} {scale.unit}".replace("  ", " ")
    said += f", {100 * share:.3g} % of the roof at {point.intensity:.3g} FLOP/B"
    return Value(point.intensity, point.rate, low, high, said, point.row.anchor)


def _rate(rate: float, unit: str) -> str:
    scale = choose_scale(unit, [rate])
    return f"{rate / scale.factor:.3g} {scale.unit}"
