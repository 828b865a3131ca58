from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from vidgauge.cli import build_app, run
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.training import clips
from vidgauge.metrics.training.clip import appearance
from vidgauge.metrics.training.fitting import Plan, fit
from vidgauge.metrics.training.held_out import CAPTIONS, SCORES, SEED, Score, _rivals
from vidgauge.metrics.training.recipes import RECIPES
from vidgauge.weights import WeightsCard

pytestmark = pytest.mark.long

SHIPPED = [(name, recipe.network) for name, recipe in RECIPES.items()]


class InterruptionError(Exception):
    pass


def regression(step: int, module: nn.Module) -> Tensor:
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
    loss: Tensor = (module(inputs) - inputs.sum(1, keepdim=True)).square().mean()
    return loss


def fitted(folder: Path, plan: Plan, stop_at: int | None = None) -> nn.Module:
    """Train a tiny network with batch normalisation, which has state beside its parameters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))

    def advance(done: int) -> None:
        if done == stop_at:
            raise InterruptionError

    fit(module, lambda step: regression(step, module), plan, folder / "checkpoint.pt", advance)
    return module


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    plan = Plan(data_seed=1, steps=170, batch=8, learning_rate=1e-2)
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = fitted(tmp_path / "whole", plan)
    for stop in (60, 130):  # neither is a step at which a checkpoint is written
        with pytest.raises(InterruptionError):
            fitted(tmp_path / "parts", plan, stop_at=stop)
    parts = fitted(tmp_path / "parts", plan)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[key]), key


def test_training_reduces_the_loss(tmp_path: Path) -> None:
    plan = Plan(data_seed=1, steps=300, batch=8, learning_rate=3e-2)
    module = fitted(tmp_path, plan).eval()
    assert regression(10_000, module) < 0.3  # 3 before training


def test_a_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    fitted(tmp_path, Plan(data_seed=1, steps=50, batch=8, learning_rate=1e-2))
    with pytest.raises(UsageError, match="other options"):
        fitted(tmp_path, Plan(data_seed=1, steps=60, batch=8, learning_rate=1e-2))


def test_the_rate_warms_up_and_decays() -> None:
    plan = Plan(data_seed=1, steps=1000, batch=8, learning_rate=1.0)
    rates = [plan.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 50)
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert 0 < rates[-1] < 1e-4


@pytest.mark.parametrize("name", RECIPES)
def test_losses_follow_from_the_step(name: str) -> None:
    recipe = RECIPES[name]
    plan = Plan(data_seed=recipe.plan.data_seed, steps=2, batch=4, learning_rate=1e-3)
    network = build_network(recipe.network)
    first, again, other = (recipe.loss(network, plan, step).item() for step in (0, 0, 1))
    assert first == again != other


def test_training_and_held_out_worlds_are_disjoint() -> None:
    seeds = [recipe.plan.data_seed for recipe in RECIPES.values()]
    assert len({*seeds, SEED}) == len(seeds) + 1


def test_network_input_is_the_world_itself() -> None:
    video_bcthw = clips.video(clips.scenes(12, 3, 2))
    expected = torch.stack([sample.frames_thwc for sample in list(MovingShapes(seed=12, count=5))[3:]])
    assert torch.equal((video_bcthw * 255).round().to(torch.uint8), expected.permute(0, 4, 1, 2, 3))
    mixed = clips.mixed_video(clips.scenes(12, 3, 2))
    assert torch.equal(mixed[0], video_bcthw[0])
    assert mixed.shape == video_bcthw.shape
    assert not torch.equal(mixed[1], video_bcthw[1])  # drawn coarsely


def test_one_frame_and_shuffled_keep_the_frames() -> None:
    video_bcthw = clips.video(clips.scenes(13, 0, 6))
    still = clips.one_frame(video_bcthw, seed=(1, 2))
    assert (still == still[:, :, :1]).all()
    own = (video_bcthw == still[:, :, :1]).flatten(3).all(dim=3).all(dim=1)  # (B, T): which frame it is
    assert own.any(dim=1).all()
    assert len({int(row.int().argmax()) for row in own}) > 1
    mixed_up = clips.shuffled(video_bcthw, seed=(1, 2))
    assert not torch.equal(mixed_up, video_bcthw)
    assert torch.equal(mixed_up.sort(dim=2).values, video_bcthw.sort(dim=2).values)


def test_a_score_has_wilsons_interval() -> None:
    score = Score("accuracy", hits=90, n=100, floor=0.95)
    # Wilson 1927 for 90 of 100: centre (p + z^2 / 2n) / (1 + z^2 / n), half width from the same quadratic.
    assert score.interval == pytest.approx((0.8256343, 0.9447708), abs=1e-6)
    assert not score.met


def test_every_clip_has_39_rivals_that_look_different() -> None:
    chosen = clips.scenes(SEED, 0, 60)
    for i, others, _ in _rivals(chosen, torch.zeros(60, 60)):
        looks = {appearance(chosen[j]) for j in (i, *others)}
        assert len(others) == CAPTIONS - 1
        assert len(looks) == CAPTIONS


@pytest.mark.parametrize(("name", "network"), SHIPPED)
def test_shipped_weights_clear_their_bars(name: str, network: str) -> None:
    """On few clips, so the tail of chance is allowed for: the interval must reach the bar, not the value."""
    for score in SCORES[name](build_network(network, weights=name), 200):
        low, high = score.interval
        assert high >= score.floor, score
        assert low <= score.ceiling, score


def test_the_command_trains_ships_resumes_and_checks(tmp_path: Path) -> None:
    arguments = ["train-networks", "shapes-clip", "--steps", "2", "--clips", "40", "--out", str(tmp_path)]
    first = CliRunner().invoke(build_app(), arguments)
    assert "caption " in first.output
    assert run(arguments) == 1  # resumes at the end; two steps are not enough for the bar
    card = WeightsCard.model_validate(_toml(tmp_path / "shapes-clip.toml"))
    assert card.training is not None
    assert card.training.command == "vidgauge train-networks shapes-clip --steps 2"
    build_network("shapes-clip", tmp_path / card.file)
    assert run(["train-networks", "shapes-clip", "--check", "--clips", "80"]) == 0
    assert run(["train-networks", "i3d"]) == 2


def _toml(path: Path) -> dict[str, object]:
    import tomllib

    return tomllib.loads(path.read_text())
