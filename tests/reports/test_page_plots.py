from collections.abc import Callable

import pytest

from vidgauge.record import Record
from vidgauge.reports.comparison import compare
from vidgauge.reports.figures import figures
from vidgauge.reports.plots import MOST_PLOTS, plots
from vidgauge.reports.plots.along import along
from vidgauge.reports.plots.n_curves import n_curves
from vidgauge.reports.plots.plot import Plot, Quantity, Value, draw
from vidgauge.reports.plots.roofline import roofline
from vidgauge.reports.plots.speedups import speedups
from vidgauge.reports.plots.trade_offs import trade_offs
from vidgauge.reports.published_records import published_records
from vidgauge.reports.quantities import Scale

Make = Callable[..., Record]


def _places(plot: Plot, series: int = 0) -> list[tuple[float, float]]:
    return [(mark.x, mark.y) for mark in plot.series[series].marks]


def _all(records: list[Record], title: str) -> Plot:
    drawn = [plot for table in compare(records) for plot in plots(table)[0] if plot.title == title]
    assert len(drawn) == 1
    return drawn[0]


def test_positions_are_percent_from_the_left_and_from_the_top() -> None:
    values = [Value(x, y, y - 1, y + 1, "said", "row-1") for x, y in ((4.0, 11.0), (0.0, 1.0), (2.0, 3.0))]
    plain = Quantity("x", Scale("", 1.0)), Quantity("y", Scale("ms", 1.0))
    plot = draw("title", "", *plain, {"a": values}, joined=True, bands=[(1.0, 3.0)])
    assert _places(plot) == [(2.0, 90.0), (50.0, 74.0), (98.0, 10.0)]  # in the order of x
    first = plot.series[0].marks[0].whisker
    assert first is not None
    assert (first.y1, first.y2) == (98.0, 82.0)
    assert [(line.x1, line.x2) for line in plot.series[0].strokes] == [(2.0, 50.0), (50.0, 98.0)]
    assert [(band.left, band.width) for band in plot.bands] == [(26.0, 48.0)]
    assert plot.y.title == "y (ms)"


def test_series_differ_in_colour_or_in_shape() -> None:
    plain = Quantity("x", Scale("", 1.0)), Quantity("y", Scale("", 1.0))
    plot = draw("", "", *plain, {str(index): [Value(index, 1.0, None, None, "", "")] for index in range(20)})
    assert len({(series.colour, series.shape) for series in plot.series}) == 20


def test_latency_and_memory_along_time_with_the_crossover(plotted_records: list[Record]) -> None:
    latency, memory = (_all(plotted_records, f"{name} along frames") for name in ("latency", "peak memory"))
    assert [series.name for series in latency.series] == ["conv3d", "axial_attention"]
    assert [x for x, _ in _places(latency)] == [2.0, 34.0, 66.0, 98.0]  # 1, 4, 16, 64: even steps of a logarithm
    assert latency.x.title == "frames T, logarithmic"
    assert [label for _, label in latency.x.places] == ["1", "4", "16", "64"]
    assert latency.y.title == "latency (ms), logarithmic"
    assert [(band.left, band.width) for band in latency.bands] == [(2.0, 64.0)]
    assert latency.remarks == ("axial_attention against conv3d: slower up to 1, faster from 16 on.",)
    assert latency.series[1].marks[2].said.startswith("axial_attention, T 16: latency 80.00 [79.20, 80.80] ms, n 64")
    assert memory.bands == ()


def test_no_crossover_is_said_as_well(plotted_records: list[Record]) -> None:
    reason = "no crossover along T: faster at 1, faster at 4"
    records = [
        record.model_copy(
            update={
                "status": "skipped",
                "value": None,
                "no_interval": "",
                "reason": reason,
                "details": {"baseline": "conv3d"},
            }
        )
        if record.measure.name == "crossover"
        else record
        for record in plotted_records
    ]
    latency = _all(records, "latency along frames")
    assert latency.bands == ()
    assert latency.remarks == (f"axial_attention against conv3d: {reason}.",)


def test_batches_are_an_axis_of_their_own(store_records: list[Record]) -> None:
    layers = next(table for table in compare(store_records) if table.kind == "layer")
    drawn = list(along(layers))
    assert [(plot.title, plot.subtitle) for plot in drawn] == [
        ("latency along batch", "unet-mid"),
        ("peak memory along batch", "unet-mid"),
        ("latency along batch", "unet-low"),
        ("peak memory along batch", "unet-low"),
    ]
    assert [len(series.marks) for series in drawn[0].series] == [2, 2, 2, 2]


def test_a_ladder_is_one_line_though_each_rung_has_its_name(plotted_records: list[Record]) -> None:
    ladder = _all(plotted_records, "fvd along severity")
    assert [series.name for series in ladder.series] == ["noise"]
    assert len(_places(ladder)) == 4
    heights = [y for _, y in _places(ladder)]
    assert heights == sorted(heights, reverse=True)


