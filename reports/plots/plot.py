"""A plot of values over two axes, with every position in percent: it stretches from a phone to a printed page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vidgauge.reports.axes import Axis
from vidgauge.reports.quantities import THIN_SPACE, Scale

STYLES = 8
"""How many pairs of a colour and a shape the page has; further series have the colours again with other shapes."""

MOST_TICKS = 8
"""How many places of values can be labelled one by one, also on a phone."""


@dataclass(frozen=True)
class Value:
    """One record in a plot, in the records' units."""

    x: float
    y: float
    low: float | None
    """Lower end of the interval of y."""
    high: float | None
    said: str
    """All that a reader is told about it, as one line: who, where, how much; empty for no mark on its line."""
    anchor: str
    """Of the row that it comes from."""
    line: str = ""
    """Which of its series' lines goes through it."""


@dataclass(frozen=True)
class Quantity:
    """What an axis shows."""

    name: str
    scale: Scale
    from_zero: bool = False
    log_from: float = 20.0
    """Ratio of the largest to the smallest number from which the axis is logarithmic."""
    ticks: tuple[float, ...] = ()
    """Where to label it, in the scale's unit; round numbers without."""


@dataclass(frozen=True)
class Guide:
    """A line that is not measured, such as a roof: through these points, in the records' units."""

    name: str
    through: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Stroke:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Mark:
    """A value in its place."""

    x: float
    y: float
    whisker: Stroke | None
    said: str
    anchor: str


@dataclass(frozen=True)
class Series:
    """What belongs together."""

    name: str
    colour: int
    shape: int
    marks: tuple[Mark, ...]
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True)
class Band:
    """A stretch of the x axis."""

    left: float
    width: float


@dataclass(frozen=True)
class Ticks:
    """What stands along an axis."""

    title: str
    """Name and unit, and whether it is logarithmic."""
    places: tuple[tuple[float, str], ...]
    """Position in percent, and label."""


@dataclass(frozen=True)
class Plot:
    """Ready to be drawn; y counts from the top."""

    title: str
    subtitle: str
    x: Ticks
    y: Ticks
    series: tuple[Series, ...]
    guides: tuple[tuple[str, tuple[Stroke, ...]], ...]
    bands: tuple[Band, ...]
    remarks: tuple[str, ...]


def draw(
    title: str,
    subtitle: str,
    x: Quantity,
    y: Quantity,
    series: Mapping[str, Sequence[Value]],
    *,
    joined: bool = False,
    guides: Sequence[Guide] = (),
    bands: Sequence[tuple[float, float]] = (),
    remarks: Sequence[str] = (),
) -> Plot:
    """Put everything into its place.

    Args:
        title: what is shown.
        subtitle: under which circumstances.
        x: what lies along the width.
        y: what lies along the height.
        series: values by the name of their series, at least one.
        joined: whether the values of a series are points on lines, in the order of x.
        guides: lines beside the values.
        bands: from where to where on the x axis.
        remarks: sentences below it.
    """
    values = [value for some in series.values() for value in some]
    drawn_xs = [value.x for value in values] + [at for guide in guides for at, _ in guide.through]
    drawn_ys = [end for value in values for end in (value.y, value.low, value.high) if end is not None]
    drawn_ys += [at for guide in guides for _, at in guide.through]
    x_axis, y_axis = _axis(x, drawn_xs), _axis(y, drawn_ys)
    place = _Place(x, y, x_axis, y_axis)
    return Plot(
        title=title,
        subtitle=subtitle,
        x=_ticks(x, x_axis, upwards=False),
        y=_ticks(y, y_axis, upwards=True),
        series=tuple(_series(place, index, name, series[name], joined=joined) for index, name in enumerate(series)),
        guides=tuple((guide.name, _strokes([place(*point) for point in guide.through])) for guide in guides),
        bands=tuple(_band(place, low, high) for low, high in bands),
        remarks=tuple(remarks),
    )


@dataclass(frozen=True)
class _Place:
    x: Quantity
    y: Quantity
    x_axis: Axis
    y_axis: Axis

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        across = self.x_axis.percent(x / self.x.scale.factor)
        return across, round(100 - self.y_axis.percent(y / self.y.scale.factor), 2)


def _axis(quantity: Quantity, numbers: Sequence[float]) -> Axis:
    scaled = [number / quantity.scale.factor for number in numbers]
    return Axis.over(scaled, from_zero=quantity.from_zero, log_from=quantity.log_from)


def _ticks(quantity: Quantity, axis: Axis, *, upwards: bool) -> Ticks:
    unit = f" ({quantity.scale.unit})" if quantity.scale.unit else ""
    digits = 4 if quantity.ticks else 6  # round numbers that lie close together need more than values do
    places = [(axis.percent(tick), _number(tick, digits)) for tick in quantity.ticks or axis.ticks()]
    if upwards:
        places = [(round(100 - at, 2), label) for at, label in places]
    title = f"{quantity.name}{unit}" + (", logarithmic" if axis.logarithmic else "")
    return Ticks(title=title, places=tuple(places))


def _number(tick: float, digits: int) -> str:
    if abs(tick) >= 1000 and tick == round(tick):
        return f"{tick:,.0f}".replace(",", THIN_SPACE)
    return f"{tick:.{digits}g}"


def _series(place: _Place, index: int, name: str, values: Sequence[Value], *, joined: bool) -> Series:
    ordered = sorted(values, key=lambda value: value.x) if joined else values
    lines: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for value in ordered:
        lines[value.line].append(place(value.x, value.y))
    return Series(
        name=name,
        colour=index % STYLES,
        shape=(index + index // STYLES) % STYLES,
        marks=tuple(_mark(place, value) for value in ordered if value.said),
        strokes=tuple(stroke for points in lines.values() for stroke in _strokes(points)) if joined else (),
    )


def _mark(place: _Place, value: Value) -> Mark:
    x, y = place(value.x, value.y)
    whisker = None
    if value.low is not None and value.high is not None:
        whisker = Stroke(x, place(value.x, value.low)[1], x, place(value.x, value.high)[1])
    return Mark(x, y, whisker, value.said, value.anchor)


def _strokes(points: Sequence[tuple[float, float]]) -> tuple[Stroke, ...]:
    return tuple(Stroke(*before, *after) for before, after in pairwise(points))


def _band(place: _Place, low: float, high: float) -> Band:
    left, right = (place.x_axis.percent(end / place.x.scale.factor) for end in (low, high))
    return Band(left, round(right - left, 2))
