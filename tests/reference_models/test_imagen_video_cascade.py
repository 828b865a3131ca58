"""Imagen Video's cascade: shapes, what a stage starts from, guidance, images in training, distillation, tiles."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vidgauge.datasets import read_video
from vidgauge.datasets.writing import video_writer
from vidgauge.reference_models.diffusion import CosineSchedule, Level, Noise, from_x, levels, target
from vidgauge.reference_models.imagen_video.block import TemporalConvolution
from vidgauge.reference_models.imagen_video.cascade import Cascade, Training
from vidgauge.reference_models.imagen_video.distilling import HalvedStage
from vidgauge.reference_models.imagen_video.low_resolution import cropped, enlarged, reduced
from vidgauge.reference_models.imagen_video.sizes import PAPER, TINY, Plan, Size
from vidgauge.reference_models.imagen_video.stage import Asked, Recipe, Stage
from vidgauge.reference_models.pipeline import Clips, Sampling, Step, no_advance
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.reference_models.systems.imagen_video import ImagenVideoUNet, cascade
from vidgauge.reference_models.text import WordEncoder

TRAINING = Training(steps=2, batch=2, learning_rate=1e-3)
CAPTIONS = ["a red star drifts left over blue dots", "a cyan ring spins clockwise over grey clouds"]


def minute(name: str, time: int, space: int) -> Size:
    """The network of that name, a few channels wide; 2 frames of 3 x 2 stand for 16 of 24 x 40."""
    size = PAPER[name].size
    count = 1 if size.efficient else 2
    return replace(
        size,
        grid=(2 * time, 3 * space, 2 * space),
        base=4,
        mults=(1,) * count,
        blocks=(1,) * count,
        space=(count - 1,) if size.space else (),
        text=(count - 1,),
        head=4,
        words=16,
    )


_BASE = minute("base", 1, 2)
QUICK = {
    "a": Plan(_BASE, Recipe(steps=4, guidance=(3.0, 1.0), images=1), TRAINING),
    "b": Plan(minute("tsr3", 2, 2), Recipe(time=2, steps=4, guidance=2.0), TRAINING),
    "c": Plan(minute("ssr3", 2, 4), Recipe(space=2, steps=4, guidance=1.0, images=1, crop=(8, 4)), TRAINING),
}
"""A cascade of three stages, from 2 frames of 6 x 4 to 4 of 12 x 8."""


def stir(pipeline: Cascade) -> None:
    """So that what starts at zero is none."""
    generator = torch.Generator().manual_seed(1)
    for parameter in pipeline.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    pipeline.eval()


def seven() -> Cascade:
    """All of the paper's stages."""
    stages, time, space = {}, 1, 1
    for name, (_, recipe, _) in PAPER.items():
        time, space = time * recipe.time, space * recipe.space
        tile, crop = recipe.tile and (8, 96, 32), recipe.crop and (8, 8)
        stages[name] = Plan(
            minute(name, time, space), replace(recipe, steps=1, images=1, tile=tile, crop=crop), TRAINING
        )
    made = cascade(stages, WordEncoder(16), 24.0)
    stir(made)
    return made


class Ramps:
    """Clips that need no rendering: each of one colour that grows with time."""

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        colours = torch.rand(count, 3, 1, 1, 1, generator=generator) - 1
        time = torch.arange(0, frames * stride, stride)[:, None, None] / 100
        video = (colours + time).expand(-1, -1, -1, height, width)
        return Clips(video, tuple(CAPTIONS[i % 2] for i in range(count)), torch.ones(count))


def step(seed: int = 0) -> Step:
    """The first of a phase."""
    return Step(0, 2, 2, torch.Generator().manual_seed(seed), Ramps())


def sampled(pipeline: Cascade, seeds: list[int], **options: object) -> torch.Tensor:
    """Videos of the first captions, all chunks of them."""
    chunks = pipeline.sample(CAPTIONS[: len(seeds)], seeds, Sampling(**options), no_advance)  # type: ignore[arg-type]
    return torch.cat(list(chunks), 1)


