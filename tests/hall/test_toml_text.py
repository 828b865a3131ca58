"""TOML as we write it is what Python reads."""

import tomllib

import pytest

from vidgauge.toml_text import toml_text


def test_the_layout_is_as_people_write_it() -> None:
    card = {"name": "x", "training": {"seconds": 3.0, "scores": {"a-b": 1}}, "parts": [{"n": 1}, {"n": 2}], "n": 2}
    assert toml_text(card) == (
        'name = "x"\nn = 2\n\n[training]\nseconds = 3.0\n\n[training.scores]\na-b = 1\n'
        "\n[[parts]]\nn = 1\n\n[[parts]]\nn = 2\n"
    )


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"text": 'a "quote", a \\, a\nline, \u00e9 and \U0001f600', "yes": True, "none of them": []},
        {"a": {"b": {"c": {"d": 1}}, "e f": {"1.5": [1, 2]}}, "small": 1e-9, "large": 1e30, "minus": -3},
        {"outer": [{"inner": [{"x": 1}, {"y": {"z": [True]}}]}, {}]},
    ],
)
def test_it_is_read_back(table: dict[str, object]) -> None:
    assert tomllib.loads(toml_text(table)) == table


def test_what_is_not_there_is_left_out() -> None:
    assert toml_text({"gpu": None, "cpus": 2}) == "cpus = 2\n"
