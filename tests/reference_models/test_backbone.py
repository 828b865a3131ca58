"""The one backbone: what differs between its members, what layers over time may see, how they train and sample."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from vidgauge.reference_models.backbone.design import Design
from vidgauge.reference_models.backbone.network import Backbone
from vidgauge.reference_models.diffusion import Level
from vidgauge.reference_models.pattern import everything, itself
from vidgauge.reference_models.pipeline import Clips, Sampling, Step, no_advance
from vidgauge.reference_models.systems import PIPELINES, PipelinePreset, build_network, build_pipeline
from vidgauge.reference_models.systems.backbone import Ablation
from vidgauge.reference_models.training import trainer
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import Course, train
from vidgauge.reference_models.training.weights import load_pipeline
from vidgauge.reference_models.video_ldm.weights import is_temporal

FRAMES = 3
SMALL = Design(
    grid=(FRAMES, 16, 16), widths=(8, 16), head_channels=8, embedding=16, text_channels=16, steps=4, clips=1, images=3,
    sampling_steps=2,
)  # fmt: skip
CAPTIONS = ["a red star drifts left over blue stripes", "a green ring spins clockwise over red dots"]
KINDS = {
    "conv3d": replace(SMALL, convolutions="conv3d"),
    "conv2plus1d": replace(SMALL, convolutions="conv2plus1d"),
    "pseudo3d": replace(SMALL, convolutions="pseudo3d"),
    "conv1x3x3": SMALL,
    "full": replace(SMALL, attention="full"),
    "window": replace(SMALL, attention="window"),
}
FROZEN = replace(KINDS["pseudo3d"], training="temporal-on-frozen")
MEMBERS = (
    "attention-factorised", "attention-full", "attention-window", "conv1x3x3", "conv2plus1d", "conv3d", "joint",
    "pseudo3d", "temporal-on-frozen",
)  # fmt: skip


def randomised(design: Design, only: Callable[[str], bool] = lambda _: True) -> Ablation:
    """In float64, so that what a frame does not see is exactly nothing, with no branch at zero but those left out."""
    generator, pipeline = Generator().manual_seed(0), Ablation(design).double().eval()
    with torch.no_grad():
        for name, parameter in pipeline.named_parameters():
            noise = 0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(noise if only(name) else 0)
    return pipeline


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(1), dtype=torch.float64)


def estimated(pipeline: Ablation, z: Tensor, options: Sampling) -> Tensor:
    level = Level.of_log_snr(torch.zeros(len(z), dtype=torch.float64))
    return pipeline._denoiser(CAPTIONS[: len(z)], options)(z, level).eps


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temporal", [True, False])
def test_frames_see_all_frames_or_none(kind: str, temporal: bool) -> None:
    z = drawn(1, 3, FRAMES, 16, 16).requires_grad_()
    found = estimated(randomised(KINDS[kind]), z, Sampling(temporal=temporal))
    weights, rows = drawn(*found[:, :, 0].shape), []
    for frame in range(FRAMES):
        (gradient,) = torch.autograd.grad((weights * found[:, :, frame]).sum(), z, retain_graph=True)
        rows.append(gradient.abs().amax((0, 1, 3, 4)) > 0)
    assert torch.equal(torch.stack(rows), (everything if temporal else itself)(FRAMES))


def shapes(design: Design) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: parameter.shape for name, parameter in Ablation(design).named_parameters()}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_exactly_the_named_layers_differ(kind: str) -> None:
    common, own = shapes(SMALL), shapes(KINDS[kind])
    different = {name for name, _ in common.items() ^ own.items()}
    part = ".attention." if kind in ("full", "window") else ".convolution_"
    assert all(part in name for name in different)
    assert bool(different) == (KINDS[kind] != SMALL)
    assert shapes(FROZEN) == shapes(KINDS["pseudo3d"])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "conv2plus1d"])
def test_a_new_network_is_its_image_model(kind: str) -> None:
    """Whatever that does: the last layers of its blocks and of the whole, zeros in a new one, are given values."""
    learnt = randomised(KINDS[kind], lambda name: "_norm" in name or name.startswith("network.unet.head"))
    with torch.no_grad():
        for name, parameter in learnt.named_parameters():
            if "convolution_out" in name and not is_temporal(name) and parameter.ndim > 1:
                middle = parameter[:, :, parameter.shape[2] // 2]
                middle.copy_(0.2 * drawn(*middle.shape))
    z = drawn(2, 3, FRAMES, 16, 16)
    with torch.no_grad():
        video, images = (estimated(learnt, z, Sampling(temporal=on)) for on in (True, False))
    assert images.std() > 0.1
    torch.testing.assert_close(video, images, rtol=0, atol=1e-12)


def test_images_do_not_see_what_is_over_time() -> None:
    before, after = randomised(FROZEN, lambda name: not is_temporal(name)), randomised(FROZEN)
    after.load_state_dict({name: x for name, x in before.state_dict().items() if not is_temporal(name)}, strict=False)
    z = drawn(2, 3, FRAMES, 16, 16)
    with torch.no_grad():
        images = [estimated(pipeline, z, Sampling(temporal=False)) for pipeline in (before, after)]
        videos = [estimated(pipeline, z, Sampling()) for pipeline in (before, after)]
    assert torch.equal(*images)
    assert not torch.allclose(videos[0], videos[1])


def test_the_order_of_frames_counts_in_every_attention() -> None:
    order, z = [2, 0, 1], drawn(1, 3, FRAMES, 16, 16)
    for kind in ("conv1x3x3", "full", "window"):
        pipeline = randomised(KINDS[kind])
        with torch.no_grad():
            mixed, plain = (estimated(pipeline, each, Sampling()) for each in (z[:, :, order], z))
        assert not torch.allclose(mixed, plain[:, :, order])


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_every_part_learns_in_time(kind: str) -> None:
    pipeline, data = Ablation(KINDS[kind]), Shapes()
    assert shapes(KINDS[kind]).keys() == dict(pipeline.named_parameters()).keys()
    (phase,) = pipeline.phases()
    course, unseen = Course(pipeline, phase, 6, 0), set(dict(pipeline.named_parameters()))
    for number in range(6):
        course.step(number, data, "cpu")
        unseen -= {name for name, x in pipeline.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
    assert not unseen


def test_losses_fall_on_what_is_seen_again() -> None:
    torch.manual_seed(0)
    pipeline = Ablation(replace(KINDS["pseudo3d"], learning_rate=1e-2))
    course = Course(pipeline, pipeline.phases()[0], 10, 0)
    losses = []
    for _ in range(10):
        course._seed = 0
        losses.append(course.step(5, Shapes(), "cpu"))  # the same data and noise each time
    assert losses[-1] < 0.9 * losses[0]


class Asked(Shapes):
    """Moving Shapes that remember what they were asked for, and break off once if they are told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.draws: list[tuple[int, int]] = []
        self.stop_at = stop_at

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: Generator) -> Clips:
        if len(self.draws) == self.stop_at:
            raise KeyboardInterrupt
        self.draws.append((count, frames))
        return super().draw(count, frames, height, width, stride, generator)


