"""Parts of a comparison: recipes, processes side by side, intervals over seeds, whole units, costs of steps."""

import importlib
import os
import re
import textwrap
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.bench.studies.compare.lanes import Lanes, TimeUpError, part
from vidgauge.bench.studies.compare.neighbours import verdict
from vidgauge.bench.studies.compare.recipe import Budget, Recipe, find_recipe, parse_recipe
from vidgauge.bench.studies.compare.records import Ledger
from vidgauge.bench.studies.compare.seeds import in_common, over_seeds, standard_error
from vidgauge.bench.studies.recipes import RECIPES
from vidgauge.bench.whole_pipeline import WholePipeline
from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.store import Store

TABLE: dict[str, Any] = {
    "name": "mine",
    "summary": "Mine",
    "samples": 8,
    "budget": {"seconds": 5},
    "groups": [{"name": "all of them", "systems": ["vdm/tiny"]}],
}


def test_the_recipes_hold_what_the_study_promises() -> None:
    quick, layers, standard, ucf101 = (RECIPES[name] for name in ("quick", "layers", "standard", "ucf101"))
    assert [group.begin for group in quick.groups] == ["shipped"]
    assert (quick.samples, len(quick.seeds), quick.tuning.clips, quick.temporal_off) == (128, 1, 0, True)
    assert standard.groups[1:] == layers.groups
    assert len(layers.seeds) == 3
    for recipe in (standard, ucf101):
        assert len(recipe.seeds) == 3
        assert {group.begin for group in recipe.groups} == {"new"}
        assert len(recipe.tuning.factors) == 3
        assert recipe.temporal_off
        assert recipe.budget.flops
    for recipe in (quick, standard, ucf101):
        assert len(recipe.groups[0].systems) == 6
        assert recipe.protocols[0].startswith("fvd.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample": 3}, "there is no such key; did you mean 'samples'"),
        ({"budget": {"seconds": 5, "flops": 1e9}}, "give exactly one of seconds, flops and samples"),
        ({"budget": {}}, "give exactly one"),
        ({"budget": {"second": 5}}, "budget.second: there is no such key; did you mean 'seconds'"),
        ({"budget": {"seconds": -5}}, "budget.seconds"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "give each once"),
        ({"groups": [TABLE["groups"][0] | {"system": ["vdm/tiny"]}]}, "did you mean 'systems'"),
        ({"groups": [TABLE["groups"][0] | {"name": "../up"}]}, "groups.0.name"),
        ({"groups": [TABLE["groups"][0], TABLE["groups"][0]]}, "two groups have the same name"),
        ({"groups": [TABLE["groups"][0] | {"systems": ["vdm/tiny"] * 2}]}, "each system once"),
        ({"data": {"train": "ucf101@$UCF101:train"}}, "'real' is for data other than"),
        ({"tuning": {"factors": [1.0, 1.0]}}, "each factor once"),
        ({"tuning": {"factors": [1.0, 2.0], "samples": 9}}, "samples of tuning are 9; give at most the recipe's, 8"),
        ({"samples": 1}, "samples"),
    ],
)
def test_a_wrong_recipe_is_told_in_a_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        parse_recipe(TABLE | changes)
    assert str(caught.value).startswith("recipe 'mine': ")
    assert "\n" not in str(caught.value)


def test_a_recipe_is_found_by_name_or_path(tmp_path: Path) -> None:
    assert find_recipe("quick") == RECIPES["quick"]
    path = tmp_path / "own.toml"
    path.write_text('summary = "Own"\nsamples = 8\nbudget = { samples = 90 }\n[[groups]]\nname = "a"\nsystems = ["b"]')
    assert (find_recipe(str(path)).name, str(find_recipe(str(path)).budget)) == ("own", "90 samples")
    path.write_text("samples = ")
    with pytest.raises(UsageError, match="cannot read the recipe"):
        find_recipe(str(path))
    with pytest.raises(UsageError, match="no recipe 'quik'; did you mean 'quick'"):
        find_recipe("quik")


def test_what_changes_no_number_leaves_the_fingerprint() -> None:
    recipe = Recipe.model_validate(TABLE)
    assert recipe.fingerprint == Recipe.model_validate(TABLE | {"summary": "Other"}).fingerprint
    assert recipe.fingerprint != Recipe.model_validate(TABLE | {"seeds": [1]}).fingerprint


def test_a_share_of_a_budget_is_of_its_kind() -> None:
    assert Budget(samples=7).share(0.1) == Budget(samples=1)
    assert Budget(flops=1e9).share(0.25) == Budget(flops=2.5e8)
    assert [str(Budget(seconds=60)), str(Budget(flops=2e13)), str(Budget(samples=5000))] == [
        "60 s", "2e+13 FLOPs", "5,000 samples"
    ]  # fmt: skip


def test_what_is_said_of_one_seed_is_not_said_of_the_mean() -> None:
    said = [["embedded world", "p = 0.01 that ..."], ["p = 0.4 that ...", "embedded world"]]
    assert in_common(said) == ["embedded world"]


def test_one_value_keeps_its_interval_and_seeds_that_differ_widen_it() -> None:
    alone = over_seeds([5.0], [2.0], 0.95)
    assert (alone.low, alone.high) == pytest.approx(stats.norm.interval(0.95, 5, 2))
    agreeing = over_seeds([5.0, 5.0, 5.0], [2.0, 2.0, 2.0], 0.95)
    assert (agreeing.low, agreeing.high) == pytest.approx((alone.low, alone.high)), "the real clips are the same"
    exact = over_seeds([4.0, 5.0, 6.5], [0.0, 0.0, 0.0], 0.95)
    wanted = stats.t.interval(0.95, 2, np.mean([4, 5, 6.5]), stats.sem([4, 5, 6.5]))
    assert (exact.low, exact.high) == pytest.approx(wanted)


