"""The counters beside each other, and the committed records of the contest."""

from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.bench.contests import CONTESTS, LongContest
from vidgauge.bench.contests.flop_counters import contenders, flop_counters, input_shape
from vidgauge.bench.cost import counters
from vidgauge.bench.cost.counters import NotCountedError, count
from vidgauge.environment import Environment
from vidgauge.reference_models.layers import LAYERS, build
from vidgauge.store import read_json

COMMITTED = Path(__file__).parents[2] / "reports" / "results" / "cpu" / "flop-counters.json"


def test_counters_agree_on_a_dense_convolution() -> None:
    layer, x = build("conv3d", in_channels=3, out_channels=4), (torch.randn(1, 3, 4, 5, 6),)
    expected = 2 * 27 * 3 * 4 * 4 * 5 * 6
    for counter in (counters.analytic, counters.enumerated, counters.torch_counter):
        assert count(counter, layer, x, "forward") == expected
        assert count(counter, layer, x, "forward+backward") == 3 * expected
    if counters.is_installed("fvcore"):
        assert count(counters.fvcore, layer, x, "forward") == expected


def test_torchs_counter_multiplies_the_backward_pass_of_groups() -> None:
    layer, x = build("conv3d", in_channels=16, out_channels=16, groups=16), (torch.randn(1, 16, 4, 8, 8),)
    right = count(counters.enumerated, layer, x, "forward+backward")
    assert count(counters.analytic, layer, x, "forward+backward") == right
    assert count(counters.torch_counter, layer, x, "forward+backward") != right  # tell us when torch has mended it


def test_a_counter_that_gives_up_says_why() -> None:
    def broken(*_: object) -> int:
        raise KeyError("no such operator")

    layer, x = build("conv3d", in_channels=3, out_channels=4), (torch.randn(1, 3, 4, 5, 6),)
    with pytest.raises(NotCountedError, match="KeyError: 'no such operator'"):
        count(broken, layer, x, "forward")
    with pytest.raises(NotCountedError, match="forward passes only"):
        count(counters.fvcore, layer, x, "forward+backward")


def test_the_contest_gives_a_record_for_each_layer_direction_and_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgauge.bench.contests.flop_counters.contenders", lambda: [("spatial_conv", dict(CONV))])
    assert not isinstance(flop_counters, LongContest)
    said: list[tuple[float, str]] = []
    records = list(flop_counters(Environment.capture(), lambda done, what: said.append((done, what))))
    assert [record.subject.config["case"] for record in records] == ["forward"] * 4 + ["forward+backward"] * 4
    assert len({record.value for record in records[:3]}) == 1
    assert records[0].value is not None
    assert (records[-1].status, records[-1].reason) == ("failed", "fvcore counts forward passes only")
    assert said == [(0.0, "spatial_conv"), (1.0, "done")]
    assert CONTESTS["flop-counters"] is flop_counters


CONV = {"in_channels": 64, "out_channels": 64}


def test_contenders_are_all_layers_in_all_forms() -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, config in contenders():
        found.setdefault(name, []).append(config)
    assert set(found) >= {name for name in LAYERS if LAYERS[name].__module__.startswith("vidgauge")}
    assert {config.get("form") for config in found["window_attention"]} == {"folded", "masked", "flex"}
    assert all(config.get("kernel", "auto") == "auto" for configs in found.values() for config in configs)


def test_committed_records_hold_for_todays_formulas() -> None:
    records, _ = read_json(COMMITTED)
    analytic = {
        (
            record.subject.name,
            str(sorted(record.subject.config["layer_config"].items())),
            record.subject.config["case"],
        ): record
        for record in records
        if record.protocol.name == "flops.analytic"
    }
    for name, config in contenders():
        if not LAYERS[name].__module__.startswith("vidgauge"):
            continue  # another test's layer
        with torch.device("meta"):
            layer = build(name, **config)
        cost = layer.cost(input_shape(layer))
        for direction, flops in (
            ("forward", cost.forward_flops),
            ("forward+backward", cost.forward_flops + cost.backward_flops),
        ):
            key = name, str(sorted(config.items())), direction
            assert key in analytic, f"run the contest again: {key} is new"
            assert analytic[key].value == flops


def test_formulas_equal_enumeration_in_every_committed_record() -> None:
    values: dict[str, dict[str, float]] = {}
    for record in read_json(COMMITTED)[0]:
        if record.value is not None:
            values.setdefault(record.subject.model_dump_json(), {})[record.protocol.name] = record.value
    both = [row for row in values.values() if "flops.enumerated" in row]
    assert len(both) >= 50
    assert all(row["flops.analytic"] == row["flops.enumerated"] for row in both)
