"""GenTron trained and sampled: images first, clips with and without motion, guidance by both, all on latents."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch

from vidgauge.reference_models.autoencoders.sizes import ImageSize
from vidgauge.reference_models.gentron.hyperparameters import Hyperparameters
from vidgauge.reference_models.gentron.recipes import Recipe
from vidgauge.reference_models.gentron.text_to_video import TextToVideo
from vidgauge.reference_models.pattern import everything, itself
from vidgauge.reference_models.pipeline import Clips, Sampling, Step, no_advance, to_frames
from vidgauge.reference_models.plan import Plan
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.reference_models.systems.gentron import Block, GenTron, whole
from vidgauge.reference_models.training.trainer import Course

FRAMES = 3
MODEL = Hyperparameters(
    grid=(FRAMES, 4, 4), channels=2, patch=2, layers=2, width=16, heads=2, text_channels=(16, 32), text_tokens=(4, 6),
    pooled_channels=8, learned_sigma=False,
)  # fmt: skip
RECIPE = Recipe(
    autoencoder=ImageSize(
        grid=(FRAMES, 8, 8), base=4, multipliers=(1, 1), blocks=1, latent_channels=2, groups=2, scale=None
    ),
    network=MODEL,
    plans={"autoencoder": Plan(40, 8, 1e-2), "images": Plan(40, 8, 3e-3), "clips": Plan(30, 4, 3e-3)},
    ema=0.9, motion_free=0.5, sampling_steps=3, text_scale=3.0,
)  # fmt: skip
CAPTIONS = ["a red star", "a green ring"]
PLAIN = Sampling()


@dataclass
class Asked:
    """Data that remembers what it was asked for: one grey for each clip, that goes brighter with time."""

    draws: list[tuple[int, int]] = field(default_factory=list)

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        del stride
        self.draws.append((count, frames))
        grey = torch.rand(count, 1, 1, 1, 1, generator=generator) - 1
        video = grey + torch.linspace(0, 1, frames).view(1, 1, -1, 1, 1)
        captions = tuple(f"{'clip' if frames > 1 else 'image'} {number}" for number in range(count))
        return Clips(video.expand(count, 3, frames, height, width), captions, torch.full((count,), 8.0))


def randomised(recipe: Recipe = RECIPE, seed: int = 0) -> TextToVideo:
    generator = torch.Generator().manual_seed(seed)
    pipeline = whole(recipe).eval()
    with torch.no_grad():
        for parameter in pipeline.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return pipeline


def step(seed: int = 0, data: Asked | None = None) -> Step:
    return Step(0, 1, 4, torch.Generator().manual_seed(seed), data or Asked())


def watched(pipeline: TextToVideo) -> list[tuple[torch.Tensor | None, ...]]:
    """What the network is called with, from now on: z, step, CLIP, T5, pooled, masks of the two, mask of frames."""
    calls: list[tuple[torch.Tensor | None, ...]] = []
    pipeline.network.register_forward_pre_hook(lambda _, given: calls.append(given))
    return calls


def made(pipeline: TextToVideo, options: Sampling = PLAIN, captions: Sequence[str] = CAPTIONS) -> torch.Tensor:
    (frames,) = pipeline.sample(captions, range(len(captions)), options, no_advance)
    return frames


def over_time(network: GenTron) -> list[torch.nn.Parameter]:
    blocks = [block for block in network.blocks if isinstance(block, Block) and block.time is not None]
    return [parameter for block in blocks if block.time for parameter in block.time.parameters()]


def test_images_come_first_and_teach_nothing_about_time() -> None:
    pipeline, data = randomised(), Asked()
    _, images, clips = pipeline.phases()
    torch.autograd.backward(images.loss(step(data=data)))
    assert data.draws == [(256, 1), (4, 1)]  # the first step measures the latents
    assert all(parameter.grad is None for parameter in over_time(pipeline.network))
    torch.autograd.backward(clips.loss(step(data=data)))
    assert all(parameter.grad is not None for parameter in over_time(pipeline.network))
    silent = {name for name, x in pipeline.named_parameters() if x.grad is None}
    autoencoder = {f"autoencoder.{name}" for name, _ in pipeline.autoencoder.named_parameters()}
    assert silent - autoencoder == {
        f"t5.{name}" for name in ("score.weight", "score.bias", "project.weight", "project.bias")
    }


def test_some_clips_are_images_that_stand_still() -> None:
    pipeline, data = randomised(), Asked()
    calls = watched(pipeline)
    for seed in range(6):
        pipeline.loss_of_clips(step(seed, data))
    shares = []
    for z, *_, mask in calls:
        assert z is not None
        assert mask is not None
        assert z.shape == (4, 2, FRAMES, 4, 4)
        moving = int((mask == everything(FRAMES)).all((1, 2)).sum())
        assert torch.equal(mask, torch.stack([everything(FRAMES)] * moving + [itself(FRAMES)] * (4 - moving)))
        shares.append(moving)
    asked = {1: 0, FRAMES: 0}
    for count, frames in data.draws:
        asked[frames] += count
    assert asked == {1: 24 - sum(shares), FRAMES: sum(shares)}
    assert 4 < sum(shares) < 20


@pytest.mark.parametrize(("share", "draws"), [(0.0, [(4, FRAMES)]), (1.0, [(4, 1)])])
def test_all_or_none_with_motion(share: float, draws: list[tuple[int, int]]) -> None:
    data = Asked()
    loss = whole(replace(RECIPE, motion_free=share)).loss_of_clips(step(data=data))
    assert data.draws == draws
    assert loss.item() == pytest.approx(1, abs=0.2)  # a new model says 0, and eps has a variance of 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_captions_are_left_out_of_both_encoders(share: float) -> None:
    pipeline = randomised(replace(RECIPE, unconditional=share))
    calls = watched(pipeline)
    pipeline.loss_of_images(step())
    ((_, _, clip, t5, pooled, clip_mask, t5_mask, _),) = calls
    for given in (clip, t5, pooled, clip_mask, t5_mask):
        assert given is not None
        assert bool((given != 0).flatten(1).any(1).all()) is (share == 0)


def test_three_passes_in_one_batch() -> None:
    pipeline = randomised()
    calls = watched(pipeline)
    made(pipeline)
    assert len(calls) == RECIPE.sampling_steps
    z, _, clip, t5, pooled, clip_mask, t5_mask, mask = calls[0]
    assert z is not None
    assert torch.equal(z, z[:2].repeat(3, 1, 1, 1, 1))
    for given in (clip, t5, pooled, clip_mask, t5_mask):
        assert given is not None
        assert (given != 0).flatten(1).any(1).tolist() == [True] * 2 + [False] * 4
    assert mask is not None
    assert torch.equal(mask, torch.stack([everything(FRAMES)] * 4 + [itself(FRAMES)] * 2))
    alone = randomised(replace(RECIPE, motion_scale=1.0))
    calls = watched(alone)
    made(alone, Sampling(guidance=1.0))
    assert calls[0][0] is not None
    assert len(calls[0][0]) == 2  # the conditional model itself


def test_a_video_follows_from_its_caption_and_seed() -> None:
    pipeline = randomised()
    frames = made(pipeline)
    assert (frames.shape, frames.dtype) == ((2, FRAMES, 8, 8, 3), torch.uint8)
    (alone,) = pipeline.sample(CAPTIONS[1:], [1], PLAIN, no_advance)
    assert (alone[0].int() - frames[1].int()).abs().max() <= 1
    assert not torch.equal(made(pipeline, captions=["", ""]), frames)
    assert not torch.equal(made(pipeline, Sampling(guidance=1.0)), frames)


def test_without_time_the_temporal_layers_mix_nothing() -> None:
    """Each frame is what its own noise makes it: other noise in the last frame leaves the others as they are."""
    pipeline = randomised()
    z = torch.randn(1, 2, FRAMES, 4, 4, generator=torch.Generator().manual_seed(0))
    other = torch.cat([z[:, :, :-1], -z[:, :, -1:]], 2)
    level = pipeline.schedule.level(torch.tensor([500]))
    for temporal in (True, False):
        denoise = pipeline._denoiser(["a star"], Sampling(temporal=temporal), torch.device("cpu"))
        found, changed = (denoise(given, level).x[:, :, :-1] for given in (z, other))
        assert torch.allclose(found, changed, atol=1e-5) is not temporal


def test_steps_are_told() -> None:
    told: list[tuple[int, int]] = []
    list(randomised().sample(["a"], [0], Sampling(steps=2), lambda done, steps: told.append((done, steps))))
    assert told == [(1, 2), (2, 2)]


def test_a_perfect_model_gives_its_video() -> None:
    pipeline = randomised(replace(RECIPE, motion_scale=1.0))
    x = torch.randn(1, 2, FRAMES, 4, 4, generator=torch.Generator().manual_seed(5))

    def perfect(z: torch.Tensor, step_b: torch.Tensor, *_: object, temporal: bool) -> torch.Tensor:
        assert temporal
        level = pipeline.schedule.level(step_b)
        return (z - level.alpha_b.float() * x) / level.sigma_b.float()

    pipeline.network.forward = perfect  # type: ignore[assignment, method-assign] # in the place of a trained one
    found = made(pipeline, Sampling(steps=20, guidance=1.0), ["a star"])
    with torch.no_grad():
        expected = to_frames(pipeline.autoencoder.decode(x))
    assert (found.int() - expected.int()).abs().max() <= 1


def test_every_phase_learns() -> None:
    torch.manual_seed(0)
    pipeline = whole(RECIPE)
    for phase in pipeline.phases():
        course = Course(pipeline, phase, phase.steps, seed=0)
        losses = [course.step(number, Asked(), "cpu") for number in range(phase.steps)]
        course.average.give()
        assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_latents_are_measured_before_the_first_step() -> None:
    pipeline = randomised()
    pipeline.loss_of_images(step())
    video = Asked().draw(64, 1, 8, 8, 1, torch.Generator().manual_seed(7)).video_bcthw
    with torch.no_grad():
        x = pipeline.autoencoder.encode(video).transpose(0, 1).flatten(1)
    assert torch.allclose(x.mean(1), torch.zeros(2), atol=0.2)
    assert torch.allclose(x.std(1), torch.ones(2), atol=0.2)


@pytest.mark.parametrize(("name", "most"), [("gentron/tiny", 0.8e6), ("gentron/small", 11e6)])
def test_pipelines_of_ours(name: str, most: float) -> None:
    pipeline = build_pipeline(name, device="meta")
    assert (pipeline.frames, pipeline.height, pipeline.width) == (16, 32, 32)
    assert sum(parameter.numel() for parameter in pipeline.parameters()) <= most
