"""Ceilings from candidates of known work under times that the test sets; and once for real, but small."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch

from vidgauge.bench import ceilings as package
from vidgauge.bench.ceilings import candidates, measuring
from vidgauge.bench.ceilings.candidates import Candidate, Inputs
from vidgauge.bench.ceilings.result import Ceilings, Drift, Rate, drift
from vidgauge.bench.timing.rounds import Action, Samples, TimingRule
from vidgauge.environment import Environment
from vidgauge.errors import UsageError


def rate(name: str, per_second: float) -> Rate:
    return Rate(candidate=name, work=1, per_second=per_second, seconds=[1 / per_second])


def ceilings(compute: list[Rate], bandwidth: list[Rate], **fields: object) -> Ceilings:
    known = {"device": "cpu", "dtype": "float32", "threads": 1, "overhead_seconds": 1e-6, "array_bytes": 4096}
    known |= {"cache_bytes": 1024, "skipped": [], "budget_seconds": 1.0, "seconds": 1.0}
    return Ceilings.model_validate(known | {"compute": compute, "bandwidth": bandwidth} | fields)


BEFORE = ceilings([rate("product", 50.0), rate("conv", 60.0)], [rate("copy", 8.0), rate("sum", 6.0)])


def test_the_best_candidate_is_the_ceiling_and_all_are_kept() -> None:
    assert (BEFORE.flops_per_second, BEFORE.best_compute.candidate) == (60.0, "conv")
    assert (BEFORE.bytes_per_second, BEFORE.best_bandwidth.candidate) == (8.0, "copy")
    assert Ceilings.model_validate_json(BEFORE.model_dump_json()) == BEFORE
    with pytest.raises(ValueError, match="same name"):
        ceilings([rate("a", 1.0)], [rate("a", 1.0)])


def test_drift_follows_the_earlier_winners() -> None:
    after = ceilings([rate("product", 90.0), rate("conv", 30.0)], [rate("copy", 10.0), rate("sum", 60.0)])
    assert drift(BEFORE, after) == Drift(compute=0.5, bandwidth=1.25)
    with pytest.raises(UsageError, match="later ceilings lack conv"):
        drift(BEFORE, ceilings([rate("product", 90.0)], [rate("copy", 10.0)]))
    with pytest.raises(UsageError, match="threads 1 and of threads 2"):
        drift(BEFORE, ceilings([rate("conv", 30.0)], [rate("copy", 10.0)], threads=2))


SMALL = [candidate for candidate in candidates.compute_candidates("cpu") if candidate.work < 1e9]


@pytest.mark.parametrize("candidate", SMALL, ids=lambda one: one.name)
def test_work_is_two_operations_for_each_output_and_each_number_that_goes_into_it(candidate: Candidate) -> None:
    inputs = Inputs("cpu", torch.float32, seed=0)
    output = candidate.build(inputs)()
    assert isinstance(output, torch.Tensor)
    rows = next(tensor for (role, _), tensor in inputs.made.items() if role in ("b", "weight"))
    assert candidate.work == 2 * output.numel() * rows[0].numel()


def test_convolutions_run_in_the_layout_that_they_name() -> None:
    for candidate in SMALL:
        if candidate.family.startswith("conv"):
            output = candidate.build(Inputs("cpu", torch.float32, seed=0))()
            assert isinstance(output, torch.Tensor)
            assert output.is_contiguous() != ("channels last" in candidate.name)


def test_each_size_of_a_family_is_more_work_than_the_last() -> None:
    families: dict[str, list[int]] = {}
    for candidate in candidates.compute_candidates("cuda"):
        families.setdefault(candidate.family, []).append(candidate.work)
    assert len(families) == 3 + 2 + 2
    assert all(work == sorted(set(work)) for work in families.values())


def test_passes_move_the_bytes_that_they_count_and_compute_what_they_say() -> None:
    inputs, size = Inputs("cpu", torch.float32, seed=0), 4096
    a, b = inputs.draw("a", (1024,)).clone(), inputs.draw("b", (1024,)).clone()
    assert not torch.equal(a, b)
    passes = {one.name: one for one in candidates.bandwidth_candidates(size)}
    assert {name: one.work for name, one in passes.items()} == {
        "copy": 2 * size,
        "triad": 3 * size,
        "sum": size,
        "update in place": 2 * size,
    }
    passes["triad"].build(inputs)()
    torch.testing.assert_close(inputs.draw("c", (1024,)), a + 3 * b)
    assert passes["sum"].build(inputs)() == a.sum()
    passes["copy"].build(inputs)()
    assert torch.equal(inputs.draw("b", (1024,)), a)
    passes["update in place"].build(inputs)()
    assert torch.equal(inputs.draw("a", (1024,)), -a)


def test_arrays_are_four_times_the_last_level_cache() -> None:
    assert candidates.array_bytes(32 * 2**20, "cpu") == 128 * 2**20
    assert candidates.array_bytes(50 * 2**20, "cuda") == 512 * 2**20
    assert candidates.array_bytes(256 * 2**20, "cuda:1") == 2**30
    assert candidates.cache_bytes("cpu") > 0


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """Two products and small arrays. Each call takes as long as its name says, and what is timed together is listed."""
    timed: list[dict[str, int]] = []
    seconds = {"fast": [2.0, 4.0, 3.0], "slow": [10.0] * 3, "copy": [0.5] * 3, "triad": [1.0] * 3}

    def compute(_device: str) -> Iterator[Candidate]:
        for name in ("fast", "slow"):
            yield Candidate(name, name, 120, lambda inputs: inputs.draw("a", (2,)).clone)

    def times(
        actions: Mapping[str, Action], _rule: TimingRule, _budget: float, _rng: np.random.Generator
    ) -> dict[str, Samples]:
        timed.append({name: torch.get_num_threads() for name in actions})
        for action in actions.values():
            action.run()
        return {
            name: Samples(seconds=seconds.get(name, [8.0] * 3), positions=[0] * 3, calls=1, cpu_shares=[])
            for name in actions
        }

    monkeypatch.setattr(measuring, "compute_candidates", compute)
    monkeypatch.setattr(measuring, "cache_bytes", lambda _device: 1000)
    monkeypatch.setattr(measuring, "interleave", times)
    return timed


def test_rates_are_work_over_median_time_and_candidates_run_together(few: list[dict[str, int]]) -> None:
    before = torch.get_num_threads()
    found = package.measure("cpu", ["float32", "float64"], [1, 2], budget_seconds=1.0)
    assert torch.get_num_threads() == before
    assert [(one.threads, one.dtype) for one in found] == [
        (1, "float32"),
        (1, "float64"),
        (2, "float32"),
        (2, "float64"),
    ]
    for one in found:
        assert {rate.candidate: rate.per_second for rate in one.compute} == {"fast": 40.0, "slow": 12.0}
        # Arrays of 4000 bytes: a copy moves 8000 in 0.5 s, triad 12000 in 1 s.
        assert {rate.candidate: rate.per_second for rate in one.bandwidth} == {
            "copy": 16000.0,
            "triad": 12000.0,
            "sum": 500.0,
            "update in place": 1000.0,
        }
        assert one.compute[0].seconds == [2.0, 4.0, 3.0]
        assert one.array_bytes == 4000
        assert one.overhead_seconds > 0
    assert [set(together) for together in few[:3]] == [
        {"copy", "triad", "sum", "update in place"},
        {"fast", "slow"},
        {"fast", "slow"},
    ]
    assert [next(iter(together.values())) for together in few] == [1, 1, 1, 2, 2, 2]


def test_measuring_again_runs_the_winners_alone(few: list[dict[str, int]]) -> None:
    (before,) = package.measure("cpu", ["float32"], [1], budget_seconds=1.0)
    few.clear()
    after = package.remeasure(before)
    assert [set(together) for together in few] == [{"copy"}, {"fast"}]
    assert drift(before, after) == Drift(compute=1.0, bandwidth=1.0)


def fitting(
    monkeypatch: pytest.MonkeyPatch, ladder: list[Candidate], took: list[float], round_seconds: float
) -> tuple[list[str], list[tuple[str, float]]]:
    """What fits a round if the candidates that run take these times."""
    times = iter(took)
    monkeypatch.setattr(measuring, "_least_seconds", lambda _call, _limit: next(times))
    machine, inputs = measuring._Machine("cpu", 1, 0), Inputs("cpu", torch.float32, 0)
    calls, skipped = measuring._fitting(machine, ladder, inputs, round_seconds)
    return list(calls), [(one.candidate, one.expected_seconds) for one in skipped]


def idle(name: str, family: str, work: int) -> Candidate:
    return Candidate(name, family, work, lambda _: lambda: None)


def test_a_candidate_that_takes_more_than_its_share_of_a_round_is_skipped_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ladder = [idle(f"size {work}", "family", work) for work in (10, 100, 1000)] + [idle("first", "other", 10**6)]
    # At 20 a second the largest would take 50 s; an eighth of the round is 20 s.
    found = fitting(monkeypatch, ladder, [0.5, 5.0, 7.0], round_seconds=160.0)
    assert found == (["size 10", "size 100", "first"], [("size 1000", 50.0)])


def test_once_a_round_is_full_only_the_smallest_of_a_family_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = [idle("a1", "a", 1), idle("a2", "a", 2), idle("b3", "b", 3), idle("c4", "c", 4), idle("c5", "c", 5)]
    found = fitting(monkeypatch, ladder, [0.5, 7.2, 0.4, 0.4], round_seconds=8.0)  # a2 was to take 1 s, its full share
    assert found == (["a1", "a2", "b3", "c4"], [("c5", 0.5)])


def test_records_name_the_winner_and_keep_all(few: list[dict[str, int]]) -> None:
    assert few == []
    (found,) = package.measure("cpu", ["float32"], [1], budget_seconds=1.0)
    environment = Environment.capture()
    flops, size = package.records(found, environment, "run")
    assert (flops.measure.name, flops.measure.unit, flops.protocol.name) == ("peak_flops", "FLOP/s", "ceiling.compute")
    assert (size.measure.name, size.measure.unit, size.protocol.name) == ("peak_bandwidth", "B/s", "ceiling.bandwidth")
    assert (flops.value, flops.n, flops.details["winner"]) == (40.0, 3, "fast")
    assert size.value == 16000.0
    assert flops.no_interval == "the best of 2 candidates' medians"
    assert {one["candidate"] for one in size.details["rates"]} == {"copy", "triad", "sum", "update in place"}
    assert flops.subject.config == {"device": "cpu", "dtype": "float32", "threads": 1}
    longer = package.records(found.model_copy(update={"budget_seconds": 2.0}), environment, "run")
    assert longer[0].protocol.fingerprint != flops.protocol.fingerprint


@pytest.mark.parametrize(
    ("device", "dtypes", "threads", "budget", "said"),
    [
        ("cpu", ["int8"], [1], 1.0, "dtypes are"),
        ("cpu", [], [1], 1.0, "dtypes are"),
        ("cpu", ["float32"], [0], 1.0, "threads are"),
        ("cpu", ["float32"], [], 1.0, "threads are"),
        ("cpu", ["float32"], [1], 0.0, "budget is 0"),
        ("cpu", ["tf32"], [1], 1.0, "tf32 is arithmetic of CUDA"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    device: str, dtypes: list[str], threads: list[int], budget: float, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        measuring.measure(device, dtypes, threads, budget)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_missing_gpu_is_refused() -> None:
    with pytest.raises(UsageError, match="no CUDA device"):
        measuring.measure("cuda", ["float32"], [1], 1.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_for_real(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    monkeypatch.setattr(measuring, "cache_bytes", lambda _device: 2**18)
    (found,) = measuring.measure("cpu", [dtype], [1], budget_seconds=0.5)  # type: ignore[list-item]  # parametrised
    assert {one.candidate.split(",")[0] for one in found.compute} >= {"matrix product", "conv2d", "conv3d"}
    assert len(found.compute) + len(found.skipped) == len(list(candidates.compute_candidates("cpu")))
    assert all(len(one.seconds) >= measuring.RULE.min_rounds for one in [*found.compute, *found.bandwidth])
    later = drift(found, measuring.remeasure(found, budget_seconds=0.1))
    assert later.compute > 0
    assert later.bandwidth > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_tf32_is_measured_apart_and_the_settings_come_back() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    exact, rounded = measuring.measure("cuda", ["float32", "tf32"], [1], budget_seconds=6.0)
    assert torch.backends.cuda.matmul.fp32_precision == before
    assert exact.flops_per_second > 0
    assert rounded.flops_per_second > 0
    assert exact.bytes_per_second == rounded.bytes_per_second > 0
