"""GenTron's transformer: sizes, how it starts, what each frame and each block sees, and guidance without motion."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import Estimate, Level
from vidgauge.reference_models.gentron.hyperparameters import Hyperparameters
from vidgauge.reference_models.gentron.motion import motion_guided, motion_masks, still_clip
from vidgauge.reference_models.gentron.places import places_in_frame
from vidgauge.reference_models.pattern import everything, itself, up_to_now
from vidgauge.reference_models.systems import SYSTEMS, build_network, gentron
from vidgauge.reference_models.systems.gentron import Block, GenTron
from vidgauge.reference_models.transformer.modulation import Last
from vidgauge.reference_models.transformer.patches import from_patches, patches

FRAMES = 3
MODEL = Hyperparameters(
    grid=(FRAMES, 4, 6), channels=2, patch=2, layers=2, width=16, heads=2, text_channels=(6, 10), text_tokens=(3, 4),
    pooled_channels=5, learned_sigma=False,
)  # fmt: skip
IMAGE = replace(MODEL, video=False)
COUNTS = {
    # In millions: DiT with all it is told, cross-attention, attention over time.
    "gentron/xl2-image": 673.68 + 2.21 + 231.34,
    "gentron/xl2": 673.68 + 2.21 + 231.34 + 148.83,
    "gentron/g2-image": 2402.35 + 4.05 + 654.63,
    "gentron/g2": 2402.35 + 4.05 + 654.63 + 532.11,
    "gentron/small": 5.51 + 0.06 + 1.19 + 1.19,
}
"""From a second arithmetic, part by part."""


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def randomised(model: Hyperparameters = MODEL, seed: int = 0) -> GenTron:
    """A network in which nothing is zero, in float64, so that what a frame does not see is exactly nothing."""
    generator = torch.Generator().manual_seed(seed)
    network = GenTron(model).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def z_of(frames: int = FRAMES, batch: int = 1) -> torch.Tensor:
    return drawn(batch, 2, frames, 4, 6)


def told(batch: int = 1) -> tuple[torch.Tensor, ...]:
    """A step, tokens of CLIP, tokens of T5, and the caption as one vector."""
    step_b = 500 + 100 * drawn(batch, seed=2)
    return step_b, drawn(batch, 3, 6, seed=3), drawn(batch, 4, 10, seed=4), drawn(batch, 5, seed=5)


def seen(network: GenTron, mask: torch.Tensor | None) -> torch.Tensor:
    """(T, T) bool: whether the gradient of an output frame (first) reaches an input frame (second)."""
    z = z_of().requires_grad_()
    out = network(z, *told(), frame_mask=mask)
    weights, rows = drawn(*out[:, :, 0].shape, seed=6), []
    for frame in range(FRAMES):
        (gradient,) = torch.autograd.grad((weights * out[:, :, frame]).sum(), z, retain_graph=True)
        rows.append(gradient.abs().amax((0, 1, 3, 4)) > 0)
    return torch.stack(rows)


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", COUNTS)
def test_sizes(name: str) -> None:
    network, said = build_network(name, device="meta"), SYSTEMS[name].stated
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == pytest.approx(1e6 * COUNTS[name], abs=0.02e6)
    if said is not None:  # 3 % of XL/2 and 1 % of G/2: the same 22.8 M are missing in all
        assert said.parameters - found == pytest.approx(22.8e6, abs=0.1e6)


@pytest.mark.parametrize("name", ["gentron/xl2", "gentron/xl2-image", "gentron/small"])
def test_a_preset_takes_its_own_shape(name: str) -> None:
    network = build_network(name, device="meta")
    shape = network.input_shape()
    inputs = [x.to("meta") for x in network.more_inputs(shape, torch.Generator())]
    out = network(torch.empty(shape, device="meta"), *inputs)
    assert out.shape == (1, shape[1] * (1 if name == "gentron/small" else 2), *shape[2:])


def test_a_clip_begins_as_its_frames_and_then_learns_motion() -> None:
    """Invariant 1, from an image model that has learnt: for any number of frames, with gradients in the new layers."""
    image, video = randomised(IMAGE), GenTron(MODEL).double()
    video.begin_from(image)
    for frames in (1, FRAMES, 5):
        alone = [image(z_of(frames)[:, :, [frame]], *told()) for frame in range(frames)]
        out = video(z_of(frames), *told())
        assert same(out, torch.cat(alone, 2))
    out.square().sum().backward()
    for block in video.blocks:
        assert isinstance(block, Block)
        assert block.time is not None
        assert block.time.attention.project_out.weight.grad is not None
        assert block.time.attention.project_out.weight.grad.abs().max() > 0


def test_a_video_model_begins_from_an_image_model_of_its_size_alone() -> None:
    for wrong in (replace(IMAGE, layers=1), replace(IMAGE, layers=3), replace(IMAGE, text_channels=(6, 6))):
        with pytest.raises(UsageError, match="more than temporal layers"):
            GenTron(MODEL).begin_from(GenTron(wrong))
    with pytest.raises(UsageError, match="more than temporal layers"):
        GenTron(IMAGE).begin_from(GenTron(MODEL))


def test_without_temporal_layers_it_is_the_image_model() -> None:
    video, image = randomised(), GenTron(IMAGE).double()
    image.load_state_dict({name: x for name, x in video.state_dict().items() if ".time." not in name})
    assert same(video(z_of(), *told(), temporal=False), image(z_of(), *told()))
    assert not same(video(z_of(), *told()), image(z_of(), *told()))


def test_true_in_the_mask_is_to_attend() -> None:
    """Invariants 2 and 6: masks of all, of themselves and of the past, by gradients."""
    network = randomised()
    assert torch.equal(seen(network, None), everything(FRAMES))
    assert torch.equal(seen(network, itself(FRAMES)), itself(FRAMES))
    assert torch.equal(seen(network, up_to_now(FRAMES)), up_to_now(FRAMES))


def test_without_motion_frames_are_images() -> None:
    """Invariant 2: each is the clip of that frame alone, so that those of a still clip differ by their noise alone."""
    network = randomised()
    alone = [network(z_of()[:, :, [frame]], *told()) for frame in range(FRAMES)]
    assert same(network(z_of(), *told(), frame_mask=itself(FRAMES)), torch.cat(alone, 2))
    still = still_clip(z_of(1), FRAMES)
    out = network(still, *told(), frame_mask=itself(FRAMES))
    assert same(out, out[:, :, :1].expand_as(out))
    noisy = network(still + 0.1 * drawn(1, 1, FRAMES, 1, 1), *told(), frame_mask=itself(FRAMES))
    assert all(not same(noisy[:, :, a], noisy[:, :, b]) for a, b in pairwise(range(FRAMES)))


def test_clips_with_and_without_motion_in_one_batch() -> None:
    network, z = randomised(), z_of(batch=2)
    mask = motion_masks(torch.tensor([True, False]), FRAMES)
    assert torch.equal(mask, torch.stack([everything(FRAMES), itself(FRAMES)]))
    together = network(z, *told(2), frame_mask=mask)
    for row in range(2):
        of_row = [given[row : row + 1] for given in told(2)]
        assert same(together[row], network(z[row : row + 1], *of_row, frame_mask=mask[row])[0])


@pytest.mark.parametrize(("text", "motion"), [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (7.5, 1.2)])
def test_motion_free_guidance(text: float, motion: float) -> None:
    """Invariant 3, and the formula itself."""
    both, moving, neither = (drawn(2, 3, 4, seed=seed) for seed in range(3))
    calls = []

    def three(z: torch.Tensor, level: Level) -> Estimate:
        calls.append((z, level))
        return Estimate(torch.cat([both, moving, neither]), 2 * torch.cat([both, moving, neither]))

    z, level = drawn(2, 3, 4, seed=9), Level.of_log_snr(torch.tensor([0.0, 1.0]))
    found = motion_guided(three, text, motion)(z, level)
    wanted = neither + text * (both - moving) + motion * (moving - neither)
    assert same(found.x, wanted)
    assert same(found.eps, 2 * wanted)
    exactly = {(1.0, 1.0): both, (0.0, 1.0): moving, (0.0, 0.0): neither}.get((text, motion))
    assert exactly is None or torch.equal(found.x, exactly)
    ((given, at),) = calls
    assert torch.equal(given, torch.cat([z, z, z]))
    assert torch.equal(at.told_b, level.told_b.repeat(3))


def test_a_new_model_says_nothing_and_its_blocks_change_nothing() -> None:
    """Invariant 4: with a map out of cross-attention the block adds that, and nothing else."""
    network = GenTron(MODEL).double()
    assert torch.equal(network(z_of(), *told()), torch.zeros_like(z_of()))
    block = network.blocks[0]
    assert isinstance(block, Block)
    tokens = drawn(1, FRAMES, 2, 3, 16)
    _, clip, t5, _ = told()
    given = gentron.Given(drawn(1, 16), ((clip, None), (t5, None)), torch.zeros(()), None, temporal=True)
    assert torch.equal(block(tokens, given), tokens)
    torch.nn.init.normal_(block.cross.project_out.weight)
    assert torch.equal(block(tokens, given), tokens + block.cross(block.norm(tokens), clip))


def test_every_part_learns_in_time() -> None:
    network = GenTron(MODEL).double()
    optimizer, unseen = torch.optim.Adam(network.parameters(), lr=1e-2), set(dict(network.named_parameters()))
    for _ in range(5):
        optimizer.zero_grad()
        (network(z_of(), *told()) - 1).square().sum().backward()
        unseen -= {name for name, x in network.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
        optimizer.step()
    assert not unseen


def test_even_blocks_read_clip_and_odd_ones_t5() -> None:
    """Invariant 5, by gradients: the other encoder's tokens leave what a block gives as it is."""
    network, (_, clip, t5, _) = randomised(replace(MODEL, layers=4)), told()
    clip, t5 = clip.requires_grad_(), t5.requires_grad_()
    places = torch.zeros((), dtype=torch.float64)
    given = gentron.Given(drawn(1, 16), ((clip, None), (t5, None)), places, None, temporal=True)
    for number, block in enumerate(network.blocks):
        out = (drawn(1, FRAMES, 2, 3, 16, seed=7) * block(drawn(1, FRAMES, 2, 3, 16), given)).sum()
        reached = torch.autograd.grad(out, (clip, t5), allow_unused=True)
        assert [x is not None and x.abs().max().item() > 0 for x in reached] == [number % 2 == 0, number % 2 == 1]


