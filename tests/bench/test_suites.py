"""Suites: what a TOML file may say."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.bench.suite import parse_suite, read_suite
from vidgauge.bench.suites import SUITES
from vidgauge.errors import UsageError
from vidgauge.reference_models.layers import build

TABLE: dict[str, Any] = {
    "name": "mine",
    "summary": "A suite",
    "cases": [
        {
            "name": "only",
            "shape": [4, 2, 4, 4],
            "batches": [1],
            "directions": ["forward"],
            "budget": 0.1,
            "baseline": "conv3d",
            "variants": [{"layer": "conv3d", "config": {"in_channels": 4, "out_channels": 4}}],
        }
    ],
}


def test_every_suite_names_layers_that_take_its_shapes() -> None:
    for name in SUITES:
        for case in SUITES[name].cases:
            for variant in case.variants:
                with torch.device("meta"):
                    layer = build(variant.layer, **variant.config)
                assert layer.cost((1, *case.shape)).forward_flops > 0


def test_quick_holds_the_seven_layers_at_two_batches_in_both_directions() -> None:
    suite = SUITES["quick"]
    assert sum(len(case.variants) for case in suite.cases) == 7
    runs = list(suite.runs())
    assert {(batch, direction) for _, batch, direction in runs} == {
        (batch, direction) for batch in (1, 4) for direction in ("forward", "backward")
    }
    assert len(runs) == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cases": []}, "cases: "),
        ({"repeats": 3}, "repeats: Extra inputs"),
        ({"timing": {"rounds": 3}}, "timing.rounds: Extra inputs"),
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
        ({"colour": "red"}, "cases.0.colour"),
    ],
)
def test_wrong_cases_are_refused(change: dict[str, Any], said: str) -> None:
    table = deepcopy(TABLE)
    table["cases"][0] |= change
    with pytest.raises(UsageError, match=said):
        parse_suite(table)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        """
        summary = "My own"
        [[cases]]
        name = "only"
        shape = [4, 2, 4, 4]
        batches = [1]
        directions = ["forward"]
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
