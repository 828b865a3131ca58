"""Comparisons under one budget, from records by hand in the form that `vidgauge compare` gives them."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from vidgauge.record import Measure, ProtocolRef, Record
from vidgauge.reports.comparison import Table, compare
from vidgauge.reports.figures import figures
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.one_budget import heading
from vidgauge.reports.page import page
from vidgauge.reports.plots import plots
from vidgauge.reports.plots.learning_curves import learning_curves
from vidgauge.reports.plots.trade_offs import trade_offs
from vidgauge.reports.videos.gallery import galleries

Make = Callable[..., Record]
TRAINED = (
    ("loss", "1", "neither"),
    ("training_throughput", "clips/s", "higher"),
    ("training_flops", "FLOP", "neither"),
)
SPENT = (
    ("latency", "s", "lower", 2.0),
    ("first_frame", "s", "lower", 1.0),
    ("streams", "1", "neither", 0.0),
    ("peak_memory", "B", "lower", 3e7),
    ("parameters", "1", "neither", 4e5),
    ("sampling_flops", "FLOP", "lower", 5e9),
)
FVD = {"one/tiny": 30.0, "two/tiny": 20.0, "three/tiny": 40.0}
COST = {"one/tiny": 1.0, "two/tiny": 2.0, "three/tiny": 3.0}


class Study:
    """Records of a comparison."""

    def __init__(self, make: Make, seeds: Sequence[int], group: str = "six systems") -> None:
        self._make, self._seeds = make, list(seeds)
        self._config = {"recipe": "quick", "group": group, "budget": "60 s", "begin": "shipped"}
        self.folder = group.replace(" ", "-")

    def records(self) -> list[Record]:
        """Of three systems, out of order, and of real clips."""
        found = []
        for name in FVD:
            for seed in self._seeds:
                found += self.trained(name, seed)
        for videos, value in (("other real clips", 1.0), ("frozen", 50.0)):
            config = {"recipe": "quick", "videos": videos, "real": ["data/real"], "generated": [f"data/{videos}"]}
            found += self.scores(value, name="real clips", config=config)
        for name in FVD:
            for seed in self._seeds:
                found += self.scored(name, seed, "samples", FVD[name] + seed)
                found += self.scored(name, seed, "samples, temporal layers off", 90.0 + seed)
        for name in FVD:
            found += self.spent(name)
        return found + self.compared()

    def trained(self, name: str, seed: int) -> list[Record]:
        config = self._config | {"seed": seed, "learning_rate": 0.1 * COST[name]}
        details = {"seconds": 60.5, "steps": {"images": 10, "videos": 1200}, "device": "cpu"}
        tuning = {"factor": 0.1, "tried": {"0.1": 4.0, "1": None}, "protocol": "fvd.shapes", "budget": "6 s"}
        curve = {"images": [[5, 1.0, 2.0], [10, 3.0, 1.0]], "videos": [[600, 30.0, 0.5], [1200, 60.0, 0.25]]}
        return [
            self._make(
                measure,
                COST[name] + seed,
                kind="system",
                name=name,
                config=config,
                measure_=(unit, better),
                details=details | ({"curve": curve, "tuning": tuning} if measure == "loss" else {}),
                no_interval="of one run",
            )
            for measure, unit, better in TRAINED
        ]

    def scored(self, name: str, seed: int, videos: str, value: float) -> list[Record]:
        folder = f"{self.folder}/{name.replace('/', '-')}/seed-{seed}/{videos.replace(', ', ' ').replace(' ', '-')}"
        config = self._config | {"seed": seed, "videos": videos, "real": ["data/real"], "generated": [folder]}
        return self.scores(value, kind="system", name=name, config=config)

    def scores(self, value: float, **subject: Any) -> list[Record]:  # noqa: ANN401 - fields of every type
        details = {"world": "embedded"}
        return [
            self._make("fvd", value, half_width=4.0, details=details, **subject),
            self._make("is", value / 10, half_width=0.5, details=details, **subject),
        ]

    def spent(self, name: str) -> list[Record]:
        subject = {"kind": "system", "name": name, "config": self._config | {"seed": None}}
        return [
            self._make(measure, value * COST[name], measure_=(unit, better), **subject)
            for measure, unit, better, value in SPENT
        ]

    def compared(self) -> list[Record]:
        """Means over seeds, where there are several, and differences."""
        found = []
        order = sorted(FVD, key=FVD.__getitem__)
        seed = {"seed": None, "seeds": self._seeds} if len(self._seeds) > 1 else {"seed": self._seeds[0]}
        if len(self._seeds) > 1:
            for name in FVD:
                config = self._config | seed | {"videos": "samples"}
                found += self.scores(FVD[name] + 1, kind="system", name=name, config=config)
        ranks = len(self._seeds) >= 3
        for first, second in pairwise(order):
            config = self._config | seed | {"videos": "samples", "less": second}
            details = {"verdict": "closer", "ranks": ranks, "p": 0.004}
            found.append(
                self._make(
                    "fvd-difference",
                    FVD[first] - FVD[second],
                    half_width=3.0,
                    kind="system",
                    name=first,
                    config=config,
                    measure_=("1", "neither"),
                    details=details,
                )
            )
        return found


@pytest.fixture(name="study")
def study_fixture(make_record: Make) -> Callable[..., list[Record]]:
    def make(measure: str, value: float, **fields: Any) -> Record:  # noqa: ANN401 - fields of every type
        if "measure_" in fields:
            unit, better = fields.pop("measure_")
            protocol = ProtocolRef(name=f"compare.{measure}", fingerprint="bbbbbbbbbbbbbbbb")
            found = make_record("latency", value, protocol=protocol, **fields)
            return found.model_copy(update={"measure": Measure(name=measure, unit=unit, better=better)})
        return make_record(measure, value, **fields)

    def study(seeds: Sequence[int] = (0,), group: str = "six systems") -> list[Record]:
        return Study(make, seeds, group).records()

    return study


def _cells(table: Table, row: int) -> dict[str, str]:
    of_row = zip(table.columns, table.rows[row].cells, strict=True)
    return {column.measure.name: f"{cell.value} {cell.interval}".strip() for column, cell in of_row if cell}


def test_systems_stand_by_the_first_protocol_and_real_clips_last(study: Callable[..., list[Record]]) -> None:
    systems, neighbours, training = compare(study())
    assert systems.title == "six systems: toy scale, says nothing about the published systems"
    assert [row.stub for row in systems.rows] == [
        ("two/tiny", "samples"),
        ("one/tiny", "samples"),
        ("three/tiny", "samples"),
        ("two/tiny", "samples, temporal layers off"),
        ("one/tiny", "samples, temporal layers off"),
        ("three/tiny", "samples, temporal layers off"),
        ("real clips", "other real clips"),
        ("real clips", "frozen"),
    ]
    names = [column.measure.name for column in systems.columns]
    assert names[:4] == ["fvd", "is", "training_throughput", "latency"]
    assert names[4:] == ["first_frame", "streams", "peak_memory", "parameters", "training_flops", "sampling_flops"]
    first = _cells(systems, 0)
    assert (first["fvd"], first["latency"], first["streams"]) == ("20.0 [16.0, 24.0]", "4", "no")
    assert set(_cells(systems, -1)) == {"fvd", "is"}
    assert neighbours.title == "six systems: neighbours"
    assert training.title == "six systems: how they were trained"


def test_one_seed_ranks_no_score(study: Callable[..., list[Record]]) -> None:
    systems, neighbours, _ = compare(study())
    ranked = {cell.record.measure.name for cell in systems.cells if cell.rank}
    assert ranked == {"training_throughput", "latency", "first_frame", "peak_memory", "sampling_flops"}
    assert systems.remarks == ("Seed 0 alone: others may well end in another order, so no score is ranked.",)
    assert neighbours.remarks[-1] == "No ranking, which takes three seeds."


def test_three_seeds_stand_with_their_mean_and_rank(study: Callable[..., list[Record]]) -> None:
    systems, neighbours, training = compare(study((0, 1, 2)))
    assert _cells(systems, 0)["fvd"] == "21.0 [17.0, 25.0]"
    best = systems.rows[0].cells[0]
    assert best is not None
    assert best.rank == "best"
    off = systems.rows[3].cells[0]
    assert off is not None
    assert (off.record.value, off.interval) == (91.0, "")  # of which the study recorded no mean
    assert off.record.no_interval == "the mean over seeds 0, 1, 2, without their spread"
    assert _cells(systems, 0)["training_throughput"] == "3"
    assert systems.remarks == ("Means over seeds 0, 1, 2.",)
    assert neighbours.remarks[-1] == "A ranking, by 3 seeds."
    assert len(training.rows) == 9


def test_neighbours_have_their_verdict(study: Callable[..., list[Record]]) -> None:
    neighbours = compare(study())[1]
    assert [row.stub for row in neighbours.rows] == [("two/tiny", "one/tiny"), ("one/tiny", "three/tiny")]
    cell = neighbours.rows[0].cells[0]
    assert cell is not None
    assert (cell.value, cell.interval, cell.verdict) == ("-10.0", "[-13.0, -7.0]", "closer")


def test_all_that_differs_in_training_stands_in_its_table(study: Callable[..., list[Record]]) -> None:
    training = compare(study())[2]
    assert training.stub == ("system", "learning rates")
    assert [row.stub[1] for row in training.rows] == [f"presets' times {factor}" for factor in ("0.1", "0.2", "0.3")]
    facts = {"begin": "shipped", "budget": "60 s", "seconds": "60.5", "steps": "1,210", "seed": "0", "on": "cpu"}
    assert facts.items() <= training.common.items()
    assert "steps: images 10, videos 1,200" in training.footnotes
    assert "learning rates by fvd.shapes after 6 s each: times 0.1: 4, times 1: none" in training.footnotes


def test_what_has_no_value_stands_last_with_its_reason(study: Callable[..., list[Record]]) -> None:
    records = [
        record.model_copy(
            update={"value": None, "low": None, "high": None, "level": None, "status": "failed", "reason": "no frames"}
        )
        if record.subject.name == "two/tiny" and record.measure.name == "fvd"
        else record
        for record in study()
    ]
    systems = compare(records)[0]
    assert [row.stub[0] for row in systems.rows[:3]] == ["one/tiny", "three/tiny", "two/tiny"]
    assert _cells(systems, 2)["fvd"] == "failed"
    assert "failed: no frames" in systems.footnotes


def test_groups_and_runs_have_tables_of_their_own(study: Callable[..., list[Record]]) -> None:
    again = [record.model_copy(update={"run": "run-2", "environment": "elsewhere"}) for record in study()]
    tables = compare([*study(), *study(group="attention"), *again])
    titles = [table.title.partition(":")[0] for table in tables]
    assert titles[::3] == ["six systems, run run-1", "attention", "six systems, run run-2"]
    anchors = [row.anchor for table in tables for row in table.rows]
    assert len(set(anchors)) == len(anchors)


def test_real_clips_alone_are_a_table(study: Callable[..., list[Record]]) -> None:
    (table,) = compare([record for record in study() if record.subject.name == "real clips"])
    assert [row.stub[-1] for row in table.rows] == ["other real clips", "frozen"]


def test_the_layout_is_for_docs_and_terminals(study: Callable[..., list[Record]]) -> None:
    lines = LAYOUTS["compare"](study()).splitlines()
    assert lines[0] == "**six systems: toy scale, says nothing about the published systems**"
    (two,) = (line for line in lines if line.startswith("| two/tiny | samples | "))
    assert two.startswith("| two/tiny | samples | 20.0 ± 4.0 n=64")
    (pair,) = (line for line in lines if line.startswith("| two/tiny | one/tiny | "))
    assert "-10.0 ± 3.0 closer" in pair
    assert LAYOUTS["compare"]([]) == "Nothing is measured yet.\n"


def test_the_front_is_of_those_that_no_other_beats(study: Callable[..., list[Record]]) -> None:
    drawn = list(trade_offs(compare(study())))
    costs = ["latency", "peak memory", "parameters", "training flops"]
    assert [plot.title for plot in drawn] == [f"fvd against {cost}" for cost in costs]
    assert drawn[0].subtitle == "fvd.shapes, six systems"
    assert [series.name for series in drawn[0].series] == ["two/tiny", "one/tiny", "three/tiny"]
    remark = "On the front, by values alone: one/tiny, two/tiny. Intervals may put others on it."
    assert drawn[0].remarks == (remark,)  # three/tiny is worse than both, and costs more
    ((name, strokes),) = drawn[0].guides
    marks = {series.name: series.marks[0] for series in drawn[0].series}
    one, two, three = (marks[name] for name in ("one/tiny", "two/tiny", "three/tiny"))
    assert name == "Pareto front"
    corners = [(one.x, three.y), (one.x, one.y), (two.x, one.y), (two.x, two.y), (three.x, two.y)]
    assert [(stroke.x1, stroke.y1) for stroke in strokes] + [(strokes[-1].x2, strokes[-1].y2)] == corners


def test_curves_are_a_line_a_phase_with_its_end_marked(study: Callable[..., list[Record]]) -> None:
    training = compare(study())[2]
    (plot,) = learning_curves(training)
    assert (plot.title, plot.subtitle) == ("loss while training", "six systems")
    assert [series.name for series in plot.series] == list(FVD)
    first = plot.series[0]
    assert [mark.said for mark in first.marks] == [
        "one/tiny, seed 0, images: loss 1 after 10 steps, at 3 s",
        "one/tiny, seed 0, videos: loss 0.25 after 1,200 steps, at 60 s",
    ]
    assert len(first.strokes) == 2  # none from one phase to the next
    assert first.strokes[0].x2 < first.strokes[1].x1


@pytest.mark.parametrize("curve", [3, {"a": 3}, {"a": [[1, 2.0]]}, {"a": [[1, 2.0, "x"]] * 2}, {"a": [[1, 1.0, 1.0]]}])
def test_curves_of_another_shape_draw_nothing(make_record: Make, curve: object) -> None:
    record = make_record("loss", 1.0, name="a", details={"curve": curve}, config={})
    assert plots(compare([record])[0]) == ([], 0)


def test_bars_compare_systems_alone(study: Callable[..., list[Record]]) -> None:
    drawn, _ = figures(compare(study())[0])
    fvd = next(figure for figure in drawn if figure.title == "fvd" and "off" not in figure.subtitle)
    assert [bar.label for bar in fvd.bars] == ["two/tiny", "one/tiny", "three/tiny"]


def test_the_page_shows_it_all(study: Callable[..., list[Record]]) -> None:
    text = page(study(), {}, "records.sqlite")
    assert "Against the baseline" not in text
    for said in ("says nothing about the published systems", "Pareto front", "loss while training", "verdict-closer"):
        assert said in text


def test_a_page_of_one_comparison_is_called_after_its_recipe(
    study: Callable[..., list[Record]], make_record: Make
) -> None:
    assert heading(study()) == "Compared by recipe quick"
    assert heading([*study(), make_record("loss", 1.0, name="a", config={})]) is None


def test_sheets_are_a_group_of_first_seeds_and_one_of_real_clips(
    study: Callable[..., list[Record]], tmp_path: Path, write_clip: Callable[..., None]
) -> None:
    records = study((10, 2))
    for record in records:
        for folder in [*record.subject.config.get("generated", []), *record.subject.config.get("real", [])]:
            if not (tmp_path / folder).exists():
                write_clip(tmp_path / folder / "000000.mkv", 10)
    found = galleries(records, tmp_path, 1)
    assert [gallery.sets for gallery in found.shown] == [
        ("other real clips", "frozen"),  # the real set has other scenes, of other captions
        tuple(name + more for name in FVD for more in ("", ", temporal layers off")),
    ]
    assert found.remarks == ()
