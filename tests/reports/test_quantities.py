import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vidgauge.reports.quantities import Scale, Written, choose_scale, write

PLAIN = Scale(unit="", factor=1.0)


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("s", [0.004, 0.005, 2.0], Scale("ms", 1e-3)),
        ("s", [3e-7], Scale("ns", 1e-9)),
        ("s", [90.0], Scale("s", 1.0)),
        ("B", [3.5 * 1024**2], Scale("MiB", 1024.0**2)),
        ("B", [0.0], Scale("B", 1.0)),
        ("FLOP", [4.5e8], Scale("MFLOP", 1e6)),
        ("FLOP", [4.5e9], Scale("GFLOP", 1e9)),
        ("B/s", [1.1e10], Scale("GB/s", 1e9)),
        ("1", [1e6], Scale("", 1.0)),
        ("clips/s", [], Scale("clips/s", 1.0)),
    ],
)
def test_one_unit_suits_the_column(unit: str, values: list[float], expected: Scale) -> None:
    assert choose_scale(unit, values) == expected


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (12.34567, 11.0, 13.5, Written("12.3", "[11.0, 13.5]", "1.3", "1.2")),
        (12.34567, 12.3, 12.4, Written("12.346", "[12.300, 12.400]", "0.046", "0.054")),
        (0.004, 0.0039, 0.0041, Written("0.00400", "[0.00390, 0.00410]", "0.00010", "0.00010")),
        (10.0, 2.0, 4000.0, Written("10", "[2, 4\u202f000]", "8", "3\u202f990")),
        (-0.0001, -0.5, 0.5, Written("0.00", "[-0.50, 0.50]", "0.50", "0.50")),
        (1.23e-9, 1.1e-9, 1.4e-9, Written("1.23e-9", "[1.10e-9, 1.40e-9]", "1.3e-10", "1.7e-10")),
        (123.456789, 123.4567889, 123.4567891, Written("123.457", "[123.457, 123.457]", "0.000", "0.000")),
        (5.0, 5.0, 5.0, Written("5", "[5, 5]", "0", "0")),
        (12.0, 12.5, 13.5, Written("12.00", "[12.50, 13.50]")),
        (2.04e-9, 1.0e-9, 3.08001e-9, Written("2.0e-9", "[1.0e-9, 3.1e-9]", "1.0e-9", "1.0e-9")),
        (27680.0, None, None, Written("27\u202f680", "")),
        (3.3379, None, None, Written("3.338", "")),
        (0.0, None, None, Written("0", "")),
        (1.1e10, None, None, Written("1.100e10", "")),
    ],
)
def test_digits_follow_the_interval(value: float, low: float | None, high: float | None, expected: Written) -> None:
    assert write(value, low, high, PLAIN) == expected


@given(
    value=st.floats(-1e12, 1e12),
    below=st.floats(1e-9, 1e6),
    above=st.floats(1e-9, 1e6),
)
def test_what_is_written_lies_within_a_tenth_of_the_half_width(value: float, below: float, above: float) -> None:
    low, high = value - below, value + above
    assume(low < high)  # as floats
    written = write(value, low, high, PLAIN)
    texts = [written.value, *written.interval.strip("[]").split(", ")]
    tolerance = max((high - low) / 20, 1e-5 * max(abs(low), abs(high), abs(value)), 0.5 * (high - low > 20))
    for text, number in zip(texts, (value, low, high), strict=True):
        assert math.isclose(float(text.replace("\u202f", "")), number, abs_tol=tolerance * 1.01)


@given(value=st.floats(-1e5, 1e5), below=st.floats(1e-4, 1e3), above=st.floats(1e-4, 1e3))
def test_margins_lead_from_the_value_to_the_ends(value: float, below: float, above: float) -> None:
    written = write(value, value - below, value + above, PLAIN)
    half_a_digit = max((below + above) / 20, 1e-5 * (abs(value) + below + above), 0.5 * (below + above > 20))
    for text, margin in ((written.below, below), (written.above, above)):
        assert math.isclose(float(text.replace("\u202f", "")), margin, abs_tol=half_a_digit * 1.01)
