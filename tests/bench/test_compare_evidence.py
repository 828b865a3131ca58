"""What docs/compare.md says of its committed run is what the records of that run say."""

from pathlib import Path

import pytest

from vidgauge.bench.studies.recipes import RECIPES
from vidgauge.record_files import read_records

RECORDS = Path(__file__).parents[2] / "reports/results/cpu/compare.json"

Interval = tuple[float, float]


@pytest.fixture(scope="module")
def fvd() -> dict[tuple[str, str], Interval]:
    """The interval of FVD.shapes of each set, by what it was made by and what it is."""
    records, _ = read_records(RECORDS)
    scored = [record for record in records if record.protocol.name == "fvd.shapes"]
    assert all(record.n == RECIPES["quick"].samples and not record.n_failed for record in scored)
    found = {}
    for record in scored:
        assert record.low is not None
        assert record.high is not None
        found[record.subject.name, record.subject.config["videos"]] = record.low, record.high
    return found


@pytest.mark.parametrize("system", RECIPES["quick"].groups[0].systems)
def test_every_system_is_between_the_real_and_the_damaged(fvd: dict[tuple[str, str], Interval], system: str) -> None:
    low, high = fvd[system, "samples"]
    _, best = fvd["real clips", "other real clips"]
    assert best < low
    worse = [
        (system, "samples, temporal layers off"),
        ("real clips", "blurred and frozen"),
        ("real clips", "mean frame"),
    ]
    for each in worse:
        assert high < fvd[each][0], each


def test_blurring_costs_less_than_any_system_loses(fvd: dict[tuple[str, str], Interval]) -> None:
    _, blurred = fvd["real clips", "blurred"]
    assert all(blurred < low for (_, videos), (low, _) in fvd.items() if videos == "samples")
