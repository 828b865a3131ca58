"""The zoo as a price list."""

import json

import pytest

from vidgauge.cli import run
from vidgauge.errors import UsageError
from vidgauge.reference_models.catalogue import catalogue
from vidgauge.reference_models.layers import build


def test_costs_are_those_of_the_layers() -> None:
    entries = {entry.name: entry for entry in catalogue((2, 8, 4, 6, 6), {"heads": 2})}
    for name in ("conv3d", "joint_attention", "window_attention", "cross_attention"):
        entry = entries[name]
        assert entry.cost == build(name, **entry.config).cost(entry.shape)
    assert entries["joint_attention"].shape == (2, 4, 6, 6, 8)
    assert entries["joint_attention"].config["heads"] == 2
    assert "heads" not in entries["conv3d"].config


def test_a_layer_that_does_not_take_the_shape_says_why() -> None:
    entries = {entry.name: entry for entry in catalogue((1, 8, 5, 6, 6), {"window": [2, 3, 3]})}
    assert entries["window_attention"].cost is None
    assert "does not divide" in entries["window_attention"].reason
    assert entries["conv3d"].cost is not None


def test_every_grid_has_an_example_of_every_layer() -> None:
    for grid in ((1, 1, 1), (5, 16, 16), (7, 3, 11), (17, 4, 6)):
        for entry in catalogue((1, 12, *grid)):
            assert entry.cost is not None or not entry.config, (entry.name, grid, entry.reason)


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="five whole numbers"):
        catalogue((1, 2, 3))
    with pytest.raises(UsageError, match="no layer takes 'headz'; did you mean 'heads'"):
        catalogue((1, 8, 4, 6, 6), {"headz": 2})


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "layers", "--shape", "1,64,8,16,16", "--set", "window=[4,8,8]", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["conv3d"]["parameters"] == 27 * 64 * 64 + 64
    assert rows["conv3d"]["forward_flops"] == 2 * 27 * 64 * 64 * 8 * 16 * 16
    assert rows["window_attention"]["config"]["window"] == [4, 8, 8]
    assert run(["list", "layers", "--shape", "1,64,8,16,16"]) == 0
    assert "110,656" in capsys.readouterr().out
    for wrong in (["--shape", "1,a,2"], ["--set", "heads=2"], ["--shape", "1,64,8,16,16", "--set", "heads"]):
        assert run(["list", "layers", *wrong]) == 2
    assert run(["list", "suites", "--shape", "1,64,8,16,16"]) == 2


def test_layers_are_found_by_the_names_of_their_classes() -> None:
    from vidgauge.reference_models import layers
    from vidgauge.reference_models.layers import Conv3d, SlidingTileAttention

    assert (Conv3d, SlidingTileAttention) == (layers.LAYERS["conv3d"], layers.LAYERS["sliding_tile_attention"])
    with pytest.raises(AttributeError, match="has no attribute 'Conv9d'"):
        _ = layers.Conv9d
