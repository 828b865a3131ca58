"""The window ablation: what is compared, and that a contest gives the suite's records."""

from typing import Any

import pytest

from vidgauge.bench.contests import CONTESTS, LongContest, windows
from vidgauge.bench.suites import SUITES
from vidgauge.environment import Environment
from vidgauge.reference_models.systems import build_network
from vidgauge.reference_models.systems.walt import Walt
from vidgauge.reports.layouts.windows import PUBLISHED


def test_each_case_has_the_papers_windows_on_the_papers_tokens() -> None:
    for case in SUITES["windows"].cases:
        assert {variant.name for variant in case.variants} == set(PUBLISHED)
        for variant in case.variants:
            network = build_network(variant.system, device="meta")
            assert isinstance(network, Walt)
            assert (network.model.tokens, network.model.width, network.model.heads) == ((5, 16, 16), 1024, 16)
            space, both = network.model.windows
            assert "x".join(map(str, both)) == ("5x16x16" if variant.name == "full" else variant.name)
            assert space == ((5, 16, 16) if variant.name == "full" else (1, 16, 16))


def test_the_contest_is_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def noted(suite: str, **given: Any) -> list[Any]:  # noqa: ANN401
        asked.update(given, suite=suite)
        given["progress"](1.0, 4.0, "full")
        return []

    monkeypatch.setattr(windows, "profile", noted)
    contest, told = CONTESTS["windows"], list[tuple[float, str]]()
    assert not isinstance(contest, LongContest)
    environment = Environment.capture()
    assert list(contest(environment, lambda done, what: told.append((done, what)))) == []
    assert (asked["suite"], asked["threads"]) == ("windows", environment.threads)
    assert told == [(0.25, "full")]