@pytest.fixture
def frozen() -> Iterator[str]:
    PIPELINES.register("toy/frozen")(PipelinePreset("on a frozen image model", partial(Ablation, FROZEN)))
    yield "toy/frozen"
    del PIPELINES._entries["toy/frozen"]


@pytest.mark.long
def test_layers_over_time_are_trained_on_a_frozen_image_model_and_go_on_where_they_stopped(
    frozen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_SECONDS", -1.0)
    request, data = Request(system=frozen, data=Shapes.facts), Asked(stop_at=3)
    train(request.model_copy(update={"steps": 4}), whole := Asked(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(request.model_copy(update={"steps": 4}), data, tmp_path / "stopped")
    train(request.model_copy(update={"steps": 4}), Shapes(), tmp_path / "stopped")
    assert whole.draws == [(6, 1), (6, 1), (2, FRAMES), (2, FRAMES)]
    assert data.draws == whole.draws[:3]
    trained, again = (load_pipeline(tmp_path / each / "weights.safetensors")[0] for each in ("whole", "stopped"))
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), again.parameters(), strict=True))
    train(request.model_copy(update={"phases": ("images",), "steps": 2}), Shapes(), tmp_path / "images")
    images, _ = load_pipeline(tmp_path / "images" / "weights.safetensors")
    changed = {
        name
        for (name, a), b in zip(trained.named_parameters(), images.parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert changed
    assert all(is_temporal(name) or name.startswith("time_text") for name in changed)


def test_a_frozen_image_model_and_what_is_over_time_are_all_there_is() -> None:
    pipeline = Ablation(FROZEN)
    first, second = ({id(parameter) for parameter in pipeline.learn(phase)} for phase in pipeline.phases())
    assert not first & second
    assert first | second == {id(parameter) for parameter in pipeline.parameters()}


@pytest.mark.long
def test_both_ways_of_training_take_as_many_steps_of_as_many_frames() -> None:
    joint, frozen = (
        build_pipeline(f"backbone/{way}", device="meta").phases() for way in ("joint", "temporal-on-frozen")
    )
    assert sum(phase.steps for phase in joint) == sum(phase.steps for phase in frozen)
    design = Design()
    (step,) = (phase.batch * (design.grid[0] + design.images) for phase in joint)
    assert [phase.batch * frames for phase, frames in zip(frozen, (1, design.grid[0]), strict=True)] == [step, step]
    assert len({(phase.learning_rate, phase.ema, phase.decay) for phase in [*joint, *frozen]}) == 1


def test_every_frame_counts_alike_in_joint_training(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, data = Ablation(SMALL), Asked()
    monkeypatch.setattr(
        pipeline, "_errors", lambda clips, _: clips.video_bcthw[:, 0, :, 0, 0].mean(1) * 0 + len(clips.captions)
    )
    found = pipeline.joint_loss(Step(0, 1, 2, Generator().manual_seed(0), data))
    assert data.draws == [(2, FRAMES), (6, 1)]
    assert found.item() == pytest.approx((2 * FRAMES * 2 + 6 * 6) / (2 * FRAMES + 6))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["conv2plus1d", "pseudo3d", "full", "window"])
def test_a_video_follows_from_its_caption_and_seed_alone(kind: str) -> None:
    pipeline = randomised(KINDS[kind]).float()
    for options in (Sampling(), Sampling(temporal=False), Sampling(guidance=2.0, steps=3)):
        (both,) = pipeline.sample(CAPTIONS, [0, 1], options, no_advance)
        (second,) = pipeline.sample(CAPTIONS[1:], [1], options, no_advance)
        assert both.shape == (2, FRAMES, 16, 16, 3)
        assert (second[0].int() - both[1].int()).abs().max() <= 1
        (again,) = pipeline.sample(CAPTIONS, [0, 1], options, no_advance)
        assert torch.equal(again, both)
    (other,) = pipeline.sample(CAPTIONS[1:], [2], Sampling(), no_advance)
    assert not torch.equal(other, second)


def test_guidance_goes_from_what_no_caption_gives_through_what_it_gives() -> None:
    pipeline, z = randomised(SMALL), drawn(2, 3, FRAMES, 16, 16)
    with torch.no_grad():
        free, known, twice = (estimated(pipeline, z, Sampling(guidance=scale)) for scale in (0.0, 1.0, 2.0))
    assert not torch.allclose(free, known)
    torch.testing.assert_close(twice, 2 * known - free)


def test_the_steps_are_told() -> None:
    told: list[tuple[int, int]] = []
    list(randomised(SMALL).float().sample(CAPTIONS, [0, 1], Sampling(steps=3), lambda *done: told.append(done)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.long
def test_all_members_are_registered_at_their_size() -> None:
    assert tuple(name.removeprefix("backbone/") for name in PIPELINES if name.startswith("backbone/")) == MEMBERS
    for member in MEMBERS:
        card = PIPELINES[f"backbone/{member}"].card()
        assert card["gives"] == [16, 32, 32]
        assert 300_000 <= card["parameters"] <= 800_000


@pytest.mark.long
def test_groups_meet_in_two_members() -> None:
    for first, second in (("conv1x3x3", "attention-factorised"), ("pseudo3d", "joint")):
        designs = [build_network(f"backbone/{name}", device="meta") for name in (first, second)]
        assert all(isinstance(network, Backbone) for network in designs)
        assert designs[0].design == designs[1].design


def test_costs_differ_as_the_layers_do() -> None:
    video, image = (2, 3, FRAMES, 16, 16), (2, 3, 1, 16, 16)
    costs = {kind: Backbone(design).cost(video) for kind, design in KINDS.items()}
    flops = {kind: each.forward_flops for kind, each in costs.items()}
    assert flops["conv1x3x3"] < flops["pseudo3d"] < flops["conv2plus1d"] <= flops["conv3d"]
    assert flops["window"] < flops["full"]
    assert costs["conv2plus1d"].parameters == pytest.approx(costs["conv3d"].parameters, rel=0.01), "Tran et al."
    apart = [Backbone(KINDS[kind]).cost(image).forward_flops for kind in ("pseudo3d", "conv1x3x3")]
    assert apart[0] == apart[1], "an image has no time"


def test_patches_are_put_back_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Backbone(SMALL)
    monkeypatch.setattr(network.unet, "forward", lambda video_bcthw, _: video_bcthw)
    z = drawn(2, 3, FRAMES, 16, 16).float()
    assert torch.equal(network(z, torch.zeros(2)), z)
