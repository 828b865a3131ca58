from collections.abc import Callable

import pytest

from vidgauge.record import Record
from vidgauge.reports.comparison import compare
from vidgauge.reports.figures import figures

Make = Callable[..., Record]


def test_positions_are_linear_between_the_ends(make_record: Make) -> None:
    records = [make_record("fvd", value, half_width=1.0, name=f"set-{value:g}") for value in (11.0, 15.0, 19.0)]
    (figure,), left_out = figures(compare(records)[0])
    assert left_out == 0
    assert not figure.logarithmic
    assert [(bar.low, bar.at, bar.high) for bar in figure.bars] == [
        (2.0, 11.6, 21.2),
        (40.4, 50.0, 59.6),
        (78.8, 88.4, 98.0),
    ]
    assert figure.ticks == ((2.0, "10"), (50.0, "15"), (98.0, "20"))
    assert [bar.rank for bar in figure.bars] == ["best", "", ""]


def test_a_wide_range_has_a_logarithmic_axis(make_record: Make) -> None:
    records = [make_record("latency", value, name=f"layer-{value:g}") for value in (0.001, 0.1, 10.0)]
    (figure,), _ = figures(compare(records)[0])
    assert figure.logarithmic
    assert [bar.at for bar in figure.bars] == [2.0, 50.0, 98.0]
    assert [label for _, label in figure.ticks] == ["1", "10", "100", "1000", "10000"]


def test_times_start_at_zero(make_record: Make) -> None:
    records = [make_record("latency", value, name=f"layer-{value:g}") for value in (2.0, 4.0)]
    (figure,), _ = figures(compare(records)[0])
    assert figure.ticks[0] == (2.0, "0")
    assert [bar.at for bar in figure.bars] == [50.0, 98.0]


def test_only_rivals_share_a_figure(store_records: list[Record], make_record: Make) -> None:
    scores, layers, _ = compare(store_records)
    assert [figure.title for figure in figures(scores)[0]] == ["fvd", "kvd", "is", "clipsim"]
    of_layers = figures(layers)[0]
    assert [figure.title for figure in of_layers] == ["latency (ms)"] * 4
    assert [figure.subtitle for figure in of_layers][:2] == [
        "latency.interleaved, unet-mid, batch 1",
        "latency.interleaved, unet-mid, batch 2",
    ]
    unlike = [make_record(name=name, config={"real": [name], "generated": [name]}) for name in "ab"]
    assert figures(compare(unlike)[0]) == ([], 0)


def test_many_are_cut_and_counted(make_record: Make) -> None:
    rivals = [make_record("fvd", float(index), name=f"set-{index}") for index in range(30)]
    (figure,), _ = figures(compare(rivals)[0])
    assert (len(figure.bars), figure.hidden) == (24, 6)
    contests = [make_record(f"measure-{index}", float(name == "a"), name=name) for index in range(15) for name in "ab"]
    drawn, left_out = figures(compare(contests)[0])
    assert (len(drawn), left_out) == (12, 3)


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_equal_values_have_an_axis_too(make_record: Make, value: float) -> None:
    (figure,), _ = figures(compare([make_record("fvd", value, name=name) for name in "ab"])[0])
    assert all(0 <= bar.at <= 100 for bar in figure.bars)
    assert figure.ticks
