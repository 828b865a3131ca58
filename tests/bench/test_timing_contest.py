"""The timing contest with a clock of its own: what the tools are given, what is kept, and how it goes on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.bench.contests import CONTESTS, LongContest, Sitting, rivals, timing, work
from vidgauge.bench.contests.load import busy
from vidgauge.bench.contests.rivals import RIVALS, Claim, Rival
from vidgauge.bench.contests.timing_plan import ALL, FAST, FAST_LOADED, OURS, Part, in_order, plan
from vidgauge.bench.contests.timing_summary import summarise
from vidgauge.bench.timing.statistics import Verdict
from vidgauge.cli import run
from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.store import read_json

pytestmark = pytest.mark.long


class Clockwork:
    """Time that passes when calls are made, and a little whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        self.now += 1e-7
        return self.now

    def call(self, seconds: float) -> Callable[[], None]:
        def tick() -> None:
            self.now += seconds

        return tick


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Clockwork:
    made = Clockwork()
    monkeypatch.setitem(rivals._TIMERS, "wall", made.read)
    return made


def _judge(tool: str, clockwork: Clockwork, ratio: float) -> dict[str, Claim]:
    if tool != "torch":
        pytest.importorskip(tool.replace("-", "_"))
    return RIVALS[tool].judge(clockwork.call(1e-3), clockwork.call(1e-3 * ratio), 0.2, "wall", 0)


@pytest.mark.parametrize("tool", ["torch", "pytest-benchmark", "asv"])
def test_rivals_find_what_is_beyond_doubt_and_nothing_where_nothing_is(tool: str, clockwork: Clockwork) -> None:
    for ratio, expected in ((1.1, Verdict.SLOWER), (1.0, Verdict.UNDECIDED)):
        claims = _judge(tool, clockwork, ratio)
        assert tuple(claims) == RIVALS[tool].rows
        for claim in claims.values():
            assert claim.ratio == pytest.approx(ratio, rel=1e-3)
            assert claim.verdict is expected


@pytest.mark.parametrize("tool", ["torch", "pytest-benchmark", "asv"])
def test_rules_on_three_per_cent_and_on_less_than_one(tool: str, clockwork: Clockwork) -> None:
    for row, claim in _judge(tool, clockwork, 1.03).items():
        assert (claim.verdict is Verdict.SLOWER) == ("gate" not in row)
    assert {claim.verdict for claim in _judge(tool, clockwork, 1.005).values()} == {Verdict.UNDECIDED}
    faster = _judge(tool, clockwork, 0.97)
    assert all((claim.verdict is Verdict.FASTER) == ("gate" not in row) for row, claim in faster.items())


def test_ours_tells_its_overhead() -> None:
    claims = rivals.ours(lambda: None, lambda: None, 0.01, "wall", 0)
    overhead = claims["vidgauge"].overhead
    assert overhead is not None
    assert overhead > 0


def test_quartiles_that_meet_are_no_difference() -> None:
    assert rivals._quartiles_apart([1, 2, 3], [2, 3, 4]) is Verdict.UNDECIDED
    assert rivals._quartiles_apart([1.0, 1.001], [1.02, 1.021]) is Verdict.SLOWER
    assert rivals._quartiles_apart([1.0, 1.001], [1.005, 1.006]) is Verdict.UNDECIDED


