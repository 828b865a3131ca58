"""The whole of Make-A-Video: what each stage hands on, what training draws, and that nothing large is ever held."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vidgauge.errors import UsageError
from vidgauge.reference_models.make_a_video.frames import blurred, draw_stride, known_mask, windows
from vidgauge.reference_models.make_a_video.networks import Size
from vidgauge.reference_models.make_a_video.prior import PriorSize
from vidgauge.reference_models.make_a_video.sizes import SMALL, TINY, Cascade, Course, Steps
from vidgauge.reference_models.make_a_video.stages import Run
from vidgauge.reference_models.pipeline import Clips, Phase, Sampling, Step, no_advance
from vidgauge.reference_models.resizing import resized
from vidgauge.reference_models.systems.make_a_video import MakeAVideo

NAMES = ["clip", "prior", "decoder-images", "ssr1-images", "ssr2-images", "decoder", "ssr1", "interpolation"]
WEE = Cascade(
    prior=PriorSize(dimension=8, width=8, layers=1, heads=1, text_channels=32, context=20),
    decoder=Size((16, 2, 2), 4, (1,), 1, attention=(0,), head_channels=4, dimension=8, embedding=2),
    ssr1=Size((16, 4, 4), 4, (1,), 1, embedding=2),
    ssr2=Size((8, 12, 12), 4, (1,), 1, embedding=2, over_time=False),
    height=8,
    width=8,
    steps=Steps(prior=1, decoder=1, interpolation=1, ssr1=1, ssr2=1),
    courses={name: Course(4, 2, 1e-3) for name in NAMES},
)
"""16 key frames to 76 frames."""
ONE_WINDOW = replace(WEE, decoder=replace(WEE.decoder, grid=(4, 2, 2)))
CAPTIONS, SEEDS = ["a red star", "a blue ring"], [1, 2]


def made(cascade: Cascade) -> MakeAVideo:
    """With no weight at zero, nor at the identity."""
    generator = torch.Generator().manual_seed(0)
    pipeline = MakeAVideo(cascade)
    for parameter in pipeline.parameters():
        nn.init.normal_(parameter, std=0.2, generator=generator)
    return pipeline.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def long() -> MakeAVideo:
    """76 frames."""
    return made(WEE)


@pytest.fixture(scope="module")
def short() -> MakeAVideo:
    """16 frames: one window."""
    return made(ONE_WINDOW)


def begun(pipeline: MakeAVideo, *, seeds: Sequence[int] = SEEDS) -> Run:
    return pipeline.run(seeds, Sampling(), no_advance, pipeline.frames)


class Noticing(TorchDispatchMode):
    """The most numbers that a tensor had."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves this one untyped
        self.most = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        del types
        out = function(*args, **(kwargs or {}))
        self.most = max([self.most, *(leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, Tensor))])
        return out


def test_windows_cover_76_frames_exactly() -> None:
    filling = windows(76, 16, 1)
    assert [at.start for at in filling] == [0, 15, 30, 45, 60]
    assert [at.stop - at.start for at in filling] == [16] * 5
    assert [at.start for at in windows(76, 16, 4)] == [0, 12, 24, 36, 48, 60]
    assert windows(20, 16, 4) == [range(16), range(4, 20)]
    assert windows(21, 16, 4) == [range(16), range(5, 21)] == windows(21, 16, 5)
    assert windows(9, 16, 4) == [range(9)]


def test_key_frames_are_every_fifth_of_76_and_come_out_as_they_went_in(long: MakeAVideo) -> None:
    keys, image = torch.rand(2, 3, 16, 2, 2), torch.randn(2, 8)
    assert long.frames == SMALL.frames == 76
    video = long.interpolated(keys, image, begun(long))
    assert video.shape == (2, 3, 76, 2, 2)
    torch.testing.assert_close(video[:, :, ::5], keys)
    between = video[:, :, [t for t in range(76) if t % 5]]
    assert float((between[:, :, 1:] - between[:, :, :-1]).abs().min(0).values.max()) > 0


def test_a_window_that_does_not_end_on_a_key_frame_is_refused(short: MakeAVideo) -> None:
    other = MakeAVideo(replace(ONE_WINDOW, skip=4))
    with pytest.raises(UsageError, match="16 frames does not end on a key frame at frame skip 4"):
        other.interpolated(torch.rand(2, 3, 4, 2, 2), torch.randn(2, 8), begun(short))


def test_the_paper_cascade_in_small_gives_76_frames_in_order_and_holds_none_of_the_full_size(long: MakeAVideo) -> None:
    told: list[tuple[int, int]] = []
    with Noticing() as noticing:
        chunks = list(long.sample(CAPTIONS[:1], [1], Sampling(), lambda done, total: told.append((done, total))))
    assert [chunk.shape for chunk in chunks] == [(1, count, 8, 8, 3) for count in (8, 8, *(8, 4) * 5)]
    assert all(chunk.dtype == torch.uint8 for chunk in chunks)
    large = 3 * 76 * 12 * 12
    assert noticing.most < large / 3  # eight frames at a time, of at most eight channels
    total = 1 + 1 + 5 + 6 + 12
    assert told == [(done, total) for done in range(1, total + 1)]