def test_means_over_seeds_are_covered_as_often_as_they_say() -> None:
    """Real clips that shift all seeds alike, seeds that shift each one, and noise of each one's own."""
    generator, covered, trials = np.random.default_rng(0), 0, 1000
    for _ in range(trials):
        values = generator.normal(0, 1.0) + generator.normal(0, 2.0, 3) + generator.normal(0, 0.5, 3)
        found = over_seeds(list(values), [np.hypot(1.0, 0.5)] * 3, 0.95)
        covered += found.low <= 0 <= found.high
    assert 0.945 <= covered / trials <= 0.985


def made(low: float | None, high: float | None, name: str = "fvd", subject: str = "a") -> Record:
    ends: dict[str, Any] = {"low": low, "high": high, "level": None if low is None else 0.95}
    return Record(
        subject=Subject(kind="system", name=subject),
        measure=Measure(name=name, unit="1", better="lower"),
        protocol=ProtocolRef(name=name, fingerprint=name),
        environment=Environment.capture().fingerprint,
        run="any",
        value=0.0,
        no_interval="" if low is not None else "none",
        **ends,
    )


def test_verdicts_are_those_of_the_interval() -> None:
    ends = [(-3.0, -1.0), (-1.0, 1.0), (1.0, 3.0), (None, None)]
    assert [verdict(made(*pair), higher=False) for pair in ends] == ["closer", "undecided", "farther", "undecided"]
    assert [verdict(made(*pair), higher=True) for pair in ends] == ["farther", "undecided", "closer", "undecided"]
    assert standard_error(made(-1.959964, 1.959964)) == pytest.approx(1.0)


def test_a_unit_that_was_cut_off_amid_its_records_is_made_whole(tmp_path: Path) -> None:
    here = Environment.capture()
    records = [made(-1, 1, name) for name in ("fvd", "kvd", "is")]
    with Store(tmp_path / "cut.sqlite") as store:
        Ledger(store, here, "one").add("unit", records)
        first = next(iter(store))
    with Store(tmp_path / "records.sqlite") as store:
        store.add(first, here)
        ledger = Ledger(store, here, "one")
        assert not ledger.has("unit")
        ledger.add("unit", records)
        assert ledger.has("unit")
        assert [record.measure.name for record in store] == ["fvd", "kvd", "is"]
        assert not Ledger(store, here, "another run").has("unit")


_JOBS = """
    import os, signal
    from vidgauge.errors import UsageError

    def square(number, tell):
        tell(0.5, f"square {number}")
        return number * number, os.getpid()

    def fail(tell):
        raise UsageError("no such thing")

    def die(tell):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a module
    """What other processes can import."""
    (tmp_path / "jobs_of_lanes.py").write_text(textwrap.dedent(_JOBS))
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("jobs_of_lanes")


def test_jobs_of_one_lane_run_here(jobs: Any) -> None:  # noqa: ANN401 - a module
    told: list[tuple[float, str]] = []
    with Lanes(1, float("inf")) as lanes:
        found = dict(
            lanes.run(
                [partial(jobs.square, number) for number in range(2)], lambda share, what: told.append((share, what))
            )
        )
    assert found == {0: (0, os.getpid()), 1: (1, os.getpid())}
    assert told == [(0.25, "square 0"), (0.75, "square 1")]
    with Lanes(1, time.monotonic() - 1) as lanes, pytest.raises(TimeUpError):
        lanes.finish([partial(jobs.square, 1)], lambda *_: None)
    part(lambda share, what: told.append((share, what)), 1, 4)(0.5, "half")
    assert told[-1] == (0.375, "half")


@pytest.mark.long
def test_jobs_of_several_lanes_run_side_by_side_and_end_together(jobs: Any) -> None:  # noqa: ANN401 - a module
    told: list[float] = []
    with Lanes(2, float("inf")) as lanes:
        squares = [partial(jobs.square, number) for number in range(5)]
        found = dict(lanes.run(squares, lambda share, what: told.append(share)))  # noqa: ARG005
        assert {number: value for number, (value, _) in found.items()} == {n: n * n for n in range(5)}
        assert os.getpid() not in {process for _, process in found.values()}
        assert told == sorted(told)
        with pytest.raises(UsageError, match="no such thing"):
            lanes.finish([jobs.fail], lambda *_: None)
    with Lanes(2, float("inf")) as lanes, pytest.raises(VidgaugeError, match="was ended, by want of memory"):
        lanes.finish([jobs.die], lambda *_: None)


@pytest.mark.long
@pytest.mark.parametrize("system", ["gentron/tiny"])
def test_the_cost_of_a_step_is_what_torch_counts(system: str) -> None:
    """Autoencoders and text encoders are in it; padding and what lies frozen on the way back count alike."""
    torch.manual_seed(0)
    whole = WholePipeline(build_pipeline(system), "training-step")
    for phase in whole.phases[:2]:
        with FlopCounterMode(display=False) as counter:
            loss = whole.loss(phase, torch.empty(phase.batch, 3, 1, 1, 1), number=1)
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves this one untyped
        assert whole.flops_of_step(phase) == pytest.approx(counter.get_total_flops(), rel=0.06)