def test_seven_stages_end_to_end_to_a_lossless_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, grids, steps = seven(), [], []
    sample = Stage.sample

    def noted(stage: Stage, low_bcthw: torch.Tensor | None, asked: Asked) -> torch.Tensor:
        video = sample(stage, low_bcthw, asked)
        grids.append(tuple(video.shape[2:]))
        return video

    monkeypatch.setattr(Stage, "sample", noted)
    chunks = list(pipeline.sample(CAPTIONS[:1], [3], Sampling(), lambda *told: steps.append(told)))
    with video_writer(tmp_path / "video.mkv", pipeline.fps) as writer:
        for chunk in chunks:
            writer.write(chunk[0])
    extents = [(2, 3, 2), (4, 3, 2), (4, 6, 4), (4, 24, 16), (8, 24, 16), (16, 24, 16), (16, 96, 64)]
    assert grids == extents
    assert steps == [(done, 7) for done in range(1, 8)]
    video = torch.cat(chunks, 1)
    assert video.shape == (1, pipeline.frames, pipeline.height, pipeline.width, 3) == (1, 16, 96, 64, 3)
    assert video.float().std() > 1
    assert torch.equal(read_video(tmp_path / "video.mkv").frames_thwc, video[0])


def test_a_video_follows_from_its_caption_and_seed_alone() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0)
    stir(pipeline)
    both, alone = sampled(pipeline, [5, 6]), sampled(pipeline, [5])
    assert (both[:1].int() - alone.int()).abs().max() <= 1  # rounding
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(sampled(pipeline, [5], temporal=False), alone)
    assert not torch.equal(sampled(pipeline, [5], guidance=4.0), alone)


def test_tiles_change_nothing() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0)
    stir(pipeline)
    whole = sampled(pipeline, [5])
    for stage, tile in zip(pipeline.stages[1:], ((1, 4, 4), (3, 4, 4)), strict=True):
        stage.recipe = replace(stage.recipe, tile=tile)
    assert (sampled(pipeline, [5]).int() - whole.int()).abs().max() <= 1


def test_frames_without_time_are_made_each_for_itself() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0)
    stir(pipeline)
    stage, text = pipeline.stages[0], pipeline.text(CAPTIONS[:1])
    level = levels(CosineSchedule(), 4)[1]
    z = torch.randn(1, 3, *stage.network.grid, requires_grad=True)
    for temporal in (False, True):
        (gradient,) = torch.autograd.grad(stage.network_denoise(text, None, temporal)(z, level).x[:, :, 1].sum(), z)
        assert bool(gradient[:, :, 0].any()) == temporal


def test_images_leave_what_mixes_frames_alone_and_videos_do_not() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0)
    stir(pipeline)
    for stage in (pipeline.stages[0], pipeline.stages[2]):
        frames, height, width = stage.network.grid
        mixing = [
            parameter
            for module in stage.network.modules()
            if isinstance(module, TemporalConvolution)
            for parameter in module.parameters()
        ]
        for count in (1, frames):
            clips = Ramps().draw(frames, count, height, width, 1, torch.Generator().manual_seed(0))
            losses = stage.losses(clips, pipeline.text, step())
            assert losses.shape == (frames,)
            stage.zero_grad()
            torch.autograd.backward(losses.sum())
            assert bool(mixing) == (not stage.first)
            assert [bool(p.grad.any()) for p in mixing if p.grad is not None] == [count > 1] * len(mixing)


def test_each_phase_trains_its_network_and_the_first_the_text() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0)
    stir(pipeline)
    assert [phase.trains for phase in pipeline.phases()] == [("a.network", "text"), ("b.network",), ("c.network",)]
    for phase in pipeline.phases():
        loss = phase.loss(step())
        assert loss.ndim == 0
        torch.autograd.backward(loss)
        trained = [p for name in phase.trains for p in pipeline.get_submodule(name).parameters()]
        assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


def test_low_resolution_is_in_its_place_bilinear_and_repeated_or_blank() -> None:
    video = torch.randn(1, 3, 6, 4, 6)
    repeated, blank = enlarged(video, 2, 4, 6), enlarged(video, 2, 4, 6, blank=True)
    assert torch.equal(repeated, video.repeat_interleave(2, dim=2))
    assert torch.equal(blank[:, :, ::2], video)
    assert not blank[:, :, 1::2].any()
    assert torch.equal(reduced(repeated, 2, 4, 6), video)
    larger = enlarged(video, 1, 8, 12)
    want = torch.nn.functional.interpolate(video[0].transpose(0, 1), (8, 12), mode="bilinear").transpose(0, 1)
    torch.testing.assert_close(larger[0], want)
    assert cropped(larger, (4, 4), 2, torch.Generator()).shape == (1, 3, 6, 4, 4)