def test_enlarging_some_frames_at_a_time_is_enlarging_all(short: MakeAVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    low = torch.rand(2, 3, 16, 2, 2)
    in_parts = torch.cat([*short.enlarged(low, begun(short))], 1)
    monkeypatch.setattr(short.ssr2, "grid", (16, 12, 12))
    (at_once,) = short.enlarged(low, begun(short))
    assert at_once.shape == (2, 16, 8, 8, 3)
    assert int((in_parts.int() - at_once.int()).abs().max()) <= 1  # a sum in another order may round otherwise


def test_windows_of_super_resolution_share_the_frames_where_they_meet(
    long: MakeAVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sampled = [], long._sampled

    def kept(*given: Any) -> Tensor:  # noqa: ANN401
        made.append(sampled(*given))
        return made[-1]

    monkeypatch.setattr(long, "_sampled", kept)
    new = list(long._enlarged_windows(torch.rand(2, 3, 28, 2, 2), begun(long)))
    assert [part.shape[2] for part in new] == [16, 12]
    torch.testing.assert_close(made[1][:, :, :4], made[0][:, :, -4:])


def test_frames_alike_stay_alike_under_the_same_noise_alone(short: MakeAVideo) -> None:
    low = torch.rand(1, 3, 1, 4, 4).expand(-1, -1, 5, -1, -1)
    run = begun(short, seeds=[1])
    shared = run.noise.shared_frames(torch.empty(1, 3, 5, 12, 12))
    denoise = short._enlarging(short.ssr2, low, run)
    same = short._sampled(denoise, shared, short.linear, 2, run)
    torch.testing.assert_close(same, same[:, :, :1].expand_as(same))
    other = short._sampled(denoise, run.noise.like(shared), short.linear, 2, run)
    assert float((other - other[:, :, :1]).abs().max()) > 0.1


def test_text_comes_in_through_the_image_embedding_alone(short: MakeAVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = short.imagined(CAPTIONS, begun(short, seeds=[1, 1]))
    assert not torch.equal(first, second)
    monkeypatch.setattr(short, "imagined", lambda captions, _: torch.ones(len(captions), 8))
    first, second = torch.cat([*short.sample(CAPTIONS, [1, 1], Sampling(), no_advance)], 1)
    assert torch.equal(first, second)


def test_a_video_does_not_depend_on_those_made_with_it(short: MakeAVideo) -> None:
    options = Sampling(guidance=2.0)
    both = torch.cat([*short.sample(CAPTIONS, SEEDS, options, no_advance)], 1)
    alone = torch.cat([*short.sample(CAPTIONS[1:], SEEDS[1:], options, no_advance)], 1)
    assert int((both[1:].int() - alone.int()).abs().max()) <= 1
    unguided = torch.cat([*short.sample(CAPTIONS, SEEDS, Sampling(guidance=1.0), no_advance)], 1)
    assert not torch.equal(unguided, both)


def test_without_time_each_frame_is_made_for_itself(short: MakeAVideo) -> None:
    before = torch.cat([*short.sample(CAPTIONS, SEEDS, Sampling(temporal=False), no_advance)], 1)
    other = made(ONE_WINDOW)
    for network in (other.decoder, other.interpolator, other.ssr1):
        network.restart_time()
    after = torch.cat([*other.sample(CAPTIONS, SEEDS, Sampling(temporal=False), no_advance)], 1)
    assert torch.equal(before, after)
    assert not torch.equal(before, torch.cat([*short.sample(CAPTIONS, SEEDS, Sampling(), no_advance)], 1))


def test_an_image_is_animated_and_two_are_joined(short: MakeAVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = torch.rand(2, 3, 5, 5), torch.rand(2, 3, 5, 5)
    low: list[Tensor] = []
    enlarged = short.enlarged

    def kept(video: Tensor, run: Run) -> Iterator[Tensor]:
        low.append(video)
        return enlarged(video, run)

    monkeypatch.setattr(short, "enlarged", kept)
    for frames in (
        [*short.animate(first, SEEDS, Sampling(), no_advance)],
        [*short.between(first, last, SEEDS, Sampling(), no_advance)],
        [*short.vary(torch.rand(2, 3, 3, 8, 8), SEEDS, Sampling(), no_advance)],
    ):
        assert torch.cat(frames, 1).shape == (2, 16, 8, 8, 3)
    ends = [resized(image[:, :, None], 2, 2)[:, :, 0] for image in (first, last)]
    torch.testing.assert_close(low[0][:, :, 0], ends[0])
    torch.testing.assert_close(torch.stack([low[1][:, :, 0], low[1][:, :, -1]]), torch.stack(ends))


class Grey:
    """Videos of any size, each of one random grey."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def draw(self, *asked: Any) -> Clips:  # noqa: ANN401
        count, frames, height, width, stride, generator = asked
        self.asked.append((frames, height, width, stride))
        grey = torch.rand(count, 1, 1, 1, 1, generator=generator)
        video = grey.expand(-1, 3, frames, height, width).clone()
        return Clips(video, ("a red star",) * count, torch.full((count,), 8.0 / stride))


def phase_of(pipeline: MakeAVideo, name: str) -> Phase:
    return next(phase for phase in pipeline.phases() if phase.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_each_phase_trains_what_it_says_on_what_it_should(name: str) -> None:
    pipeline, data = made(ONE_WINDOW).requires_grad_(), Grey()
    assert [phase.name for phase in pipeline.phases()] == NAMES
    phase = phase_of(pipeline, name)
    phase.begin()
    loss = phase.loss(Step(3, 4, 2, torch.Generator().manual_seed(0), data))
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves this one untyped
    assert bool(loss.isfinite())
    moved = {key.split(".")[0] for key, weight in pipeline.named_parameters() if weight.grad is not None}
    assert moved == set(phase.trains)
    over_time = [
        weight for key, weight in pipeline.get_submodule(phase.trains[0]).named_parameters() if ".time." in key
    ]
    learns = any(weight.grad is not None for weight in over_time)
    assert learns == (name in {"decoder", "ssr1", "interpolation"})
    frames = {"decoder": 4, "ssr1": 16, "interpolation": 16}.get(name, 1)
    assert data.asked[0][0] == frames


def test_layers_over_time_can_be_all_that_learns_from_video() -> None:
    pipeline = made(replace(ONE_WINDOW, freeze_spatial=True))
    frozen = phase_of(pipeline, "decoder")
    assert phase_of(pipeline, "decoder-images").trains == ("decoder",)
    trained = sum(weight.numel() for name in frozen.trains for weight in pipeline.get_submodule(name).parameters())
    whole = sum(weight.numel() for weight in pipeline.decoder.parameters())
    assert trained == whole - pipeline.decoder.image_parameters() > 0


def test_the_interpolation_network_begins_as_the_decoder() -> None:
    pipeline = made(ONE_WINDOW)
    phase_of(pipeline, "interpolation").begin()
    stems = (pipeline.interpolator.unet.stem.space.weight, pipeline.decoder.unet.stem.space.weight)
    assert torch.equal(stems[0][:, :3], stems[1])
    assert not stems[0][:, 3:].any()


def test_frame_rates_move_from_high_to_low() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = [[draw_stride(progress, 5, generator) for _ in range(2000)] for progress in (0.0, 0.5, 1.0)]
    assert set(draws[0] + draws[2]) == set(range(1, 6))
    means = [sum(some) / len(some) for some in draws]
    # The k-th smallest of four uniform numbers is k / 5 on average; a stride is its fifth, rounded up.
    assert means == pytest.approx([1.5, 3.5, 4.5], abs=0.15)


def test_masks_know_every_so_many_frames() -> None:
    mask = known_mask(16, torch.tensor([5.0, 15.0, 16.0]))
    assert [row.nonzero().flatten().tolist() for row in mask] == [[0, 5, 10, 15], [0, 15], [0]]


def test_blur_keeps_what_is_even_and_takes_a_deviation_a_clip() -> None:
    video = torch.zeros(2, 3, 2, 5, 5)
    video[:, 0, 0, 2, 2] = 1
    out = blurred(video, torch.tensor([0.0, 0.6]))
    torch.testing.assert_close(out[0], video[0])
    bell = torch.tensor([-1.0, 0.0, 1.0]).square().div(-2 * 0.6**2).exp()
    bell /= bell.sum()
    torch.testing.assert_close(out[1, 0, 0, 1:4, 1:4], bell[:, None] * bell)
    assert not out[1, 1:].any()
    assert not out[1, :, 1].any()
    torch.testing.assert_close(
        blurred(torch.full((1, 3, 1, 4, 4), 0.7), torch.tensor([0.5])), torch.full((1, 3, 1, 4, 4), 0.7)
    )


def test_the_tiny_one_keeps_its_promise() -> None:
    with torch.device("meta"):
        tiny = MakeAVideo(TINY)
    assert sum(weight.numel() for weight in tiny.parameters()) <= 800_000
    assert (tiny.frames, tiny.height, tiny.width) == (16, 32, 32)
    assert max(vars(TINY.steps).values()) <= 16
    assert tiny.interpolator.grid == (16, 16, 16)
