"""Suites: what a TOML file may say."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from vidgauge.bench.parts import check_parts, parts
from vidgauge.bench.selection import select
from vidgauge.bench.suite import Suite, parse_suite, read_suite
from vidgauge.bench.suites import SUITES
from vidgauge.errors import UsageError

TABLE: dict[str, Any] = {
    "name": "mine",
    "summary": "A suite",
    "cases": [
        {
            "name": "only",
            "shape": [4, 2, 4, 4],
            "batches": [1],
            "directions": ["inference"],
            "budget": 0.1,
            "baseline": "conv3d",
            "variants": [{"layer": "conv3d", "config": {"in_channels": 4, "out_channels": 4}}],
        }
    ],
}


@pytest.mark.parametrize("name", list(SUITES))
def test_every_suite_asks_for_what_there_is(name: str) -> None:
    suite = SUITES[name]
    check_parts(suite, list(parts(suite)))


def test_quick_holds_the_seven_layers_at_two_batches_in_both_directions() -> None:
    suite = SUITES["quick"]
    assert sum(len(case.variants) for case in suite.cases) == 7
    planned = list(parts(suite))
    assert {(part.shape[0], part.direction) for part in planned} == {
        (batch, direction) for batch in (1, 4) for direction in ("inference", "backward")
    }
    assert len(planned) == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cases": []}, "the whole: Value error, there are neither cases nor systems"),
        ({"memory_run": 3}, "memory_run: there is no such key; did you mean 'memory_runs'"),
        ({"timing": {"max_round": 3}}, "timing.max_round: there is no such key; did you mean 'max_rounds'"),
        ({"memory_limit": 0}, "memory_limit: "),
        ({"cases": TABLE["cases"] * 2}, "the whole: Value error, two cases have the same name"),
        ({"summary": None}, "summary: "),
    ],
)
def test_wrong_suites_are_refused_with_the_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"suite 'mine': {said}"):
        parse_suite(TABLE | change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"baseline": "conv2d"}, "the baseline 'conv2d' of case 'only' is not among conv3d"),
        ({"variants": [{"layer": "conv3d"}] * 2}, "same name; give one a label"),
        ({"directions": ["sideways"]}, "cases.0.directions.0"),
        ({"shape": [4, 2, 4]}, "cases.0.shape"),
        ({"budget": 0}, "cases.0.budget"),
        ({"dtype": "float32"}, "cases.0.dtype: there is no such key; did you mean 'dtypes'"),
        (
            {"variants": [{"layer": "conv3d", "layuot": "contiguous"}]},
            "cases.0.variants.0.layuot: there is no such key; did you mean 'layout'",
        ),
        ({"sweep": {"axes": "T", "values": [1, 2]}}, "cases.0.sweep.axis: Field required"),
        ({"sweep": {"axis": "time", "values": [1, 2]}}, "cases.0.sweep.axis"),
        ({"sweep": {"axis": "T", "values": [2, 1]}}, "cases.0.sweep: .* ascending"),
        ({"sweep": {"axis": "batch", "values": [1, 2]}}, "varies the batch, so it takes no batches"),
        ({"sweep": {"axis": "T", "values": [1, 2]}, "largest": {"axis": "T", "most": 8}}, "both sweep and largest"),
        ({"largest": {"axis": "T", "most": 8}}, "needs a memory_limit"),
        ({"largest": {"axis": "T", "step": 3, "most": 2}}, "less than one step"),
    ],
)
def test_wrong_cases_are_refused(change: dict[str, Any], said: str) -> None:
    table = deepcopy(TABLE)
    table["cases"][0] |= change
    with pytest.raises(UsageError, match=said):
        parse_suite(table)


def case(**fields: object) -> Suite:
    return parse_suite(TABLE | {"cases": [TABLE["cases"][0] | fields]})


def test_a_sweep_replaces_an_extent_in_either_layout_and_in_the_layers_arguments() -> None:
    window = {"layer": "window_attention", "config": {"channels": "C", "heads": 1, "window": ["T", 2, "W"]}}
    tokens: dict[str, Any] = {"shape": [4, 6, 8, 16], "variants": [window], "baseline": "window_attention"}

    def swept(axis: str) -> list[tuple[Any, ...]]:
        suite = case(**tokens, sweep={"axis": axis, "values": [2, 10]})
        return [(part.at, part.shape, part.variants[0].config["window"]) for part in parts(suite)]

    assert swept("T") == [(2, (1, 2, 6, 8, 16), [2, 2, 8]), (10, (1, 10, 6, 8, 16), [10, 2, 8])]
    assert swept("HW")[1] == (10, (1, 4, 10, 10, 16), [4, 2, 10])
    video = case(sweep={"axis": "C", "values": [4, 8]}, batches=[3])
    assert [part.shape for part in parts(video)] == [(3, 4, 2, 4, 4), (3, 8, 2, 4, 4)]
    batches = {key: value for key, value in TABLE["cases"][0].items() if key != "batches"}
    suite = parse_suite(TABLE | {"cases": [batches | {"sweep": {"axis": "batch", "values": [1, 4]}}]})
    assert [part.shape[0] for part in parts(suite)] == [1, 4]


def test_parts_of_extents_must_be_whole() -> None:
    half = {"layer": "window_attention", "config": {"channels": "C", "heads": "C/8", "window": [1, "H/2", "W"]}}
    tokens: dict[str, Any] = {"shape": [4, 6, 8, 16], "variants": [half], "baseline": "window_attention"}
    (part,) = parts(case(**tokens))
    assert part.variants[0].config == {"channels": 16, "heads": 2, "window": [1, 3, 8]}
    with pytest.raises(UsageError, match="'H/2' is no whole number where H is 5"):
        list(parts(case(**tokens, sweep={"axis": "H", "values": [5, 6]})))


def test_cases_share_sets_of_variants() -> None:
    variants = TABLE["cases"][0]["variants"]
    cases = [TABLE["cases"][0] | {"variants": "convolutions"}]
    suite = parse_suite(TABLE | {"cases": cases, "sets": {"convolutions": variants}})
    assert suite.cases == parse_suite(TABLE).cases
    with pytest.raises(UsageError, match="no set of variants 'convolutions'; did you mean 'convolution'"):
        parse_suite(TABLE | {"cases": cases, "sets": {"convolution": variants}})
    with pytest.raises(UsageError, match=r"sets.mine.0.lable: there is no such key; did you mean 'label'"):
        parse_suite(TABLE | {"sets": {"mine": [{"layer": "conv3d", "lable": "a"}]}})


def test_every_dtype_and_direction_is_a_part_of_its_own() -> None:
    planned = list(parts(case(dtypes=["bfloat16", "tf32"], directions=["forward", "forward+backward"])))
    assert [(part.dtype, part.direction) for part in planned] == [
        ("bfloat16", "forward"),
        ("bfloat16", "forward+backward"),
        ("tf32", "forward"),
        ("tf32", "forward+backward"),
    ]


def test_a_filter_keeps_whole_cases_or_variants_with_their_baseline() -> None:
    quick = SUITES["quick"]
    rest, left_out = select(quick, "conv*ions")
    assert [one.name for one in rest.cases] == ["convolutions"]
    assert left_out == ["case attentions"]
    rest, left_out = select(quick, "spatial_*")
    assert [[variant.name for variant in one.variants] for one in rest.cases] == [["conv3d", "spatial_conv"]]
    assert left_out == ["convolutions: conv2plus1d", "convolutions: pseudo_conv3d", "case attentions"]
    with pytest.raises(UsageError, match="nothing in suite 'quick' is called 'spatial_cnov'; did you mean"):
        select(quick, "spatial_cnov")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        """
        summary = "My own"
        [[cases]]
        name = "only"
        shape = [4, 2, 4, 4]
        batches = [1]
        directions = ["inference"]
        budget = 0.1
        baseline = "mine"
        variants = [{ layer = "conv3d", label = "mine", config = { in_channels = 4, out_channels = 4 } }]
        """
    )
    suite = read_suite(file)
    assert suite.name == "own"
    assert suite.cases[0].variants[0].name == "mine"
    file.write_text("summary = ")
    with pytest.raises(UsageError, match="cannot read the suite"):
        read_suite(file)
    with pytest.raises(UsageError, match="cannot read the suite"):
        read_suite(tmp_path / "missing.toml")