def test_an_infinite_snr_leaves_the_low_resolution_as_it_is() -> None:
    (size, recipe, _) = QUICK["b"]
    low = torch.randn(2, 3, 2, 4, 4)
    for snr in (3.0, float("inf")):
        start = Stage(ImagenVideoUNet(size), replace(recipe, snr=snr), 1).start(low, Noise([0, 1]))
        assert start.video_bcthw.shape == (2, 3, 4, 4, 4)
        assert torch.equal(start.video_bcthw[:, :, ::2], low) == (snr > 3)
        assert start.told_b.tolist() == pytest.approx([min(math.log(snr), 20)] * 2)


def test_with_one_noise_for_all_frames_what_stands_still_stays_so() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0)
    stir(pipeline)
    stage, low = pipeline.stages[2], torch.randn(1, 3, 1, 6, 4).expand(-1, -1, 4, -1, -1)
    text, null = pipeline.text(CAPTIONS[:1]), pipeline.text.nothing(1)
    for shared in (False, True):
        stage.recipe = replace(stage.recipe, shared_noise=shared)
        video = stage.sample(low, Asked(text, null, Noise([0]), False, None, None, lambda: None))
        assert torch.allclose(video[:, :, :1].expand_as(video), video, atol=1e-5) == shared


def test_guidance_oscillates_after_a_tenth_of_the_steps_up_to_80_x_48() -> None:
    for name, (size, recipe, _) in PAPER.items():
        scale = Stage(ImagenVideoUNet(minute(name, 1, 1)), recipe, 1).scale(None, 20)
        if size.grid[1] > 48:
            assert scale == 6
            continue
        assert callable(scale)
        scales = [scale(level) for level in levels(CosineSchedule(), 20)[:-1]]
        assert scales == [15, 15] + [1, 15] * 9


def test_half_the_steps_are_learnt_from_two_guided_ones() -> None:
    pipeline = cascade(QUICK, WordEncoder(16), 8.0, distilled=True)
    stir(pipeline)
    phases = pipeline.phases()
    assert [phase.name for phase in phases] == ["a", "b", "c", "a halved", "b halved", "c halved"]
    for phase, stage in zip(phases[3:], pipeline.stages, strict=True):
        assert isinstance(stage, HalvedStage)
        phase.begin()
        assert all(map(torch.equal, stage.teacher.network.parameters(), stage.network.parameters()))
        torch.autograd.backward(phase.loss(step()))
        assert all(p.grad is None for p in stage.teacher.parameters())
    told = []
    list(pipeline.sample(CAPTIONS[:1], [0], Sampling(), lambda *done: told.append(done)))
    assert told == [(done, 6) for done in range(1, 7)]


def test_a_student_that_knows_what_two_steps_come_to_has_no_loss() -> None:
    """With an oracle that knows x, two steps of DDIM and one are the same: the student is the teacher."""
    (size, recipe, _) = QUICK["a"]
    stage = HalvedStage(ImagenVideoUNet(size), replace(recipe, guidance=1.0), 1)
    clips = Ramps().draw(2, *size.grid, 1, torch.Generator().manual_seed(0))

    def knows(z: torch.Tensor, level: Level, *_: object) -> torch.Tensor:
        return target("v", x, from_x(x, z, level).eps, level)

    x = clips.video_bcthw
    stage.predict = stage.teacher.predict = knows  # type: ignore[method-assign,assignment]
    data = SimpleNamespace(draw=lambda *_: clips)
    known = Step(0, 2, 2, torch.Generator().manual_seed(0), data)
    assert stage.distil(known, WordEncoder(16)).item() < 1e-8


def test_tiny_is_small() -> None:
    pipeline = build_pipeline("imagen-video/tiny", "meta")
    assert sum(parameter.numel() for parameter in pipeline.parameters()) <= 800_000
    assert (pipeline.frames, pipeline.height, pipeline.width) == (16, 32, 32)
    assert all(recipe.steps <= 16 for _, recipe, _ in TINY.values())
