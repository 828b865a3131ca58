"""Imagen Video's networks: their sizes, what mixes frames, what images in the place of frames leave alone, tiles."""

from dataclasses import replace

import pytest
import torch

from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.folding import apart, packed
from vidgauge.reference_models.imagen_video.block import TemporalConvolution
from vidgauge.reference_models.imagen_video.sizes import PAPER, Size
from vidgauge.reference_models.imagen_video.tiles import Tiles, spans
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.systems import SYSTEMS
from vidgauge.reference_models.systems.imagen_video import ImagenVideoUNet

COUNTS = {
    "base": 5_629_716_867,
    "tsr1": 1_707_004_067,
    "ssr1": 1_397_596_995,
    "ssr2": 1_185_437_891,
    "tsr2": 775_601_315,
    "tsr3": 637_965_795,
    "ssr3": 339_828_323,
}
BASE = Size(
    grid=(4, 6, 10),
    base=8,
    mults=(1, 2),
    blocks=(1, 1),
    space=(1,),
    text=(1,),
    time="attention",
    low=False,
    head=4,
    words=6,
)
UPSAMPLER = replace(BASE, time="convolution", low=True)
FLEXIBLE = replace(UPSAMPLER, mults=(1,), blocks=(1,), space=(), text=(0,), places=True, efficient=True)
KINDS = {"attention": BASE, "convolution": UPSAMPLER, "fully convolutional": FLEXIBLE}


def made(size: Size, *, stirred: bool = True) -> ImagenVideoUNet:
    """A network in float64 whose zeros are no zeros any more, but those that start as the identity over time."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ImagenVideoUNet(size).double()
    temporal = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, TemporalAttention | TemporalConvolution)
        for parameter in module.parameters()
    }
    for parameter in network.parameters():
        if stirred or (id(parameter) not in temporal):
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return network


def given(size: Size, batch: int = 2, rows: int | None = None, seed: int = 1) -> list[torch.Tensor]:
    """Inputs of a call; text and levels for so many rows."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    rows, shape = rows or batch, (batch, 3, *size.grid)
    mask = torch.arange(5) < torch.arange(rows)[:, None] % 5 + 1
    inputs = [drawn(*shape), drawn(rows), drawn(rows, 5, size.words), mask, drawn(rows, size.words)]
    return [*inputs, drawn(*shape), drawn(rows)] if size.low else inputs


def test_counts_are_ours_and_near_the_published_ones() -> None:
    cards = {name: SYSTEMS[f"imagen-video/{name}"].card() for name in PAPER}
    counts = {name: card["parameters"] for name, card in cards.items()}
    assert counts == COUNTS
    assert all(abs(counts[name] / card["stated_parameters"] - 1) < 0.015 for name, card in cards.items())
    assert sum(counts.values()) == pytest.approx(11.6e9, rel=0.01)


def test_each_network_starts_where_the_one_before_ended() -> None:
    grids = [plan.size.grid for plan in PAPER.values()]
    assert grids[0] == (16, 24, 40)
    assert grids[-1] == (128, 768, 1280)
    for before, plan in zip(grids[:-1], list(PAPER.values())[1:], strict=True):
        (frames, height, width), recipe = before, plan.recipe
        assert plan.size.grid == (recipe.time * frames, recipe.space * height, recipe.space * width)


def test_three_halvings_leave_three_rows_and_five_columns() -> None:
    with torch.device("meta"):
        network = ImagenVideoUNet(replace(PAPER["base"].size, base=16, head=8, words=8))
    seen = []
    network.unet.middle.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    shape = network.input_shape()
    more = network.more_inputs(shape, torch.Generator())
    assert network(torch.empty(shape, device="meta"), *(given.to("meta") for given in more)).shape == shape
    assert seen == [(1, 64, 16, 3, 5)]


