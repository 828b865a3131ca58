"""Video Diffusion Models trained and sampled: joint training, guidance, and videos beyond the size of a clip."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import Estimate, Level, Noise
from vidgauge.reference_models.pattern import clip_and_images
from vidgauge.reference_models.pipeline import Clips, Sampling, Step, from_frames, no_advance
from vidgauge.reference_models.resizing import resized
from vidgauge.reference_models.systems.vdm import VideoDiffusion
from vidgauge.reference_models.vdm import hyperparameters
from vidgauge.reference_models.vdm.cascade import Cascade
from vidgauge.reference_models.vdm.conditional import Task, in_windows
from vidgauge.reference_models.vdm.hyperparameters import Hyperparameters

MODEL = Hyperparameters(
    grid=(4, 8, 8), base=8, multipliers=(1, 2), blocks=1, attention_at=(4, 8), head_channels=4, embedding=16,
    embedding_layers=2, joint_images=2, captions=True, text_channels=16, steps=3, batch=2, sampling_steps=3,
)  # fmt: skip
CAPTIONS = ["a red star drifts left over blue stripes", "a green ring spins clockwise over red dots"]
PLAIN = Sampling()


def randomised(model: Hyperparameters = MODEL, seed: int = 0) -> VideoDiffusion:
    generator = torch.Generator().manual_seed(seed)
    pipeline = VideoDiffusion(model).eval()
    with torch.no_grad():
        for parameter in pipeline.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return pipeline


def made(pipeline: VideoDiffusion, options: Sampling = PLAIN, captions: Sequence[str] = CAPTIONS) -> torch.Tensor:
    (frames,) = pipeline.sample(captions, range(len(captions)), options, no_advance)
    return frames


def frames_of(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@dataclass
class Asked:
    """Data that remembers what it was asked for; each clip has one grey of its own."""

    draws: list[tuple[int, int]] = field(default_factory=list)

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        del stride
        self.draws.append((count, frames))
        grey = 2 * torch.rand(count, 1, 1, 1, 1, generator=generator) - 1
        captions = tuple(f"{'clip' if frames > 1 else 'image'} {number}" for number in range(count))
        return Clips(grey.expand(count, 3, frames, height, width), captions, torch.full((count,), 8.0))


def step(seed: int = 0, data: Asked | None = None) -> Step:
    return Step(0, 1, 2, torch.Generator().manual_seed(seed), data or Asked())


def test_training_appends_images_that_the_clip_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, data, calls = VideoDiffusion(MODEL), Asked(), []
    network = pipeline.network.forward

    def watched(z: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        calls.append((z, *more))
        return network(z, *more)

    monkeypatch.setattr(pipeline.network, "forward", watched)
    pipeline.loss(step(data=data))
    ((z, level, text, mask),) = calls
    assert data.draws == [(2, 4), (4, 1)]
    assert z.shape == (2, 3, 6, 8, 8)
    assert torch.equal(mask, clip_and_images(4, 2))
    assert text.shape == (2, 6, 16)
    assert level.shape == (2, 6)
    assert torch.equal(level[:, :4], level[:, :1].expand(-1, 4))  # one level a clip, and one an image
    times = torch.atan(torch.exp(-level[:, 3:] / 2)).flatten().sort().values * 2 / torch.pi
    torch.testing.assert_close(times.diff(), torch.full((5,), 1 / 6, dtype=times.dtype), rtol=0, atol=1e-3)  # spread
    assert torch.equal(text[:, :4], text[:, :1].expand(-1, 4, -1))  # one caption a clip, and one an image
    assert len({tuple(row) for row in text[:, 3:].flatten(0, 1).tolist()}) == 6


def test_a_new_model_loses_what_noise_has() -> None:
    """It says 0, and eps has a variance of 1; so has v, for alpha^2 + sigma^2 E x^2, less where videos vary less."""
    assert VideoDiffusion(MODEL).loss(step()).item() == pytest.approx(1, abs=0.1)
    assert VideoDiffusion(replace(MODEL, target="v")).loss(step()).item() < 1


def test_captions_are_left_out_at_random() -> None:
    pipeline = VideoDiffusion(replace(MODEL, unconditional=1.0))
    text = pipeline._texts(["a"] * 6, 2, torch.Generator())
    assert text is not None
    assert torch.equal(text, torch.zeros(2, 6, 16))
    always = VideoDiffusion(replace(MODEL, unconditional=0.0))._texts(["a"] * 6, 2, torch.Generator())
    assert always is not None
    assert bool((always.abs().amax(-1) > 0).all())


def test_flips_turn_whole_clips() -> None:
    class Ramp(Asked):
        def draw(
            self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator
        ) -> Clips:
            clips = super().draw(count, frames, height, width, stride, generator)
            return replace(clips, video_bcthw=clips.video_bcthw * 0 + torch.linspace(-1, 1, 8))

    pipeline, seen = VideoDiffusion(replace(MODEL, flips=True, joint_images=0, captions=False)), []
    pipeline.schedule = replace(pipeline.schedule, min_log_snr=60.0, max_log_snr=61.0)  # no noise to speak of
    pipeline.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for seed in range(8):
        pipeline.loss(step(seed, Ramp()))
    left = torch.cat(seen)[..., 0]
    assert set(left.flatten(1).mean(1).round().tolist()) == {-1.0, 1.0}
    assert left.flatten(1).std(1).max() < 1e-6


def test_every_number_of_appendix_a_reaches_training() -> None:
    pipelines = [
        VideoDiffusion(replace(model, base=8, multipliers=(1, 2), head_channels=8, embedding=16))
        for model in (hyperparameters.UCF101, hyperparameters.BAIR)
    ]
    (ucf,), (bair,) = (pipeline.phases() for pipeline in pipelines)
    assert (ucf.steps, ucf.batch, ucf.learning_rate, ucf.betas, ucf.ema) == (60_000, 128, 3e-4, (0.9, 0.99), 0.9999)
    assert (bair.betas, bair.weight_decay, bair.ema, bair.trains) == ((0.9, 0.999), 0.01, 0.999, ("network",))
    assert [type(pipeline.sampler).__name__ for pipeline in pipelines] == ["Ancestral", "Langevin"]


def test_it_learns() -> None:
    torch.manual_seed(0)
    pipeline, losses = VideoDiffusion(replace(MODEL, target="v")), []
    optimizer = torch.optim.Adam(pipeline.parameters(), lr=5e-3)
    for _ in range(8):
        lost = pipeline.loss(step())  # the same data and noise each time
        optimizer.zero_grad()
        lost.backward()  # type: ignore[no-untyped-call] # torch leaves this one untyped
        optimizer.step()
        losses.append(lost.item())
    assert losses[-1] < 0.92 * losses[0]


def test_a_video_follows_from_its_caption_and_seed_alone() -> None:
    pipeline = randomised()
    both = made(pipeline)
    assert both.dtype == torch.uint8
    assert both.shape == (2, 4, 8, 8, 3)
    (second,) = pipeline.sample(CAPTIONS[1:], [1], PLAIN, no_advance)
    assert (second[0].int() - both[1].int()).abs().max() <= 1
    assert not torch.equal(made(pipeline, captions=["", ""]), both)


def test_a_guidance_of_one_is_the_conditional_model() -> None:
    pipeline = randomised()
    one, none, more = (made(pipeline, Sampling(guidance=scale)) for scale in (1.0, 0.0, 3.0))
    z, level = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0)), Level.of_log_snr(torch.zeros(2))
    with torch.no_grad():
        text_be = pipeline.text(CAPTIONS).pooled_bc  # type: ignore[misc]  # it has one
        known, free = (pipeline.network(z, level.told_b, c) for c in (text_be, None))
        for scale in (0.0, 1.0, 3.0):
            eps = (1 + (scale - 1)) * known - (scale - 1) * free  # the paper's (1 + w) f(c) - w f(0)
            found = pipeline._denoiser(CAPTIONS, Sampling(guidance=scale))(z, level)
            torch.testing.assert_close(found.eps, eps, rtol=1e-4, atol=1e-4)
    assert torch.equal(made(pipeline), one)  # the preset's own
    assert not torch.equal(one, none)
    assert not torch.equal(one, more)
    without = made(pipeline, Sampling(guidance=1.0), ["", ""])
    assert (none.int() - without.int()).abs().max() <= 1  # batches of twice the size may round otherwise


def test_without_time_each_frame_is_made_for_itself() -> None:
    """The same noise in the first frame and other noise in the rest: with time the first frame changes, without not."""
    pipeline = randomised()
    z = torch.randn(1, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    other = torch.cat([z[:, :, :1], z[:, :, 1:].flip(0, 1)], 2)
    level = Level.of_log_snr(torch.zeros(1))
    with torch.no_grad():
        for temporal in (True, False):
            denoise = pipeline._denoiser(CAPTIONS[:1], Sampling(temporal=temporal))
            same = torch.allclose(denoise(z, level).x[:, :, 0], denoise(other, level).x[:, :, 0], atol=1e-6)
            assert same is not temporal


def test_samplers_and_steps_are_the_presets_own() -> None:
    told: list[tuple[int, int]] = []
    pipeline = randomised(replace(MODEL, sampler="langevin", captions=False, target="v"))
    calls = []
    pipeline.network.register_forward_hook(lambda *_: calls.append(1))
    list(pipeline.sample(["", ""], [0, 1], PLAIN, lambda done, steps: told.append((done, steps))))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert len(calls) == 2 * 3 - 1  # a corrector after each step but the last


@pytest.mark.parametrize(
    ("frames", "overlap", "first", "windows"),
    [
        (4, 2, 0, [(0, 0)]),
        (8, 2, 0, [(0, 0), (2, 2), (4, 2)]),
        (9, 1, 0, [(0, 0), (3, 1), (5, 2)]),  # the last one ends with the video
        (4, 2, 1, [(0, 1)]),  # prediction
        (7, 2, 5, [(3, 2)]),
    ],
)
def test_windows_cover_a_video(frames: int, overlap: int, first: int, windows: list[tuple[int, int]]) -> None:
    task = Task(frames, overlap, 0.0, torch.zeros(1, 3, first, 8, 8) if first else None)
    task.check(4)
    assert list(task.windows(4)) == windows


def beyond(pipeline: VideoDiffusion, **task: Any) -> list[torch.Tensor]:  # noqa: ANN401 - the task's own
    return list(pipeline.extend(CAPTIONS, [0, 1], PLAIN, no_advance, **task))


def test_extension_goes_on_from_the_clip_before() -> None:
    pipeline = randomised()
    told: list[tuple[int, int]] = []
    chunks = list(
        pipeline.extend(CAPTIONS, [0, 1], PLAIN, lambda done, steps: told.append((done, steps)), frames=7, overlap=1)
    )
    assert [chunk.shape for chunk in chunks] == [(2, 4, 8, 8, 3), (2, 3, 8, 8, 3)]
    assert told[-1] == (6, 6)
    assert torch.equal(chunks[0], made(pipeline))
    assert [chunk.shape[1] for chunk in beyond(pipeline, frames=7)] == [4, 2, 1]


def test_prediction_goes_on_from_given_frames() -> None:
    pipeline, first = randomised(), frames_of(2, 1, 8, 8, 3)
    given, new = beyond(pipeline, frames=4, first=first)
    assert torch.equal(given, first)
    assert new.shape == (2, 3, 8, 8, 3)
    assert not torch.equal(new, beyond(pipeline, frames=4, first=255 - first)[1])


def test_filling_keeps_the_frames_that_it_was_given() -> None:
    pipeline, keys = randomised(), frames_of(2, 3, 8, 8, 3)
    video = torch.cat(beyond(pipeline, frames=7, keys=keys, every=3, overlap=1), 1)
    assert video.shape == (2, 7, 8, 8, 3)
    assert torch.equal(video[:, ::3], keys)
    assert not torch.equal(video[:, 1], video[:, 0])


def test_with_all_frames_known_they_come_back() -> None:
    pipeline, keys = randomised(), frames_of(2, 4, 8, 8, 3)
    assert torch.equal(torch.cat(beyond(pipeline, frames=4, keys=keys), 1), keys)


def test_all_kinds_of_knowledge_at_once() -> None:
    pipeline, keys, small = randomised(), frames_of(2, 3, 8, 8, 3), frames_of(2, 7, 4, 4, 3)
    first = torch.cat([keys[:, :1], frames_of(2, 1, 8, 8, 3, seed=1)], 1)
    known: dict[str, Any] = {"frames": 7, "keys": keys, "every": 3, "first": first}
    without = torch.cat(beyond(pipeline, **known), 1)
    video = torch.cat(beyond(pipeline, **known, small=small), 1)
    assert torch.equal(video[:, ::3], keys)
    assert torch.equal(video[:, :2], first)
    assert not torch.equal(video, without)


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ({"frames": 3}, "3 frames"),
        ({"frames": 8, "overlap": 4}, "overlap is 4"),
        ({"frames": 8, "overlap": 0}, "overlap is 0"),
        ({"frames": 8, "first": frames_of(2, 8, 8, 8, 3)}, "8 first frames of 8"),
        ({"frames": 8, "small": frames_of(2, 7, 4, 4, 3)}, "7 small frames of 8"),
        ({"frames": 8, "keys": frames_of(2, 3, 8, 8, 3), "every": 3}, "span 7 frames, not 8"),
        ({"frames": 8, "every": 0}, "every is 0"),
    ],
)
def test_tasks_that_make_no_sense(task: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        beyond(VideoDiffusion(MODEL), **task)


class Oracle:
    """The exact denoiser of a world in which all numbers are standard normal, and equal in all frames."""

    def __call__(self, z: torch.Tensor, level: Level) -> Estimate:
        alpha, sigma = (x.to(z).view(-1, 1, 1, 1, 1) for x in (level.alpha_b, level.sigma_b))
        frames = z.shape[2]
        x = (alpha * z.sum(2, keepdim=True) / (sigma**2 + frames * alpha**2)).expand_as(z)
        return Estimate(x, (z - alpha * x) / sigma)


def conditioned(task: Task, seed: int = 0) -> torch.Tensor:
    """A video of the oracle's world, sampled with the pipeline's own loop in clips of 4 frames."""
    pipeline = VideoDiffusion(replace(MODEL, grid=(4, 8, 8), captions=False))
    noise = Noise([seed])
    pipeline.schedule = replace(pipeline.schedule, min_log_snr=-10.0)

    def draw(denoise: object) -> torch.Tensor:
        return pipeline._drawn(denoise, noise, 1, Sampling(steps=64), lambda: None)  # type: ignore[arg-type]  # is one

    return torch.cat(list(in_windows(Oracle(), draw, noise, task, 4)), 2)


def test_reconstruction_guidance_goes_on_where_replacement_forgets() -> None:
    """In a world that stands still what follows is what came before; replacement alone comes less near."""
    still, replaced = (conditioned(Task(7, 1, weight)) for weight in (1.0, 0.0))
    off = [(video[:, :, 4:] - video[:, :, 3:4]).square().mean() for video in (still, replaced)]
    assert off[0] < 0.5 * off[1]


def test_super_resolution_agrees_with_the_small_video() -> None:
    low = torch.linspace(-0.5, 0.5, 16).view(1, 1, 1, 4, 4).expand(1, 3, 7, 4, 4)
    near, free = (conditioned(Task(7, 1, weight, low_bcthw=low)) for weight in (2.0, 0.0))
    off = [(torch.nn.functional.avg_pool3d(video, (1, 2, 2)) - low).square().mean() for video in (near, free)]
    assert near.shape == (1, 3, 7, 8, 8)
    assert off[0] < 0.3 * off[1]


def test_super_resolution_through_the_network() -> None:
    pipeline, small = randomised(), frames_of(2, 6, 4, 4, 3)
    chunks = beyond(pipeline, frames=6, small=small)
    assert [chunk.shape for chunk in chunks] == [(2, 4, 8, 8, 3), (2, 2, 8, 8, 3)]
    assert not torch.equal(chunks[0], made(pipeline))


def cascade(weight: float = 20.0) -> Cascade:
    large = replace(MODEL, grid=(3, 16, 16), sampling_steps=2, reconstruction=weight)
    return Cascade(randomised(), randomised(large, seed=1))


def test_a_cascade_trains_each_model_at_its_own_size() -> None:
    model = cascade()
    assert [phase.name for phase in model.phases()] == ["small: clips and images", "large: clips and images"]
    assert [phase.trains for phase in model.phases()] == [
        ("small.network", "small.text"),
        ("large.network", "large.text"),
    ]
    assert (model.frames, model.height) == (4, 16)


def test_a_cascades_large_video_is_its_small_one_seen_nearer() -> None:
    model, told = cascade(), []
    (small,) = model.small.sample(CAPTIONS, [3, 4], PLAIN, no_advance)
    chunks = list(model.sample(CAPTIONS, [3, 4], PLAIN, lambda done, steps: told.append((done, steps))))
    large = torch.cat(chunks, 1)
    assert large.shape == (2, 4, 16, 16, 3)
    assert told == [(done, 7) for done in range(1, 8)]  # three steps, and two for each of two clips of three frames
    free = torch.cat(list(cascade(0.0).sample(CAPTIONS, [3, 4], PLAIN, no_advance)), 1)
    assert off(large, small) < 0.8 * off(free, small)


def off(large: torch.Tensor, small: torch.Tensor) -> float:
    reduced = resized(from_frames(large), 8, 8, "bilinear")
    return (reduced - from_frames(small)).square().mean().sqrt().item()
