"""W.A.L.T as a whole: what is trained, what the transformer is given in training and sampling, longer videos."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.sizes import CausalSize
from vidgauge.reference_models.diffusion import Level, Noise
from vidgauge.reference_models.pipeline import Clips, Phase, Sampling, Step, no_advance
from vidgauge.reference_models.plan import Plan
from vidgauge.reference_models.systems import PIPELINES
from vidgauge.reference_models.systems.walt import whole
from vidgauge.reference_models.walt.captions import Classes
from vidgauge.reference_models.walt.conditioning import first_frames
from vidgauge.reference_models.walt.hyperparameters import Hyperparameters
from vidgauge.reference_models.walt.latent_video import LatentVideo
from vidgauge.reference_models.walt.recipes import Recipe, StageRecipe
from vidgauge.reference_models.walt.stage import Stage

NETWORK = Hyperparameters(
    grid=(3, 4, 4), channels=4, layers=2, width=16, heads=2, windows=((1, 4, 4), (3, 2, 2)), text_channels=16,
    text_tokens=16, prediction=True,
)  # fmt: skip
STAGE = StageRecipe(network=NETWORK, plan=Plan(6, 2, 1e-2), stacks=1, sampling_steps=3)
RECIPE = Recipe(
    autoencoder=CausalSize(
        grid=(9, 16, 16), base=4, multipliers=(1, 1, 1), blocks=1, latent_channels=4, up_kernel=1, groups=2
    ),
    autoencoder_plan=Plan(4, 2, 1e-2), stages=(STAGE,),
)  # fmt: skip
LARGER = replace(NETWORK, grid=(3, 8, 8), patch=2, prediction=False, upscale=2)
CASCADE = replace(RECIPE, stages=(STAGE, replace(STAGE, network=LARGER, sampling_steps=2)))
OF_CLASSES = replace(
    RECIPE,
    stages=(replace(STAGE, network=replace(NETWORK, text_channels=0, prediction=False, classes=3), stacks=0),),
    class_names=("circle", "clip 0", "clip 1"),
)


class Noises:
    """Clips of noise around a grey of their own."""

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        del stride
        video = 0.3 * torch.randn(count, 3, frames, height, width, generator=generator) + 0.4
        return Clips(video, tuple(f"clip {number}" for number in range(count)), torch.full((count,), 8.0))


def made(recipe: Recipe = RECIPE, *, stirred: bool = True) -> LatentVideo:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = whole(recipe)
        if stirred:
            with torch.no_grad():
                for parameter in system.stages.parameters():
                    parameter.add_(torch.randn(parameter.shape), alpha=0.1)
    return system.eval()


def stage_of(system: LatentVideo, number: int = 0) -> Stage:
    stage = system.stages[number]
    assert isinstance(stage, Stage)
    return stage


def stepped(phase: Phase, number: int = 1) -> Step:
    return Step(number, phase.steps, phase.batch, torch.Generator().manual_seed(number), Noises())


def watched(system: LatentVideo, number: int = 0) -> list[dict[str, torch.Tensor | int]]:
    """What the network is called with from now on."""
    calls: list[dict[str, torch.Tensor | int]] = []

    def note(_: torch.nn.Module, given: tuple[torch.Tensor, ...], more: dict[str, int]) -> None:
        names = ("z", "step", "beside", "words", "mask", "low", "low_step")
        call: dict[str, torch.Tensor | int] = dict(zip(names, given, strict=True))
        call["images"] = more["images"]
        calls.append(call)

    stage_of(system, number).network.register_forward_pre_hook(note, with_kwargs=True)
    return calls


def tensor(of_call: dict[str, torch.Tensor | int], name: str) -> torch.Tensor:
    found = of_call[name]
    assert isinstance(found, torch.Tensor)
    return found


def sampled(system: LatentVideo, captions: list[str], seeds: list[int], **options: float) -> torch.Tensor:
    (frames,) = system.sample(captions, seeds, Sampling(**options), no_advance)  # type: ignore[arg-type] # of any kind
    return frames


@pytest.mark.parametrize("recipe", [CASCADE, OF_CLASSES])
def test_each_phase_teaches_all_of_its_part(recipe: Recipe) -> None:
    system = made(recipe, stirred=False)
    for phase in system.phases():
        parts = [system.get_submodule(name) for name in phase.trains]
        names = {parameter: name for part in parts for name, parameter in part.named_parameters()}
        optimizer, unseen = torch.optim.Adam(names, lr=1e-2), set(names)
        system.requires_grad_(requires_grad=False)
        for part in parts:
            part.requires_grad_()
        for number in range(3):
            optimizer.zero_grad()
            torch.autograd.backward(phase.loss(stepped(phase, number + 1)))
            unseen -= {x for x in names if x.grad is not None and x.grad.abs().max() > 0}
            optimizer.step()
        # What the text encoder pools is not used: captions come in by cross-attention alone.
        assert {names[parameter].split(".")[-2] for parameter in unseen} <= {"score", "project"}


def test_a_steps_loss_follows_from_its_generator() -> None:
    system = made()
    for phase in system.phases():
        first = phase.loss(stepped(phase))
        assert torch.equal(phase.loss(stepped(phase)), first)
        assert not torch.equal(phase.loss(stepped(phase, 2)), first)


def test_latents_are_measured_before_the_first_step() -> None:
    system = made()
    system.loss(stepped(system.phases()[1], 0))
    video = Noises().draw(64, 9, 16, 16, 1, torch.Generator().manual_seed(7)).video_bcthw
    with torch.no_grad():
        x = system.autoencoder.encode(video).transpose(0, 1).flatten(1)
    torch.testing.assert_close(x.mean(1), torch.zeros(4), atol=0.05, rtol=0)
    torch.testing.assert_close(x.std(1), torch.ones(4), atol=0.05, rtol=0)
    system.autoencoder.normalisation.mean.zero_()
    system.loss(stepped(system.phases()[1], 0))
    assert not system.autoencoder.normalisation.mean.any()  # what goes on from weights keeps its latents
    system.phases()[0].begin()
    assert not system.autoencoder.measured  # unless the autoencoder itself is trained again


def test_what_the_transformer_is_given_in_training() -> None:
    """Own estimates in most steps; frames for videos alone; each image its own caption, a video one for all frames."""
    system, seen_twice, given = made(), 0, 0
    calls = watched(system)
    for number in range(1, 21):
        calls.clear()
        system.loss(stepped(system.phases()[1], number))
        *before, last = calls
        seen_twice += len(before)
        assert last["images"] == 1
        beside = tensor(last, "beside")
        assert beside[:, :4].any() == bool(before)
        assert beside[2:, 4:].eq(0).all()
        known, m = beside[:2, 4:8], beside[:2, 8]
        given += int(m[:, 0, 0, 0].sum())
        assert known[(m == 0)[:, None].expand_as(known)].eq(0).all()
        words = tensor(last, "words")
        assert words.shape == (3, 3, 16, 16)
        assert torch.equal(words[:2, :1].expand(-1, 3, -1, -1), words[:2])
        assert len(torch.unique(words[2].flatten(1), dim=0)) > 1
    assert 14 <= seen_twice <= 20  # 0.9 of 20
    assert 12 <= given <= 28  # half of 40


def test_one_or_two_frames_are_given() -> None:
    m = first_frames(3000, 5, 0.4, torch.Generator().manual_seed(0))
    counts = torch.bincount(m.sum(1), minlength=6) / 3000
    torch.testing.assert_close(counts, torch.tensor([0.6, 0.2, 0.2, 0, 0, 0]), atol=0.03, rtol=0)
    assert not (m[:, 1] & ~m[:, 0]).any()


def test_a_video_follows_from_its_own_caption_and_seed() -> None:
    system = made()
    both = sampled(system, ["a red circle", "a blue square"], [3, 4])
    assert both.shape == (2, 8, 16, 16, 3)
    assert both.dtype == torch.uint8
    alone = sampled(system, ["a blue square"], [4])
    torch.testing.assert_close(alone[0].int(), both[1].int(), atol=1, rtol=0)
    assert not torch.equal(sampled(system, ["a red circle"], [4]), alone)


def test_it_is_given_what_it_made_of_the_step_before() -> None:
    system = made()
    calls, results = watched(system), []
    stage_of(system).network.register_forward_hook(lambda *given: results.append(given[-1]))
    sampled(system, ["a circle"], [0])
    assert [tensor(call, "step").item() for call in calls] == [999, 666, 332]
    assert tensor(calls[0], "beside").eq(0).all()
    for before, v, after in zip(calls, results, calls[1:], strict=False):
        level = stage_of(system).schedule.level(tensor(before, "step"))
        alpha, sigma = level.alpha_b.float(), level.sigma_b.float()
        torch.testing.assert_close(tensor(after, "beside")[:, :4], alpha * tensor(before, "z") - sigma * v)
        assert tensor(after, "beside")[:, 4:].eq(0).all()


def test_guidance_is_against_neither_caption_nor_frames() -> None:
    system = made()
    calls = watched(system)
    list(system.extend(["a circle"], [0], Sampling(guidance=2.0), no_advance, frames=10))
    assert len(calls) == 2 * STAGE.sampling_steps
    for call in calls:
        assert tensor(call, "mask").any(1).tolist() == [True, False]
        assert torch.equal(*tensor(call, "z"))
        assert torch.equal(*tensor(call, "beside")[:, :4])
        assert tensor(call, "beside")[1, 4:].eq(0).all()
    assert tensor(calls[-1], "beside")[0, 8, :, 0, 0].tolist() == [1, 1, 0]


def test_without_time_each_frame_is_an_image_for_itself() -> None:
    system = made()
    calls = watched(system)
    frames = sampled(system, ["a circle", "a square"], [0, 1], temporal=False)
    assert frames.shape == (2, 8, 16, 16, 3)
    assert all(tensor(call, "z").shape == (16, 4, 1, 4, 4) and call["images"] == 16 for call in calls)
    z = Noise([0, 1]).like(torch.empty(2, 4, 8, 4, 4))
    assert torch.equal(tensor(calls[0], "z")[8 + 3, :, 0], z[1, :, 3])
    stage_of(system).network.forward = lambda z, *_, **__: -z  # type: ignore[method-assign] # x = z at noise alone: frames differ
    one = system.autoencoder.decode(z[1:, :, 3:4])
    (frames,) = system.sample(["", ""], [0, 1], Sampling(steps=1, temporal=False), no_advance)
    expected = ((one[0, :, 0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0)
    torch.testing.assert_close(frames[1, 3].float(), expected, atol=1, rtol=0)


def test_a_perfect_model_gives_its_video() -> None:
    system = made()
    x = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(5))

    def perfect(z: torch.Tensor, step: torch.Tensor, *_: object, images: int) -> torch.Tensor:
        assert images == 0
        level: Level = stage_of(system).schedule.level(step)
        alpha, sigma = level.alpha_b.float(), level.sigma_b.float()
        return (alpha * z - x) / sigma

    stage_of(system).network.forward = perfect  # type: ignore[assignment, method-assign] # in the place of a trained one
    expected = system.autoencoder.decode(x)[:, :, :8]
    frames = sampled(system, ["a circle"], [0], steps=20)
    found = frames.permute(0, 4, 1, 2, 3) / 127.5 - 1
    torch.testing.assert_close(found, expected.clamp(-1, 1), atol=1 / 127, rtol=0)


def test_longer_videos_go_on_from_their_last_five_frames() -> None:
    system, told = made(), list[tuple[int, int]]()
    calls = watched(system)
    advance: Callable[[int, int], object] = lambda done, steps: told.append((done, steps))  # noqa: E731
    parts = list(system.extend(["a circle", ""], [0, 1], Sampling(), advance, frames=15))
    assert [part.shape[1] for part in parts] == [9, 4, 2]
    assert told == [(step, 9) for step in range(1, 10)]
    video = parts[0].permute(0, 4, 1, 2, 3) / 127.5 - 1
    known = system.autoencoder.encode(video[:, :, 4:])
    given = tensor(calls[3], "beside")
    torch.testing.assert_close(given[:, 4:8, :2], known, atol=0.05, rtol=0)  # rounded to 256 levels here
    assert given[:, 4:8, 2].eq(0).all()
    with pytest.raises(UsageError, match="makes 9 at once"):
        list(system.extend(["a circle"], [0], Sampling(), no_advance, frames=5))


def test_the_tiny_preset_is_tiny() -> None:
    card = PIPELINES["walt/tiny"].card()
    assert card["parameters"] <= 800_000
    assert card["gives"] == PIPELINES["walt/small-classes"].card()["gives"] == [16, 32, 32]
    assert PIPELINES["walt/small"].card()["gives"] == [16, 64, 64]


def test_super_resolution_learns_from_smaller_latents_of_the_same_videos() -> None:
    system = made(CASCADE)
    calls, steps = watched(system, 1), list[float]()
    for number in range(1, 21):
        calls.clear()
        system.loss(stepped(system.phases()[2], number), 1)
        call = calls[-1]
        assert tensor(call, "z").shape == (3, 4, 3, 8, 8)
        assert tensor(call, "beside").shape == (3, 4, 3, 8, 8)
        assert tensor(call, "low").shape == (3, 4, 3, 4, 4)
        assert call["images"] == 1
        steps += tensor(call, "low_step").tolist()
    assert 0 <= min(steps) < 100 < 200 < max(steps) < 300
    network, low = stage_of(system, 1).network, tensor(call, "low")
    given = [tensor(call, name) for name in ("z", "step", "beside", "words", "mask")]
    changed = network(*given, -low, tensor(call, "low_step"), images=1)
    assert not torch.allclose(changed, network(*given, low, tensor(call, "low_step"), images=1))


def test_a_cascade_gives_its_last_stages_size() -> None:
    system, told = made(CASCADE), list[tuple[int, int]]()
    first, second = watched(system, 0), watched(system, 1)
    (both,) = system.sample(["a", "b"], [0, 1], Sampling(), lambda done, steps: told.append((done, steps)))
    assert both.shape == (2, 8, 32, 32, 3)
    assert told == [(step, 5) for step in range(1, 6)]
    assert (len(first), len(second)) == (3, 2)
    assert tensor(second[0], "low_step").tolist() == [50, 50]
    assert torch.equal(tensor(second[0], "low"), tensor(second[1], "low"))
    alone = sampled(system, ["b"], [1])
    assert (alone[0].int() - both[1].int()).abs().max() <= 1
    apart = sampled(system, ["b"], [1], temporal=False, guidance=2.0)
    assert apart.shape == (1, 8, 32, 32, 3)
    assert tensor(second[-1], "low").shape == (16, 4, 1, 4, 4)
    parts = list(system.extend(["a"], [0], Sampling(), no_advance, frames=11))
    assert [part.shape[1:3] for part in parts] == [(9, 32), (2, 32)]


def test_classes_are_named_by_captions() -> None:
    (numbers,) = Classes(("star spins", "star drifts"))(["a red star drifts over dots", "a ring", "the star spins"])
    assert numbers.tolist() == [1, 2, 0]
    system = made(OF_CLASSES)
    calls = watched(system)
    frames = sampled(system, ["a circle", "nothing", "a circle"], [0, 0, 0], guidance=3.0)
    assert tensor(calls[0], "words").tolist() == [0, 3, 0, 3, 3, 3]
    assert torch.equal(frames[0], frames[2])
    assert not torch.equal(frames[0], frames[1])
    with pytest.raises(UsageError, match="was not trained to go on"):
        list(system.extend(["a circle"], [0], Sampling(), no_advance, frames=9))


def test_classes_are_left_out_now_and_then_and_are_those_of_all_frames() -> None:
    system = made(OF_CLASSES)
    calls = watched(system)
    for number in range(1, 21):
        system.loss(stepped(system.phases()[1], number))
    numbers = torch.stack([tensor(call, "words") for call in calls])
    assert numbers.shape[1:] == (2, 3)
    assert all(call["images"] == 0 for call in calls)
    assert (numbers == numbers[:, :, :1]).all()
    assert set(numbers[:, 0].flatten().tolist()) == {1, 3}
    assert (numbers == 3).float().mean() < 0.3
