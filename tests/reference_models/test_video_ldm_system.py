"""Align your Latents as a whole: what each phase teaches, and how key frames become videos."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from vidgauge.reference_models.autoencoders.sizes import ImageSize
from vidgauge.reference_models.autoencoders.temporal_decoder import TemporalBlock
from vidgauge.reference_models.pipeline import Clips, Phase, Sampling, Step, no_advance, to_frames
from vidgauge.reference_models.plan import Plan
from vidgauge.reference_models.systems import PIPELINES
from vidgauge.reference_models.systems.video_ldm import whole
from vidgauge.reference_models.training.budget import chosen
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.trainer import Course
from vidgauge.reference_models.unet.residual import start_at_zero
from vidgauge.reference_models.video_ldm.given import Call
from vidgauge.reference_models.video_ldm.latent_video import LatentVideo
from vidgauge.reference_models.video_ldm.masks import interpolated
from vidgauge.reference_models.video_ldm.recipes import Recipe, UpscalingRecipe
from vidgauge.reference_models.video_ldm.sizes import Size
from vidgauge.reference_models.video_ldm.weights import image_modules, is_temporal, temporal_modules

PHASES = ["autoencoder", "images", "temporal layers", "decoder", "interpolation"]
UPSCALER_PHASES = ["upscaler autoencoder", "upscaler images", "upscaler temporal layers"]
RECIPE = Recipe(
    autoencoder=ImageSize(
        grid=(8, 8, 8), base=4, multipliers=(1, 1), blocks=1, latent_channels=2, groups=2, scale=None
    ),
    network=Size(
        grid=(3, 4, 4), channels=2, base=8, multipliers=(1, 1), blocks=1, attention_at=(), heads=1, text_channels=16
    ),
    frames=8, discriminator=4, plans={name: Plan(5, 2, 1e-2) for name in PHASES}, sampling_steps=2,
)  # fmt: skip


UPSCALED = replace(
    RECIPE,
    upscaling=UpscalingRecipe(
        autoencoder=ImageSize(
            grid=(8, 16, 16), base=4, multipliers=(1, 1), blocks=1, latent_channels=2, groups=2, scale=None
        ),
        network=Size(
            grid=(3, 4, 4), channels=2, base=8, multipliers=(1,), blocks=1, attention_at=(), heads=1, text_channels=16
        ),
        noised=40, sampling_steps=3,
    ),
    plans={name: Plan(5, 2, 1e-2) for name in [*PHASES, *UPSCALER_PHASES]},
)  # fmt: skip


class Noises:
    """Clips of noise around a grey of their own."""

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        del stride
        video = 0.3 * torch.randn(count, 3, frames, height, width, generator=generator) + 0.4
        return Clips(video, tuple(f"clip {number}" for number in range(count)), torch.full((count,), 8.0))


def stir(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)


def made(recipe: Recipe = RECIPE, *, stirred: bool = True) -> LatentVideo:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = whole(recipe)
    for module in system.children() if stirred else ():
        stir(module)
    return system.eval()


def stepped(phase: Phase, number: int = 1) -> Step:
    return Step(number, phase.steps, phase.batch, torch.Generator().manual_seed(number), Noises())


def sampled(system: LatentVideo, captions: list[str], seeds: list[int], **options: float) -> Tensor:
    (frames,) = system.sample(captions, seeds, Sampling(**options), no_advance)  # type: ignore[arg-type] # of any kind
    return frames


def test_each_phase_teaches_all_of_its_part_and_nothing_else() -> None:
    system = made(UPSCALED, stirred=False)
    taught: dict[str, set[str]] = {}
    for phase in system.phases():
        phase.begin()
        system.requires_grad_(requires_grad=False)
        for name in phase.trains:
            system.get_submodule(name).requires_grad_()
        names = {name for name, parameter in system.named_parameters() if parameter.requires_grad}
        before = {name: parameter.clone() for name, parameter in system.named_parameters()}
        optimizer, unseen = torch.optim.Adam([system.get_parameter(name) for name in names], lr=1e-2), set(names)
        for number in range(3):
            optimizer.zero_grad()
            torch.autograd.backward(phase.loss(stepped(phase, number + 1)))
            live = {name for name in unseen if (grad := system.get_parameter(name).grad) is not None and grad.any()}
            unseen -= live
            optimizer.step()
        # What the text encoders pool is not used: captions come in by cross-attention alone.
        assert {name.split(".")[1] for name in unseen} <= {"score", "project"}
        changed = {name for name, x in system.named_parameters() if not torch.equal(x, before[name])}
        assert changed == names - unseen
        taught[phase.name] = names
    assert list(taught) == [*PHASES, *UPSCALER_PHASES]
    everything = {name for name, _ in system.named_parameters()}
    assert set().union(*taught.values()) == everything
    assert sum(map(len, taught.values())) == len(everything)
    assert {name for name in taught["temporal layers"] if name.startswith("keys")} == {
        name for name in everything if name.startswith("keys") and is_temporal(name)
    }


def test_the_parts_that_are_trained_apart_make_up_the_network() -> None:
    system = made()
    for network in (system.keys, system.between):
        parts = [network.get_submodule(name) for name in image_modules(network) + temporal_modules(network)]
        parameters = [parameter for part in parts for parameter in part.parameters()]
        assert len(parameters) == len(set(parameters)) == len(list(network.parameters()))


def test_a_steps_loss_follows_from_its_generator() -> None:
    system = made()
    for phase in system.phases():
        first = phase.loss(stepped(phase))
        assert torch.equal(phase.loss(stepped(phase)), first)
        assert not torch.equal(phase.loss(stepped(phase, 2)), first)


def test_latents_are_measured_before_the_first_step() -> None:
    system = made()
    system.image_loss(stepped(system.phases()[1], 0))
    video = Noises().draw(64, 4, 8, 8, 1, torch.Generator().manual_seed(7)).video_bcthw
    with torch.no_grad():
        x = system.autoencoder.encode(video).transpose(0, 1).flatten(1)
    torch.testing.assert_close(x.mean(1), torch.zeros(2), atol=0.1, rtol=0)
    torch.testing.assert_close(x.std(1), torch.ones(2), atol=0.1, rtol=0)


def test_interpolation_begins_as_the_model_of_key_frames() -> None:
    system = made()
    z, step, text = torch.randn(2, 2, 5, 4, 4), torch.tensor([3, 400]), torch.randn(2, 3, 16)
    assert not torch.allclose(system.between(z, step, text), system.keys(z, step, text))
    system.phases()[-1].begin()
    assert torch.equal(system.between(z, step, text), system.keys(z, step, text))


def test_a_video_follows_from_its_own_caption_and_seed() -> None:
    system, done = made(), []
    (both,) = system.sample(["one", "two"], [1, 2], Sampling(), lambda now, steps: done.append((now, steps)))
    assert both.shape == (2, 8, 8, 8, 3)
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    alone = sampled(system, ["two"], [2])
    assert (both[1:].int() - alone.int()).abs().max() <= 1
    for captions, seeds, options in ((["one"], [2], {}), (["two"], [1], {}), (["two"], [2], {"guidance": 4.0})):
        assert (sampled(system, captions, seeds, **options).int() - alone.int()).abs().max() > 1


def test_key_frames_are_every_fourth_frame_and_each_gap_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    system, seen = made(), []
    for block in system.autoencoder.temporal:
        assert isinstance(block, TemporalBlock)
        start_at_zero(block.convolution_out)

    def noted(keys: Tensor, make: Callable[[Tensor], Tensor], every: int) -> Tensor:
        seen.append(keys)
        return interpolated(keys, make, every)

    monkeypatch.setattr("vidgauge.reference_models.video_ldm.latent_video.interpolated", noted)
    video = sampled(system, ["one", "two"], [1, 2])
    keys = to_frames(system.autoencoder.decode(seen[0]))
    assert keys.shape[1] == 3
    assert (video[:, ::4].int() - keys[:, :2].int()).abs().max() <= 1
    assert (video[:, 1:4].int() - video[:, 5:8].int()).abs().max() > 1


def test_without_temporal_layers_frames_are_images() -> None:
    system = made()
    together, apart = sampled(system, ["one"], [1]), sampled(system, ["one"], [1], temporal=False)
    assert apart.shape == together.shape
    for module in (*map(system.keys.get_submodule, temporal_modules(system.keys)), system.between,
                   system.autoencoder.temporal, system.time_text):  # fmt: skip
        stir(module)
    assert torch.equal(sampled(system, ["one"], [1], temporal=False), apart)
    assert not torch.equal(sampled(system, ["one"], [1]), together)


def test_a_second_style_is_learnt_from_images_and_moved_as_before() -> None:
    """Section 4.2: theta follows images in sepia; phi, its text encoder and all that makes videos stay, bit for bit."""
    system = made()
    before = {name: tensor.clone() for name, tensor in system.state_dict().items()}
    still, moving = sampled(system, ["a star"], [1], temporal=False), sampled(system, ["a star"], [1])
    (images,) = chosen(system.phases(), ["images"])
    course = Course(system, replace(images, learning_rate=0.1), 2, seed=0)
    for number in range(2):
        course.step(number, Shapes("sepia"), "cpu")
    changed = {name for name, tensor in system.state_dict().items() if not torch.equal(tensor, before[name])}
    parts = {*image_modules(system.keys)}
    theta = {f"keys.{name}" for name in system.keys.state_dict() if any(name.startswith(f"{part}.") for part in parts)}
    assert changed - {name for name in changed if name.startswith(("text.", "autoencoder.normalisation."))} <= theta
    assert changed & theta
    system.eval()
    assert not torch.equal(sampled(system, ["a star"], [1], temporal=False), still)
    assert not torch.equal(sampled(system, ["a star"], [1]), moving)


def test_the_upscaler_learns_from_noisy_patches_of_small_frames() -> None:
    system = made(UPSCALED)
    assert system.upscaling is not None
    calls: list[tuple[Tensor, ...]] = []
    system.upscaling.network.register_forward_pre_hook(lambda _, given: calls.append(given))
    images, clips = system.phases()[-2:]
    levels = []
    for phase, frames in ((images, 1), (clips, 3)) * 4:
        phase.loss(stepped(phase, len(calls)))
        z, _, text, small, level, call = calls[-1]
        assert (z.shape, small.shape) == ((2, 2, frames, 4, 4), (2, 3, frames, 4, 4))
        assert text.shape == (2, 16, 16)
        assert isinstance(call, Call)
        assert call.temporal is (frames > 1)
        levels += level.tolist()
    assert 0 <= min(levels) < 10 < 30 < max(levels) < 40


def test_upscaled_videos_are_large() -> None:
    system, done = made(UPSCALED), []
    calls: list[tuple[Tensor, ...]] = []
    assert system.upscaling is not None
    system.upscaling.network.register_forward_pre_hook(lambda _, given: calls.append(given))
    (both,) = system.sample(["one", "two"], [1, 2], Sampling(), lambda now, steps: done.append((now, steps)))
    assert both.shape == (2, 8, 16, 16, 3)
    assert done == [(step, 7) for step in range(1, 8)]
    small, level = calls[0][3:5]
    assert small.shape == (2, 3, 8, 8, 8)
    assert level.tolist() == [20, 20]
    alone = sampled(system, ["two"], [2])
    assert (both[1:].int() - alone.int()).abs().max() <= 1
    assert sampled(system, ["two"], [2], temporal=False).shape == alone.shape
    level_20 = system.upscaling.schedule.level(torch.tensor(20))
    system.upscaling = None
    base = sampled(system, ["one", "two"], [1, 2]).permute(0, 4, 1, 2, 3) / 127.5 - 1
    assert (small - level_20.alpha_b * base).std().item() == pytest.approx(level_20.sigma_b.item(), rel=0.1)


def test_tiny_is_tiny() -> None:
    card = PIPELINES["video-ldm/tiny"].card()
    assert card["parameters"] <= 800_000
    assert card["gives"] == [16, 32, 32]