def test_what_is_masked_in_a_caption_is_not_read() -> None:
    network, (step, clip, t5, pooled) = randomised(), told()
    keep_clip, keep_t5 = torch.tensor([[True, True, False]]), torch.tensor([[True, False, False, False]])
    cut_off = network(z_of(), step, clip[:, :2], t5[:, :1], pooled)
    assert same(network(z_of(), step, clip, t5, pooled, keep_clip, keep_t5), cut_off)
    null = network(z_of(), step, clip, t5, pooled, keep_clip & False, keep_t5 & False)
    assert same(null, network(z_of(), step, clip[:, :0], t5[:, :0], pooled))


def test_step_and_pooled_text_go_through_modulation() -> None:
    network, (step, clip, t5, pooled) = randomised(), told()
    out = network(z_of(), step, clip, t5, pooled)
    assert not same(network(z_of(), step + 1, clip, t5, pooled), out)
    assert not same(network(z_of(), step, clip, t5, -pooled), out)
    for parameter in network.modules():
        if isinstance(parameter, Block | Last):
            torch.nn.init.zeros_(parameter.modulation.weight)
    assert same(network(z_of(), step + 1, clip, t5, -pooled), network(z_of(), step, clip, t5, pooled))


def test_order_in_time_is_known_from_positions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 7."""
    network, order = randomised(), [2, 0, 1]
    assert not same(network(z_of()[:, :, order], *told()), network(z_of(), *told())[:, :, order])
    monkeypatch.setattr(gentron, "places_in_time", lambda *_: torch.zeros((), dtype=torch.float64))
    assert same(network(z_of()[:, :, order], *told()), network(z_of(), *told())[:, :, order])


def test_patches_and_positions() -> None:
    video = drawn(2, 3, 2, 4, 6)
    tokens = patches(video, 2)
    assert torch.equal(tokens[1, 1, 1, 2], video[1, :, 1, 2:4, 4:6].flatten())
    assert torch.equal(from_patches(tokens, 2), video)
    places = places_in_frame(3, 5, 16, video.device)
    for frequency in range(4):
        omega = 10_000.0 ** (-frequency / 4)
        x, y = torch.arange(5.0, dtype=torch.float64) * omega, torch.arange(3.0, dtype=torch.float64) * omega
        assert same(places[..., frequency], x.sin().expand(3, 5))
        assert same(places[..., 4 + frequency], x.cos().expand(3, 5))
        assert same(places[..., 8 + frequency], y.sin()[:, None].expand(3, 5))
        assert same(places[..., 12 + frequency], y.cos()[:, None].expand(3, 5))


def test_frames_of_any_size_that_patches_divide() -> None:
    network = randomised()
    z = drawn(2, 2, 2, 6, 2)
    assert network(z, *told(2)).shape == z.shape
    learned = randomised(replace(MODEL, learned_sigma=True))
    assert learned(z, *told(2)).shape == (2, 4, 2, 6, 2)
    with pytest.raises(UsageError, match="5 x 6; patches of 2"):
        network(drawn(1, 2, 2, 5, 6), *told())


def test_the_cost_is_that_of_its_operators() -> None:
    """Twelve maps of d^2 at every token, six at every clip, and four more to the captions' tokens."""
    network, width = GenTron(MODEL), MODEL.width
    tokens, clip, t5 = FRAMES * 2 * 3, 3, 4
    counted = network.cost(network.input_shape())
    maps = 2 * width**2 * (2 * tokens * (4 + 8 + 2 + 4) + 2 * 6 + 2 + 1 + 1)
    maps += 2 * width * (2 * clip * 6 + 2 * t5 * 10 + 256 + 5 + 2 * tokens * 8)
    cores = 4 * width * (2 * tokens * 6 + 2 * tokens * FRAMES + tokens * (clip + t5))
    assert counted.forward_flops == maps + cores