def test_a_seed_is_no_axis_and_neither_is_what_stands_alone(make_record: Make) -> None:
    records = [make_record("fvd", 3.0 + seed, name="a", config={"seed": seed, "clips": 64}) for seed in range(3)]
    assert list(along(compare(records)[0])) == []


def test_a_distance_falls_with_n(plotted_records: list[Record]) -> None:
    plot = next(plot for table in compare(plotted_records) for plot in n_curves(table))
    assert plot.title == "kvd along N"
    assert [x for x, _ in _places(plot)] == [2.0, 98.0]
    assert [label for _, label in plot.x.places] == ["64", "256"]
    assert plot.series[0].marks[0].said.endswith("N 64, mean of 4 parts: kvd 13.0 [12.0, 14.0]")
    assert plot.remarks == ("samples: 3 [2, 4] where N is infinite.",)


def test_the_roof_and_what_was_reached_below_it(plotted_records: list[Record]) -> None:
    plot = next(plot for table in compare(plotted_records) for plot in roofline(table))
    assert plot.subtitle == "float32, 100 GFLOP/s and 50 GB/s at best, as measured in the same run"
    assert plot.x.title == "arithmetic intensity (FLOP/B), logarithmic"
    ((name, strokes),) = plot.guides
    assert name == "roof"
    slope, flat = strokes
    assert (slope.x2, slope.y2) == (flat.x1, flat.y1)
    assert flat.y1 == flat.y2 == 2.0  # nothing is drawn higher
    assert plot.series[0].marks[0].x == 98.0  # 100 FLOP/B, the highest intensity
    assert "10.00 [9.90, 10.10] GFLOP/s, 10 % of the roof at 100 FLOP/B" in plot.series[0].marks[0].said


def test_predicted_against_achieved_speedups_say_what_explains_them(plotted_records: list[Record]) -> None:
    (plot,) = (plot for table in compare(plotted_records) for plot in speedups(table))
    assert [series.name for series in plot.series] == ["axial_attention"]
    assert [name for name, _ in plot.guides] == ["as predicted", "as fast as the baseline"]
    first = plot.series[0].marks[0]
    assert first.said.endswith("over conv3d: 50 times as fast, predicted 1.5; copies: it moves 3 MB in permutes")


def test_quality_against_speed_joins_systems_by_name(plotted_records: list[Record], make_record: Make) -> None:
    alone = make_record("fvd", 1.0, kind="system", name="only scored", config={"clips": 256})
    (plot,) = trade_offs(compare([*plotted_records, alone]))
    assert (plot.title, plot.subtitle) == ("fvd against latency", "fvd.shapes, */tiny, sample, float32, cpu, batch 1")
    assert [series.name for series in plot.series] == ["vdm/tiny", "walt/tiny"]
    assert plot.y.title == "fvd, lower is better"
    assert plot.series[0].marks[0].said == "vdm/tiny: fvd 50.0 [46.0, 54.0], n 64; latency 2.00 [1.90, 2.10] s"


def test_every_value_leads_to_its_row(plotted_records: list[Record]) -> None:
    tables = compare(plotted_records)
    anchors = {row.anchor for table in tables for row in table.rows}
    drawn = [plot for table in tables for plot in plots(table)[0]] + list(trade_offs(tables))
    assert {mark.anchor for plot in drawn for series in plot.series for mark in series.marks} <= anchors


def test_many_are_cut_and_counted(make_record: Make) -> None:
    records = [
        make_record(f"measure-{index}", float(step), config={"step": step})
        for index in range(MOST_PLOTS + 3)
        for step in (1, 2)
    ]
    drawn, left_out = plots(compare(records)[0])
    assert (len(drawn), left_out) == (MOST_PLOTS, 3)


@pytest.mark.parametrize(
    "details",
    [
        {"sweep": "T"},
        {"sweep": {"axis": "T"}},
        {"extrapolated": {"curve": "none"}},
        {"extrapolated": {"curve": [{"n": 1}, {"n": 2}, "x"]}},
        {"flops": 1, "bytes": 0, "ridge": 1, "bytes_per_second": 1},
        {"flops": "1", "bytes": "1", "ridge": "1", "bytes_per_second": "1"},
        {"predicted_speedup": "1", "achieved_speedup": None},
        {"crossings": [{"between": 3}]},
    ],
)
def test_details_of_another_shape_draw_nothing(make_record: Make, details: dict[str, object]) -> None:
    records = [make_record("latency", 1.0, name="a", details=details, config={})]
    assert plots(compare(records)[0]) == ([], 0)


def test_what_papers_say_is_not_drawn() -> None:
    tables = compare(published_records())
    assert [plots(table) for table in tables] == [([], 0)] * len(tables)
    assert [figures(table) for table in tables] == [([], 0)] * len(tables)
    assert list(trade_offs(tables)) == []


def test_plots_of_nothing_in_particular_are_empty(store_records: list[Record]) -> None:
    scores = compare(store_records)[0]
    assert plots(scores) == ([], 0)
    assert list(trade_offs(compare(store_records))) == []