def test_slow_downs_are_exactly_that_much_more_work(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[None] = []
    monkeypatch.setattr(torch, "mm", lambda *_, **__: done.append(None))
    loops = work.loops_for(1e-6)
    done.clear()
    assert loops % 100 == 0
    for percent in (0, 3, 10):
        work.matrix_loop(work.slowed(loops, percent))()
        assert len(done) * 100 == loops * (100 + percent)
        done.clear()


def test_busy_processes_end_with_the_block_and_with_their_parent() -> None:
    script = "from vidgauge.bench.contests import load\nimport os, subprocess\n"
    script += "made, popen = [], subprocess.Popen\n"
    script += "subprocess.Popen = lambda *a, **k: made.append(popen(*a, **k)) or made[-1]\n"
    script += "with load.busy(1):\n    print(made[0].pid, flush=True)\n    os._exit(0)"
    said = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    deadline = time.monotonic() + 30
    while _runs(int(said)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(said))
    with busy(0):
        pass


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_plan_has_what_is_claimed() -> None:
    for cell in {part.cell for part in plan()}:
        for percent, budget, least in ((0, 1.0, 200), (3, 10.0, 100), (10, 10.0, 100)):
            parts = [p for p in plan() if (p.cell, p.percent, p.budget_seconds) == (cell, percent, budget)]
            trials = [trial for part in parts for trial in part.trials]
            assert sorted(trials) == list(range(least))
        assert {part.percent for part in plan() if part.cell == cell and part.tools == ALL} == {0, 3, 10}


def test_wherever_a_tier_ends_all_its_parts_have_the_same_share() -> None:
    blocks = in_order(plan())
    assert [block.part.tier for block in blocks] == sorted(block.part.tier for block in blocks)
    assert sum(len(block.trials) for block in blocks) == sum(len(part.trials) for part in plan())
    first = [block for block in blocks if block.part.tier == 0]
    half = first[: len(first) // 2]
    for part in {block.part for block in first}:
        share = sum(len(block.trials) for block in half if block.part == part) / len(part.trials)
        assert share == pytest.approx(0.5, abs=5 / len(part.trials) + 0.02)


SMALL = [
    Part(FAST, 0, ALL, 1.0, range(10), 0, 1.0),
    Part(FAST_LOADED, 3, OURS, 10.0, range(10), 0, 1.0),
]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A small plan; ours is right but in trials with an odd seed, torch raises, asv is missing. Gives the seeds."""
    seeds: list[int] = []

    def ours(first: object, second: object, _seconds: float, _clock: str, seed: int) -> dict[str, Claim]:
        seeds.append(seed)
        right = Verdict.EQUAL if first is second else Verdict.SLOWER
        wrong = Verdict.FASTER if first is second else Verdict.UNDECIDED
        return {"vidgauge": Claim(1.0 + seed % 7 / 100, wrong if seed % 2 else right, 0.02)}

    def raises(*_: object) -> dict[str, Claim]:
        raise TypeError("another signature")

    monkeypatch.setattr(timing, "plan", lambda: SMALL)
    monkeypatch.setattr(timing, "processors", lambda: 0)
    monkeypatch.setattr(timing, "loops_for", lambda _: 100)
    monkeypatch.setitem(RIVALS, "vidgauge", replace(RIVALS["vidgauge"], judge=ours))
    monkeypatch.setitem(RIVALS, "torch", replace(RIVALS["torch"], judge=raises))
    monkeypatch.setitem(RIVALS, "pytest-benchmark", Rival("no-such-package", raises, ("pytest-benchmark",)))
    monkeypatch.setitem(RIVALS, "asv", Rival("no-such-package", raises, ("asv",)))
    return seeds


def _play(environment: Environment, earlier: list[Record], minutes: float | None = None) -> Iterator[Record]:
    return timing.timing(environment, lambda _done, _what: None, Sitting(earlier, minutes))


def test_a_contest_that_was_cut_off_goes_on_with_the_same_seeds(small: list[int]) -> None:
    environment = Environment.capture()
    threads = torch.get_num_threads()
    whole = list(_play(environment, []))
    assert len(whole) == 4
    assert torch.get_num_threads() == threads
    at_once = sorted(small)
    assert len(set(at_once)) == 20
    small.clear()
    begun = list(islice(_play(environment, []), 3))
    rest = list(_play(environment, begun))
    assert len(rest) == 1
    assert sorted(small) == at_once
    assert not list(_play(environment, begun + rest))
    values = [[record.value for record in summarise(records, environment)] for records in (whole, begun + rest)]
    assert values[0][:2] == values[1][:2]
    assert len(list(_play(environment, [], minutes=1e-9))) == 1  # a sitting does something, however short


@pytest.mark.usefixtures("small")
def test_results_count_what_the_trials_say() -> None:
    environment = Environment.capture()
    blocks = list(_play(environment, []))
    results = summarise(blocks + blocks[:1], environment)  # a block that is there twice counts once
    found = {(record.subject.name, record.measure.name): record for record in results}
    seeds = [t["seed"] for b in blocks if b.subject.config["percent"] == 0 for t in b.details["trials"]]
    false = found["vidgauge", "false_verdict_rate"]
    odd = sum(seed % 2 for seed in seeds)
    assert (false.value, false.n, false.details["count"]) == (odd / 10, 10, odd)
    errors = sorted(seed % 7 / 100 for seed in seeds)
    assert found["vidgauge", "ratio_error_p90"].value == pytest.approx(errors[8] + 0.1 * (errors[9] - errors[8]))
    detected = found["vidgauge", "detection_rate"]
    assert detected.value is not None
    assert detected.value < 1  # what is left undecided is not found
    broken = found["torch.utils.benchmark", "false_verdict_rate"]
    assert (broken.status, broken.reason, broken.n_failed) == ("failed", "TypeError: another signature", 10)
    missing = found["asv", "false_verdict_rate"]
    assert (missing.status, missing.reason) == ("skipped", "no-such-package is not installed")
    overhead = found["vidgauge", "harness_overhead"]
    assert (overhead.value, overhead.low, overhead.high) == (0.02, 0.02, 0.02)


def test_rates_have_the_interval_of_clopper_and_pearson() -> None:
    from vidgauge.bench.contests.timing_summary import _rate

    none, all_ = _rate(0, 200), _rate(100, 100)
    assert none["low"] == 0.0
    assert none["high"] == pytest.approx(1 - 0.025 ** (1 / 200))  # closed form at the ends
    assert all_["low"] == pytest.approx(0.025 ** (1 / 100))
    assert all_["high"] == 1.0


@pytest.mark.usefixtures("small")
def test_other_environments_do_not_count() -> None:
    here = Environment.capture()
    elsewhere = here.model_copy(update={"cpu": "another"})
    blocks = list(_play(elsewhere, []))
    assert len(list(islice(_play(here, blocks), 4))) == 4
    assert not summarise(blocks, here)


def test_the_command_keeps_goes_on_and_exports(
    small: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["contest", "timing", "--store", str(tmp_path / "kept.sqlite"), "--out", str(tmp_path / "out.json")]
    assert run([*arguments, "--minutes", "1e-9"]) == 0
    assert len(small) == 5
    assert run([*arguments, "--json"]) == 0
    assert len(small) == 20
    assert all(record["subject"]["kind"] == "tool" for record in json.loads(capsys.readouterr().out.splitlines()[-1]))
    records, _ = read_json(tmp_path / "out.json")
    kinds = [record.subject.kind for record in records]
    assert kinds.count("trials") == 4
    assert kinds.count("tool") > 4


def test_what_the_command_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contest", "flop-counters", "--minutes", "1"]) == 2
    assert run(["contest", "timing", "--minutes", "0"]) == 2
    assert "a contest that is long" in capsys.readouterr().err


def test_it_is_registered_with_a_summary() -> None:
    contest: Any = CONTESTS["timing"]
    assert isinstance(contest, LongContest)
    assert (contest.__doc__ or "").startswith("False and missed differences")
