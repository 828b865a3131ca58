"""Known frames of Align your Latents: masks, interpolation, prediction clip by clip, context guidance, patches."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import Denoise, Estimate, Level
from vidgauge.reference_models.video_ldm.masks import (
    conditioning,
    context_guided,
    drawn_counts,
    first_frames,
    interpolated,
    interpolated_frames,
    key_frames,
    patch,
    predicted,
)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_the_condition_is_what_is_known_and_that_it_is() -> None:
    z, known = drawn(2, 3, 4, 2, 2), torch.tensor([[True, False, False, True], [False] * 4])
    condition = conditioning(z, known)
    assert condition.shape == (2, 4, 4, 2, 2)
    for clip, frame in ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0)):
        there = bool(known[clip, frame])
        assert torch.equal(condition[clip, :3, frame], z[clip, :, frame] * there)
        assert bool((condition[clip, 3, frame] == there).all())
    assert not condition[1].any()


def test_masks() -> None:
    first = first_frames(torch.tensor([0, 1, 2]), 4)
    assert first.int().tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]
    assert key_frames(2, 5).int().tolist() == [[1, 0, 0, 0, 1]] * 2
    assert key_frames(1, 29).sum() == 8
    assert [interpolated_frames(8), interpolated_frames(29)] == [29, 113]


def test_known_frames_are_drawn_with_their_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    assert set(drawn_counts(100, generator).tolist()) == {0, 1, 2}
    assert set(drawn_counts(100, generator, (0, 1, 1)).tolist()) == {1, 2}


def linear(condition: Tensor) -> Tensor:
    """Fills a gap with a straight line between its ends, which it must have been given."""
    assert bool((condition[:, -1, [0, -1]] == 1).all())
    assert not condition[:, :, 1:-1].any()
    z, frames = condition[:, :-1], condition.shape[2]
    share = torch.linspace(0, 1, frames)[:, None, None]
    return (1 - share) * z[:, :, :1] + share * z[:, :, -1:] + 0 * z


def test_8_key_frames_become_29_and_113() -> None:
    keys = drawn(2, 3, 8, 2, 2)
    once = interpolated(keys, linear)
    twice = interpolated(once, linear)
    assert once.shape[2] == 29
    assert twice.shape[2] == 113
    assert torch.equal(once[:, :, ::4], keys)
    assert torch.equal(twice[:, :, ::16], keys)
    for made in (once, twice):
        line = functional.interpolate(keys, size=(made.shape[2], 2, 2), mode="trilinear", align_corners=True)
        torch.testing.assert_close(made, line, rtol=0, atol=1e-5)
    with pytest.raises(UsageError, match="at least 2"):
        interpolated(keys[:, :, :1], linear)


def test_every_gap_is_a_clip_of_its_own() -> None:
    given: list[Tensor] = []

    def make(condition: Tensor) -> Tensor:
        given.append(condition)
        numbers = torch.arange(len(condition)).view(-1, 1, 1, 1, 1)
        return numbers.expand(-1, 3, condition.shape[2], 1, 1).float()

    keys = drawn(2, 3, 3, 1, 1)
    made = interpolated(keys, make)
    assert given[0].shape == (4, 4, 5, 1, 1)
    for number, (clip, gap) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        assert torch.equal(given[0][number, :3, 0], keys[clip, :, gap])
        assert torch.equal(given[0][number, :3, -1], keys[clip, :, gap + 1])
        assert bool((made[clip, :, 4 * gap + 1 : 4 * gap + 4] == number).all())


@pytest.mark.parametrize(("frames", "chunks"), [(1, [1]), (8, [1, 7]), (14, [1, 7, 6]), (17, [1, 7, 6, 3])])
def test_prediction_goes_on_from_the_last_two_frames(frames: int, chunks: list[int]) -> None:
    known: list[int] = []

    def make(condition: Tensor) -> Tensor:
        """Counts on from the last known frame."""
        count = int(condition[0, 1, :, 0, 0].sum())
        known.append(count)
        assert condition.shape[2] == 8
        assert not condition[:, :, count:].any()
        return condition[:, :1, [0]] + torch.arange(8)[:, None, None]

    made = list(predicted(torch.zeros(1, 1, 1, 2, 2), make, frames, 8))
    assert [clip.shape[2] for clip in made] == chunks
    assert torch.cat(made, 2)[0, 0, :, 0, 0].tolist() == list(range(frames))
    assert known == [1, 2, 2][: len(chunks) - 1]


def test_context_guidance() -> None:
    context = drawn(1, 4, 2, 1, 1)

    def denoise_with(given: Tensor) -> Denoise:
        return lambda z, _: Estimate(given.sum() + z, 2 * given.sum() + z)

    z, level = drawn(1, 3, 2, 1, 1), Level(torch.tensor([0.6]), torch.tensor([0.8]), torch.tensor([1.0]))
    for scale in (1.0, 2.5):
        found = context_guided(denoise_with, context, scale)(z, level)
        torch.testing.assert_close(found.x, z + scale * context.sum())
        torch.testing.assert_close(found.eps, z + 2 * scale * context.sum())


def test_patches_are_of_the_same_place() -> None:
    z, generator = torch.arange(48.0).view(1, 1, 1, 6, 8), torch.Generator().manual_seed(0)
    small = z.expand(1, 3, 2, 6, 8)
    cut = [patch(z, small, 4, generator) for _ in range(20)]
    assert all(torch.equal(large.expand(1, 3, 2, 4, 4), little) for large, little in cut)
    assert len({large.flatten()[0].item() for large, _ in cut}) > 5
    with pytest.raises(UsageError, match="no patch of 7"):
        patch(z, small, 7, generator)
