"""Training: resumed runs end in the same weights, averages follow their closed form, budgets are shared as asked."""

import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vidgauge import cli
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reference_models.pipeline import Phase
from vidgauge.reference_models.training import trainer
from vidgauge.reference_models.training.average import Average
from vidgauge.reference_models.training.budget import affordable, shared
from vidgauge.reference_models.training.checkpoint import Progress
from vidgauge.reference_models.training.curve import Curve, follow
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import rate, train
from vidgauge.reference_models.training.weights import Facts, load_pipeline, read_facts, save_weights

PHASE = Phase("phase", (), lambda _: torch.zeros(()), 100, 1, 0.5)


def request(**options: Any) -> Request:  # noqa: ANN401 - of several types
    return Request(system="toy/tiny", data=Shapes.facts, **options)


@pytest.fixture(scope="module")
def trained(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    del toy
    folder = tmp_path_factory.mktemp("trained")
    train(request(steps=16), Shapes(), folder)
    return folder


def run_and_die(arguments: list[str], fate: str) -> None:
    os.environ["TOY_FATE"] = fate
    trainer.SAVE_SECONDS = -1.0  # a checkpoint after each step
    signal.signal(signal.SIGTERM, cli._terminated)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    raise SystemExit(cli.run(arguments))


@pytest.mark.parametrize(
    ("fates", "status"),
    [
        (("SIGKILL:image:7", "SIGKILL:video:0", "SIGKILL:video:2"), -9),
        (("SIGTERM:video:1",), 143),
        (("SIGINT:image:3",), 130),
    ],
)
def test_what_was_stopped_goes_on_to_the_same_weights(
    trained: Path, tmp_path: Path, fates: tuple[str, ...], status: int
) -> None:
    arguments = ["train", "toy/tiny", "--out", str(tmp_path), "--steps", "16", "--device", "cpu"]
    for fate in fates:  # forks, for a new process takes seconds for its imports
        process = get_context("fork").Process(target=run_and_die, args=(arguments, fate))
        process.start()
        process.join()
        assert process.exitcode == status
        assert not (tmp_path / "weights.safetensors").exists()
    train(request(steps=16), Shapes(), tmp_path)
    once, again = (load_file(folder / "weights.safetensors") for folder in (trained, tmp_path))
    assert once.keys() == again.keys()
    assert all(torch.equal(once[name], again[name]) for name in once)
    whole, stopped = (read_facts(folder / "weights.safetensors") for folder in (trained, tmp_path))
    assert whole.losses == stopped.losses
    points = [[(phase, step, loss) for phase, curve in one.curves.items() for step, _, loss in curve]
              for one in (whole, stopped)]  # fmt: skip
    assert points[0] == points[1]
    assert [(phase, step) for phase, step, _ in points[0]] == [
        *(("image", step) for step in range(1, 13)),
        *(("video", step) for step in range(1, 5)),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_phases_train_what_they_name_and_draw_by_the_seed(trained: Path, tmp_path: Path) -> None:
    train(request(steps=16, seed=1), Shapes(), tmp_path)
    facts = read_facts(trained / "weights.safetensors")
    assert facts.steps == {"image": 12, "video": 4}
    assert facts.gives == (16, 8, 8)
    assert set(facts.losses) == {"image", "video"}
    once, other = (load_file(folder / "weights.safetensors") for folder in (trained, tmp_path))
    assert "again.weight" not in once, "shared weights are stored once"
    assert all(not torch.equal(once[name], other[name]) for name in once)


def test_a_folder_of_other_options_is_refused(trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train", "toy/tiny", "--out", str(trained), "--steps", "17"]) == 2
    assert "steps 16, now 17" in capfd.readouterr().err
    process = get_context("fork").Process(
        target=run_and_die, args=(["train", "toy/tiny", "--out", str(tmp_path), "--steps", "16"], "SIGKILL:video:1")
    )
    process.start()
    process.join()
    with pytest.raises(UsageError, match=r"checkpoint\.pt is of a run with other options \(seed 0, now 3\)"):
        train(request(steps=16, seed=3), Shapes(), tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"broken")
    with pytest.raises(UsageError, match="no checkpoint of this version"):
        train(request(steps=16), Shapes(), tmp_path)


def test_what_is_trained_is_found_again(trained: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    pipeline, facts = load_pipeline(trained / "weights.safetensors")
    assert facts.request.system == "toy/tiny"
    assert not pipeline.training
    assert torch.equal(torch.random.get_rng_state(), before)
    save_weights(pipeline, facts, tmp_path / "again.safetensors")
    again, _ = load_pipeline(tmp_path / "again.safetensors")
    assert all(map(torch.equal, pipeline.parameters(), again.parameters()))
    (tmp_path / "none.safetensors").write_bytes(b"12345678")
    with pytest.raises(UsageError, match="holds no trained system"):
        read_facts(tmp_path / "none.safetensors")


def test_a_loss_that_is_no_number_ends_training(
    toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.Toy, "_image_loss", lambda *_: torch.tensor(math.nan))
    with pytest.raises(VidgaugeError, match="phase image: the loss of step 0 is nan"):
        train(request(steps=4), Shapes(), tmp_path)


def test_gradients_are_clipped_and_others_stay(toy: ModuleType) -> None:
    """Adam divides by the gradient's size, so the optimiser's own moments tell what it was given."""
    pipeline = toy.Toy()
    phase = replace(pipeline.phases()[1], loss=lambda _: 1e6 * pipeline.video.bias.square().sum())
    course = trainer.Course(pipeline, phase, 10, 0)
    before = pipeline.image[0].weight.clone()
    course.step(0, Shapes(), "cpu")
    moments: dict[int, dict[str, Tensor]] = course.state()["optimizer"]["state"]
    norm = math.sqrt(sum(float((state["exp_avg"] / 0.1).square().sum()) for state in moments.values()))
    assert norm == pytest.approx(1, rel=1e-4)
    assert torch.equal(pipeline.image[0].weight, before)
    assert not pipeline.image[0].weight.requires_grad
    assert pipeline.video.training
    assert not pipeline.image.training


@pytest.mark.parametrize("steps", [1, 7, 200])
def test_the_average_follows_its_closed_form(steps: int) -> None:
    """Of a weight that jumps from 0 to 1 the average lacks the product of all that was kept: 1 / C(N + 9, 9) at first.

    From step n with (1 + n) / (10 + n) > 0.9, which is n = 81, each keeps 0.9.
    """
    weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    average = Average([weight], 0.9)
    with torch.no_grad():
        weight.fill_(1)
    for number in range(steps):
        average.update(number)
    early = min(steps, 81)
    lack = 0.9 ** (steps - early) / math.comb(early + 9, 9)
    torch.testing.assert_close(
        1 - average.values[0], torch.full((3,), lack, dtype=torch.float64), rtol=1e-9, atol=1e-15
    )
    average.give()
    assert torch.equal(weight, average.values[0])


def test_the_rate_warms_up_and_decays() -> None:
    assert [rate(PHASE, number, 1000) for number in (0, 24, 49, 999)] == [0.01, 0.25, 0.5, 0.5]
    cosine = replace(PHASE, decay="cosine")
    assert rate(cosine, 0, 20) == 0.25  # two steps of warm-up, and no decay yet
    assert rate(cosine, 10, 20) == pytest.approx(0.25)
    assert rate(cosine, 20, 20) == pytest.approx(0)


def test_steps_are_shared_as_the_phases_own() -> None:
    phases = [replace(PHASE, name=name, steps=steps) for name, steps in (("a", 500), ("b", 300), ("c", 1))]
    assert shared(phases, 801) == [500, 300, 1]
    assert shared(phases, 81) == [50, 30, 1]
    assert shared(phases, 3) == [1, 1, 1]
    assert [sum(shared(phases, steps)) for steps in range(3, 60)] == list(range(3, 60))
    with pytest.raises(UsageError, match=r"2 steps for 3 phases \(a, b, c\)"):
        shared(phases, 2)


def test_seconds_buy_steps_at_the_price_of_each_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a cost 1 s, those of b 4 s, at three to one: 7/4 s on average, after 4 + 16 s of trials."""
    clock = [0.0]
    monkeypatch.setattr("vidgauge.reference_models.training.budget.time.monotonic", lambda: clock[0])
    prices = {"a": 1.0, "b": 4.0}

    def step(phase: Phase, number: int) -> None:  # noqa: ARG001
        clock[0] += prices[phase.name]

    phases = [replace(PHASE, name="a", steps=30), replace(PHASE, name="b", steps=10)]
    assert affordable(phases, step, 20 + 175) == 100
    assert affordable(phases, step, 0) == 2


def test_a_run_by_seconds_is_one_by_steps(toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured is how many steps; the weights are those of a run of so many."""
    del toy

    def eight(phases: list[Phase], step: Callable[[Phase, int], None], seconds: float) -> int:
        assert seconds == 1
        for number in range(2):
            step(phases[0], number)
        return 8

    monkeypatch.setattr(trainer, "affordable", eight)
    facts = train(request(seconds=1.0), Shapes(), tmp_path / "seconds")
    assert sum(facts.steps.values()) == 8
    train(request(steps=8), Shapes(), tmp_path / "steps")
    once, again = (load_file(tmp_path / name / "weights.safetensors") for name in ("seconds", "steps"))
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_some_phases_are_trained_from_given_weights(trained: Path, tmp_path: Path) -> None:
    given = trained / "weights.safetensors"
    asked = request(steps=3, phases=("video",), begin="their digest")
    facts = train(asked, Shapes(), tmp_path, begin=given)
    assert facts.steps == {"video": 3}
    before, after = load_file(given), load_file(tmp_path / "weights.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"video.weight", "video.bias"}
    assert (after["video.weight"] - before["video.weight"]).abs().max() < 0.1, "three steps, and no new beginning"
    assert facts.before == ("image", "video")
    with pytest.raises(UsageError, match=r"other options.*phases"):
        train(request(steps=3), Shapes(), tmp_path)
    with pytest.raises(UsageError, match=r"no phase 'vide'.*video"):
        train(request(steps=3, phases=("vide",)), Shapes(), tmp_path / "other")


def test_a_phase_that_was_not_learnt_before_begins_by_its_own_rule(trained: Path, tmp_path: Path) -> None:
    first = request(steps=3, phases=("image",))
    train(first, Shapes(), tmp_path / "image")
    given = tmp_path / "image" / "weights.safetensors"
    asked = request(steps=3, phases=("video",), begin="their digest", learning_rate=1e-9)
    facts = train(asked, Shapes(), tmp_path / "video", begin=given)
    assert facts.learnt == {"image", "video"} == read_facts(trained / "weights.safetensors").learnt
    before, after = load_file(given), load_file(tmp_path / "video" / "weights.safetensors")
    assert (after["video.weight"] - before["video.weight"]).abs().max() > 0.1


def test_the_learning_rate_is_a_factor_on_that_of_all_phases(trained: Path, tmp_path: Path) -> None:
    given = trained / "weights.safetensors"
    for factor in (1e-9, 1.0):
        asked = request(steps=16, begin="their digest", learning_rate=factor)
        train(asked, Shapes(), tmp_path / f"{factor}", begin=given)
    before, still, moved = (
        load_file(path) for path in (given, *(tmp_path / f"{factor}/weights.safetensors" for factor in (1e-9, 1.0)))
    )
    for name, weight in before.items():
        torch.testing.assert_close(still[name], weight, rtol=0, atol=1e-6)
        assert (moved[name] - weight).abs().max() > 1e-4


def test_headers_and_checkpoints_without_what_is_new_are_read(trained: Path) -> None:
    facts = read_facts(trained / "weights.safetensors").model_dump(mode="json")
    for name in ("curves", "before"):
        del facts[name]
    del facts["request"]["learning_rate"]
    read = Facts.model_validate(facts)
    assert (read.curves, read.request.learning_rate) == ({}, 1.0)
    assert read.learnt == {"image", "video"}
    old = vars(Progress([1])) | {}
    del old["curves"]
    assert Progress(**old) == Progress([1])


@pytest.mark.parametrize(("steps", "points"), [(1, 1), (60, 60), (61, 31), (150, 50), (1000, 59)])
def test_a_curve_has_the_means_of_stretches_of_steps(steps: int, points: int) -> None:
    curve: Curve = []
    for number in range(steps):
        follow(curve, number, steps, number / 10, float(number))
    assert len(curve) == points <= 60
    ends = [0, *(step for step, _, _ in curve)]
    assert ends[-1] == steps
    for begin, (end, seconds, loss) in zip(ends, curve, strict=False):
        assert loss == pytest.approx((begin + end - 1) / 2)
        assert seconds == (end - 1) / 10


def test_weights_of_another_system_are_no_beginning(trained: Path, tmp_path: Path) -> None:
    asked = Request(system="vdm/tiny", data=Shapes.facts, steps=3, begin="their digest")
    with pytest.raises(UsageError, match=r"has the weights of toy/tiny; give some of vdm/tiny"):
        train(asked, Shapes(), tmp_path, begin=trained / "weights.safetensors")