@pytest.mark.parametrize("kind", KINDS)
def test_images_in_the_place_of_frames_know_nothing_of_each_other(kind: str) -> None:
    size = KINDS[kind]
    network, frames = made(size), size.grid[0]
    inputs = given(size, batch=1, rows=frames)
    floats = [x.requires_grad_() for x in inputs if x.is_floating_point()]
    for images, others in ((torch.tensor([True]), False), (torch.tensor([False]), True)):
        out = network(*inputs, *[None] * (7 - len(inputs)), images)
        gradients = torch.autograd.grad(out[:, :, 1].square().sum(), floats)
        for tensor, gradient in zip(floats, gradients, strict=True):
            by_frame = apart(gradient) if tensor.ndim == 5 else gradient  # levels and texts: one a frame
            touched = by_frame.flatten(1).abs().sum(1) > 0 if by_frame.ndim > 1 else by_frame.abs() > 0
            assert touched[1]
            assert bool(touched[[0, 2]].any()) == others


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_images_is_images_one_by_one_and_a_video_beside_it_a_video(kind: str) -> None:
    size = KINDS[kind]
    network, frames = made(size), size.grid[0]
    inputs = given(size, batch=2, rows=2 * frames)
    more = [None] * (7 - len(inputs))
    mixed = network(*inputs, *more, torch.tensor([True, False]))
    video = network(*[x[1:] if x.ndim == 5 else x[frames:] for x in inputs])
    images = network(*[apart(x[:1]) if x.ndim == 5 else x[:frames] for x in inputs], *more, torch.ones(frames) > 0)
    torch.testing.assert_close(mixed[1:], video)
    torch.testing.assert_close(mixed[:1], packed(images, frames))
    assert not torch.allclose(network(*[x[:1] if x.ndim == 5 else x[:frames] for x in inputs]), mixed[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_network_is_its_image_network_on_every_frame(kind: str) -> None:
    size = KINDS[kind]
    network = made(size, stirred=False)
    inputs, more = given(size), [None] * (0 if size.low else 2)
    of_images = network(*inputs, *more, torch.tensor([True, True]))
    torch.testing.assert_close(network(*inputs), of_images)


def test_a_crop_of_the_last_model_is_its_output_on_the_crop_at_any_size() -> None:
    network = made(FLEXIBLE)
    _, reach, _ = network.size.reach()
    size = replace(FLEXIBLE, grid=(2, 2 * reach + 5, 2 * reach + 9))
    inputs = given(size, batch=1)
    whole = network(*inputs)
    crop = [x[..., 4 : 4 + 2 * reach + 1, 4:] if x.ndim == 5 else x for x in inputs]
    inside = network(*crop)[..., reach, reach:-1]
    torch.testing.assert_close(inside, whole[..., 4 + reach, 4 + reach : -1])


def test_reach_is_as_far_as_gradients_come() -> None:
    network = made(FLEXIBLE)
    reach = network.size.reach()
    size = replace(FLEXIBLE, grid=(2 * reach[0] + 3, 2 * reach[1] + 3, 2 * reach[2] + 3))
    inputs = given(size, batch=1)
    inputs[0].requires_grad_()
    middle = [extent // 2 for extent in size.grid]
    out = network(*inputs)[(0, 0, *middle)]
    (gradient,) = torch.autograd.grad(out, inputs[0])
    for axis, (place, distance) in enumerate(zip(middle, reach, strict=True)):
        others = [other for other in range(5) if other != axis + 2]
        touched = gradient.abs().sum(others).nonzero()[:, 0]
        furthest = max(place - int(touched.min()), int(touched.max()) - place)
        assert distance // 2 < furthest <= distance


def test_tiles_with_enough_margin_change_nothing() -> None:
    network, size = made(FLEXIBLE), replace(FLEXIBLE, grid=(9, 18, 22))
    z, *told, low, augmentation = given(size, batch=1)

    def call(z: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = network(z, *told, low, augmentation)
        return out

    def tiled(margin: Grid) -> torch.Tensor:
        return Tiles((2, 8, 8), margin).apply(call, [z, low], z.device)

    torch.testing.assert_close(tiled(size.reach()), call(z, low))
    assert not torch.allclose(tiled((1, 2, 2)), call(z, low))


def test_chunks_of_frames_with_enough_margin_change_nothing_where_convolutions_mix_them() -> None:
    network, size = made(UPSAMPLER), replace(UPSAMPLER, grid=(17, 6, 10))
    z, *told, low, augmentation = given(size, batch=1)
    tiles = Tiles((3, 6, 10), (network.size.reach()[0], 0, 0))
    whole = network(z, *told, low, augmentation)
    found = tiles.apply(lambda z, low: network(z, *told, low, augmentation), [z, low], z.device)
    torch.testing.assert_close(found, whole)


def test_spans_follow_each_other() -> None:
    assert [(s.shown, s.kept, s.inside) for s in spans(7, 3, 2)] == [
        (slice(0, 5), slice(0, 3), slice(0, 3)),
        (slice(1, 7), slice(3, 6), slice(2, 5)),
        (slice(4, 7), slice(6, 7), slice(2, 3)),
    ]
