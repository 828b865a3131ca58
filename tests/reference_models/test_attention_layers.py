"""Every attention operator, in every form and kernel that runs here, against plain softmax attention in float64."""

import copy
import functools
import math
import pickle
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import torch
from torch.nn import functional
from torchvision.models.swin_transformer import ShiftedWindowAttention
from torchvision.models.video.swin_transformer import ShiftedWindowAttention3d

from vidgauge.errors import UsageError
from vidgauge.reference_models import kernels, pattern
from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers import LAYERS, build
from vidgauge.reference_models.layers.cross_attention import CrossAttention

CHANNELS, HEADS, BATCH = 8, 2, 2
ATTENTIONS = sorted(name for name in LAYERS if name.endswith("attention"))
Token = tuple[int, ...]
Sees = Callable[[Token, Token, Grid], bool]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _flex_without_compiler() -> Iterator[None]:
    with torch.compiler.set_stance("force_eager"):
        yield


def same_run(place: int, other: int, size: int, shift: int) -> bool:
    """Swin's figure 4: cuts at shift, shift + size, shift + 2 size, ..."""
    cuts = range(shift, max(place, other) + 1, size)
    return not any(min(place, other) < cut <= max(place, other) for cut in cuts)


def nearest(place: int, other: int, size: int, extent: int) -> bool:
    """NATTEN: a window of so many places inside the grid, the query as near to its middle as the edges allow.

    The middle of an even window is the place after the half.
    """
    starts = range(extent - size + 1)
    best = min(starts, key=lambda start: abs(start + size // 2 - place))
    return best <= other < best + size


def shifted(window: Grid, shift: Grid) -> Sees:
    def sees(query: Token, key: Token, grid: Grid) -> bool:
        return all(
            True if size >= extent else same_run(place, other, size, step)
            for place, other, size, step, extent in zip(query, key, window, shift, grid, strict=True)
        )

    return sees


def tiles(tile: Grid, window: Grid) -> Sees:
    def sees(query: Token, key: Token, grid: Grid) -> bool:
        return all(
            nearest(place // size, other // size, reach // size, extent // size)
            for place, other, size, reach, extent in zip(query, key, tile, window, grid, strict=True)
        )

    return sees


def windows(window: Grid) -> Sees:
    return lambda query, key, _: all(a // size == b // size for a, b, size in zip(query, key, window, strict=True))


def neighbours(window: Grid) -> Sees:
    return tiles((1, 1, 1), window)


CASES: dict[str, tuple[str, dict[str, Any], Grid, Sees]] = {
    "joint": ("joint_attention", {}, (4, 4, 6), lambda *_: True),
    "joint, QK norm": ("joint_attention", {"qk_norm": True, "bias": False}, (4, 4, 6), lambda *_: True),
    "spatial": ("spatial_attention", {}, (4, 4, 6), lambda query, key, _: query[0] == key[0]),
    "temporal": ("temporal_attention", {}, (4, 4, 6), lambda query, key, _: query[1:] == key[1:]),
    "temporal, Shaw": (
        "temporal_attention",
        {"max_frames": 5, "qk_norm": True},
        (4, 4, 6),
        lambda query, key, _: query[1:] == key[1:],
    ),
    "window": ("window_attention", {"window": [2, 4, 3], "qk_norm": True}, (4, 4, 6), windows((2, 4, 3))),
    "window, bias": ("window_attention", {"window": [2, 2, 3], "relative_bias": True}, (4, 4, 6), windows((2, 2, 3))),
    "spatial window": ("spatial_window_attention", {"window": [2, 3]}, (4, 4, 6), windows((1, 2, 3))),
    "spatial window, bias": (
        "spatial_window_attention",
        {"window": [4, 3], "relative_bias": True},
        (4, 4, 6),
        windows((1, 4, 3)),
    ),
    "shifted": ("shifted_window_attention", {"window": [2, 2, 2]}, (4, 4, 6), shifted((2, 2, 2), (1, 1, 1))),
    "shifted, padded": (
        "shifted_window_attention",
        {"window": [3, 4, 4], "relative_bias": True, "qk_norm": True},
        (4, 4, 6),
        shifted((3, 4, 4), (1, 2, 2)),
    ),
    "shifted by one's own": (
        "shifted_window_attention",
        {"window": [3, 3, 4], "shift": [2, 0, 3]},
        (4, 4, 6),
        shifted((3, 3, 4), (2, 0, 3)),
    ),
    "neighbourhood": ("neighbourhood_attention", {"window": [3, 3, 5]}, (4, 4, 6), neighbours((3, 3, 5))),
    "neighbourhood, even": (
        "neighbourhood_attention",
        {"window": [2, 4, 1], "qk_norm": True},
        (4, 4, 6),
        neighbours((2, 4, 1)),
    ),
    "tiles": (
        "sliding_tile_attention",
        {"tile": [1, 2, 2], "window": [3, 2, 4], "qk_norm": True},
        (4, 4, 6),
        tiles((1, 2, 2), (3, 2, 4)),
    ),
    "tiles, even": (
        "sliding_tile_attention",
        {"tile": [1, 1, 2], "window": [2, 2, 4]},
        (4, 4, 6),
        tiles((1, 1, 2), (2, 2, 4)),
    ),
    "causal": ("causal_attention", {}, (4, 4, 6), lambda query, key, _: key[0] <= query[0]),
}
"""Name, configuration, grid, and which token sees which by the papers' definitions."""


def tokens_of(grid: Grid) -> list[Token]:
    return list(product(*map(range, grid)))


@functools.cache
def dense_mask(case: str) -> torch.Tensor:
    """(N, N) bool, pair by pair."""
    _, _, grid, sees = CASES[case]
    return torch.tensor([[sees(query, key, grid) for key in tokens_of(grid)] for query in tokens_of(grid)])


def added_scores(
    layer: Attention, given: dict[str, torch.Tensor], query: torch.Tensor, grid: Grid
) -> torch.Tensor | int:
    """What relative positions add, (B or 1, heads, N, N), offset by offset; the middle of the table is offset zero."""
    at = torch.tensor(tokens_of(grid))
    offset = at[None] - at[:, None]  # key less query
    if "positions.table" in given:
        window = getattr(layer, "window")  # noqa: B009
        window = (1, *window) if len(window) == 2 else window
        table = given["positions.table"].view(-1, *(2 * size - 1 for size in window))
        t, h, w = (
            axis.clamp(1 - size, size - 1) + size - 1 for axis, size in zip(offset.unbind(-1), window, strict=True)
        )
        bias: torch.Tensor = table[:, t, h, w][None]
        return bias
    if "positions.vectors" in given:
        vectors = given["positions.vectors"][offset[..., 0] + len(given["positions.vectors"]) // 2]
        products: torch.Tensor = torch.einsum("bihd,ijd->bhij", query, vectors)
        return products / math.sqrt(query.shape[-1])
    return 0


def plain_attention(
    layer: Attention, given: dict[str, torch.Tensor], x: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Softmax attention as in the textbook, from the layer's parameters; ``mask`` is (N, N) or (B, 1, N, N)."""
    grid, flat = (x.shape[1], x.shape[2], x.shape[3]), x.flatten(1, 3)
    width = x.shape[-1]
    projected = [flat @ part.T for part in given["project_in.weight"].view(3, width, width)]
    if "project_in.bias" in given:
        projected = [y + part for y, part in zip(projected, given["project_in.bias"].view(3, width), strict=True)]
    query, key, value = (y.reshape(*flat.shape[:2], layer.heads, -1) for y in projected)
    if "query_norm.weight" in given:
        query, key = (
            (y - y.mean(-1, keepdim=True)) / (y.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() * given[scale]
            for y, scale in ((query, "query_norm.weight"), (key, "key_norm.weight"))
        )
    scores = torch.einsum("bihd,bjhd->bhij", query, key) * query.shape[-1] ** -0.5
    scores = (scores + added_scores(layer, given, query, grid)).masked_fill(~mask, -torch.inf)
    weights = torch.where(mask.any(-1, keepdim=True), scores, 0).softmax(-1) * mask.any(-1, keepdim=True)
    mixed = torch.einsum("bhij,bjhd->bihd", weights, value).flatten(2) @ given["project_out.weight"].T
    return (mixed + given.get("project_out.bias", 0)).reshape(x.shape)


def named(layer: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters in float64; relative positions under ``positions`` alone."""
    found = {name: p.detach().double().requires_grad_() for name, p in layer.named_parameters()}
    return {name.replace("relative_keys.", "positions."): value for name, value in found.items()}


def attention(
    case: str, dtype: torch.dtype = torch.float64, channels: int = CHANNELS, /, **execution: str
) -> Attention:
    name, config, _, _ = CASES[case]
    layer = build(name, channels=channels, heads=HEADS, **config, **execution)
    assert isinstance(layer, Attention)
    for parameter in layer.parameters():  # none at its start value, so that each makes a difference
        torch.nn.init.normal_(parameter, std=0.4)
    return layer.to(dtype)


def clips(grid: Grid, dtype: torch.dtype = torch.float64, channels: int = CHANNELS) -> torch.Tensor:
    return torch.randn(BATCH, *grid, channels, dtype=torch.float64).to(dtype).requires_grad_()


def gradients(out: torch.Tensor, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    probe = torch.linspace(-1, 1, out.numel(), dtype=torch.float64, device=out.device).reshape(out.shape)
    return torch.autograd.grad((out.double() * probe.sin()).sum(), inputs)


TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 6e-2}
"""Largest error, as a share of the largest number."""


def assert_near(ours: torch.Tensor, theirs: torch.Tensor, dtype: torch.dtype) -> None:
    error = (ours.double().cpu() - theirs).abs().max() / theirs.abs().max().clamp(min=1e-6)
    assert error < TOLERANCE[dtype]


def compare_with_plain(
    case: str, dtype: torch.dtype, execution: dict[str, str], frame_mask: torch.Tensor | None = None
) -> None:
    layer, grid = attention(case, dtype, **execution), CASES[case][2]
    x, given = clips(grid, dtype), named(layer)
    exact = x.detach().double().requires_grad_()
    mask = dense_mask(case)
    if frame_mask is not None:
        frame = torch.tensor([token[0] for token in tokens_of(grid)])
        mask = mask & frame_mask.reshape(-1, 1, grid[0], grid[0])[..., frame, :][..., frame]
    expected = plain_attention(layer, given, exact, mask)
    if execution["form"] == "flex":
        with torch.no_grad():
            assert_near(layer(x, frame_mask), expected, dtype)
        return
    if execution["kernel"] == "flash" and layer.positions is not None:  # its mask has no gradient on a CPU
        with torch.no_grad():
            assert_near(layer(x, frame_mask), expected, dtype)
        with pytest.raises(UsageError, match="with a learned mask; choose one of auto, math"):
            layer(x, frame_mask)
        return
    out = layer(x, frame_mask)
    assert out.dtype == dtype
    assert out.shape == x.shape
    assert_near(out, expected, dtype)
    assert_same_gradients(
        gradients(out, [x, *layer.parameters()]), gradients(expected, [exact, *given.values()]), dtype
    )


def assert_same_gradients(ours: tuple[torch.Tensor, ...], theirs: tuple[torch.Tensor, ...], dtype: torch.dtype) -> None:
    scale = max(gradient.abs().max() for gradient in theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert (our.double().cpu() - their).abs().max() < TOLERANCE[dtype] * scale


def runs() -> Iterator[Any]:
    """Each form and kernel that runs here; the masked form at float64 alone, as only the kernel feels the precision."""
    here = kernels.kernels_on("cpu", torch.float32)
    for one, dtype in product(LAYERS["joint_attention"].executions(), TOLERANCE):
        if one.get("kernel", "auto") in here and (one["form"] == "folded" or dtype == torch.float64):
            yield pytest.param(one, dtype, id="-".join((*one.values(), str(dtype).removeprefix("torch."))))


@pytest.mark.parametrize(("execution", "dtype"), list(runs()))
@pytest.mark.parametrize("case", CASES)
def test_every_form_and_kernel_equals_plain_attention(case: str, dtype: torch.dtype, execution: dict[str, str]) -> None:
    compare_with_plain(case, dtype, execution)


@pytest.mark.parametrize(
    "execution", [{"form": "folded"}, {"form": "masked"}, {"form": "flex"}], ids=lambda one: one["form"]
)
@pytest.mark.parametrize("case", CASES)
def test_a_frame_mask_of_each_clip_comes_on_top(case: str, execution: dict[str, str]) -> None:
    frames = CASES[case][2][0]
    mask = torch.stack([pattern.clip_and_images(frames - 2, 2), pattern.within(frames, 1)])
    compare_with_plain(case, torch.float64, {"kernel": "auto"} | execution, mask)


@pytest.mark.parametrize("case", CASES)
def test_patterns_hold_the_pairs_of_the_papers_definitions(case: str) -> None:
    layer, mask = attention(case), dense_mask(case)
    ours = layer.pattern(CASES[case][2])
    assert torch.equal(ours.mask(), mask)
    assert ours.pairs() == mask.sum()


def other(name: str, like: Attention, **config: object) -> Attention:
    """Another operator with the same parameters."""
    layer = build(name, channels=CHANNELS, heads=HEADS, **config).double()
    assert isinstance(layer, Attention)
    layer.load_state_dict(like.state_dict())
    return layer


def of_kind(name: str, **config: object) -> Attention:
    layer = build(name, channels=CHANNELS, heads=HEADS, **config).double()
    assert isinstance(layer, Attention)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer


GRID = (4, 4, 6)


def test_joint_attention_equals_torchs_multi_head_attention() -> None:
    layer = of_kind("joint_attention")
    theirs = torch.nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True, dtype=torch.float64)
    given = {f"in_proj_{name}": value for name, value in layer.project_in.state_dict().items()}
    theirs.load_state_dict(given | {f"out_proj.{name}": v for name, v in layer.project_out.state_dict().items()})
    x = clips(GRID)
    flat = x.flatten(1, 3)
    torch.testing.assert_close(layer(x).flatten(1, 3), theirs(flat, flat, flat)[0])


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("window_attention", {"window": GRID}),
        ("shifted_window_attention", {"window": GRID}),
        ("shifted_window_attention", {"window": [9, 9, 9]}),
        ("neighbourhood_attention", {"window": GRID}),
        ("sliding_tile_attention", {"tile": [2, 2, 3], "window": GRID}),
    ],
)
def test_a_window_of_the_whole_grid_equals_joint_attention(name: str, config: dict[str, object]) -> None:
    joint, x = of_kind("joint_attention"), clips(GRID)
    torch.testing.assert_close(other(name, joint, **config)(x), joint(x))


def test_windows_equal_joint_attention_on_each_box() -> None:
    joint, x = of_kind("joint_attention"), clips(GRID)
    out = other("window_attention", joint, window=[2, 2, 3])(x)
    for t, h, w in product((0, 2), (0, 2), (0, 3)):
        box = (slice(None), slice(t, t + 2), slice(h, h + 2), slice(w, w + 3))
        torch.testing.assert_close(out[box], joint(x[box]))


@pytest.mark.parametrize("biased", [False, True])
def test_windows_without_a_shift_are_windows(biased: bool) -> None:
    window, x = of_kind("window_attention", window=[2, 2, 3], relative_bias=biased), clips(GRID)
    still = other("shifted_window_attention", window, window=[2, 2, 3], shift=[0, 0, 0], relative_bias=biased)
    torch.testing.assert_close(still(x), window(x))
    moved = other("shifted_window_attention", window, window=[2, 2, 3], relative_bias=biased)
    assert (moved(x) - window(x)).abs().max() > 0.01


def test_spatial_windows_are_windows_of_one_frame_and_of_each_frame_alone() -> None:
    layer, x = of_kind("spatial_window_attention", window=[2, 3], relative_bias=True), clips(GRID)
    window = other("window_attention", layer, window=[1, 2, 3], relative_bias=True)
    torch.testing.assert_close(layer(x), window(x))
    for frame in range(GRID[0]):
        torch.testing.assert_close(layer(x)[:, frame : frame + 1], layer(x[:, frame : frame + 1]))


def test_a_spatial_window_of_the_frame_is_spatial_attention() -> None:
    layer, x = of_kind("spatial_window_attention", window=GRID[1:]), clips(GRID)
    torch.testing.assert_close(layer(x), other("spatial_attention", layer)(x))


@pytest.mark.parametrize("window", [[3, 3, 5], [1, 3, 1]])
def test_tiles_of_one_token_are_neighbourhoods(window: list[int]) -> None:
    near, x = of_kind("neighbourhood_attention", window=window), clips(GRID)
    torch.testing.assert_close(other("sliding_tile_attention", near, tile=[1, 1, 1], window=window)(x), near(x))


def test_tiles_that_see_themselves_alone_are_windows() -> None:
    window, x = of_kind("window_attention", window=[2, 2, 3]), clips(GRID)
    tile = other("sliding_tile_attention", window, tile=[2, 2, 3], window=[2, 2, 3])
    torch.testing.assert_close(tile(x), window(x))


def test_neighbours_of_one_token_are_itself() -> None:
    layer, x = of_kind("neighbourhood_attention", window=[1, 1, 1]), clips(GRID)
    torch.testing.assert_close(layer(x), of_itself(layer, x))


def of_itself(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """Wo Wv x: what a token makes of itself alone."""
    weight, bias = layer.project_in.weight[2 * CHANNELS :], layer.project_in.bias[2 * CHANNELS :]
    out: torch.Tensor = layer.project_out(functional.linear(x, weight, bias))
    return out


@pytest.mark.parametrize("form", ["folded", "masked"])
def test_under_the_identity_frames_are_images(form: str) -> None:
    x, identity = clips(GRID), torch.eye(4, dtype=torch.bool)
    temporal = of_kind("temporal_attention", max_frames=4, form=form)
    torch.testing.assert_close(temporal(x, identity), of_itself(temporal, x))  # Wo Wv x, not x itself
    window = of_kind("window_attention", window=[4, 2, 3], relative_bias=True, form=form)
    images = torch.cat(
        [window(x[:, frame : frame + 1].expand(-1, 4, -1, -1, -1), identity)[:, :1] for frame in range(4)], 1
    )
    torch.testing.assert_close(window(x, identity), images)
    spatial = of_kind("spatial_window_attention", window=[2, 3], form=form)
    torch.testing.assert_close(spatial(x, identity), spatial(x))


def test_one_batch_of_a_clip_and_of_images_equals_both_apart() -> None:
    x, layer = clips(GRID), of_kind("window_attention", window=[4, 2, 3])
    masks = torch.stack([pattern.everything(4), pattern.itself(4)])
    apart = torch.cat([layer(x[:1]), layer(x[1:], pattern.itself(4))])
    torch.testing.assert_close(layer(x, masks), apart)


def test_images_appended_to_a_clip_stay_apart_from_it() -> None:
    layer, x = of_kind("temporal_attention", max_frames=4), clips(GRID)
    out = layer(x, pattern.clip_and_images(2, 2))
    torch.testing.assert_close(out[:, :2], layer(x[:, :2]))
    torch.testing.assert_close(out[:, 2:], of_itself(layer, x[:, 2:]))


def test_a_shorter_clip_uses_the_middle_of_the_relative_positions() -> None:
    long = of_kind("temporal_attention", max_frames=16)
    short = of_kind("temporal_attention", max_frames=9)
    with torch.no_grad():
        for ours, theirs in zip(short.parameters(), long.parameters(), strict=True):
            ours.copy_(theirs if ours.shape == theirs.shape else theirs[7:24])  # offsets -8..8 of -15..15
    x = torch.randn(1, 9, 2, 1, CHANNELS, dtype=torch.float64)
    torch.testing.assert_close(short(x), long(x))


def test_a_new_frame_order_is_the_same_order_of_the_output_without_positions() -> None:
    order, x = torch.tensor([2, 0, 3, 1]), clips(GRID)
    for name in ("joint_attention", "spatial_attention", "temporal_attention", "factorised_attention"):
        layer = build(name, channels=CHANNELS, heads=HEADS).double()
        torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order])
        torch.testing.assert_close(layer(x[:, :, order]), layer(x)[:, :, order])
    aware = of_kind("temporal_attention", max_frames=4)
    assert (aware(x[:, order]) - aware(x)[:, order]).abs().max() > 0.01


@pytest.mark.parametrize("form", ["folded", "masked"])
@pytest.mark.parametrize("case", CASES)
def test_a_token_reaches_those_that_see_it_and_no_other(case: str, form: str) -> None:
    layer, grid = attention(case, form=form), CASES[case][2]
    x, where = clips(grid), (1, 2, 3)
    changed = x.detach().clone()
    changed[(0, *where)] += 1
    moved = (layer(x) - layer(changed)).abs().amax(-1)
    sees_it = dense_mask(case)[:, tokens_of(grid).index(where)].view(grid)
    assert torch.equal(moved[0] > 0, sees_it)
    assert moved[1].max() == 0
    (gradient,) = torch.autograd.grad(layer(x)[(0, *where)].square().sum(), x)
    seen = dense_mask(case)[tokens_of(grid).index(where)].view(grid)
    assert torch.equal(gradient[0].abs().amax(-1) > 0, seen)


def test_factorised_attention_is_spatial_then_temporal_attention() -> None:
    layer = build("factorised_attention", channels=CHANNELS, heads=HEADS, max_frames=4).double()
    space, time = of_kind("spatial_attention"), of_kind("temporal_attention", max_frames=4)
    space.load_state_dict(layer.get_submodule("space").state_dict())
    time.load_state_dict(layer.get_submodule("time").state_dict())
    x, mask = clips(GRID), pattern.within(4, 1)
    torch.testing.assert_close(layer(x, mask), time(space(x), mask))
    for form in ("masked", "flex"):
        same = build("factorised_attention", channels=CHANNELS, heads=HEADS, max_frames=4, form=form).double()
        same.load_state_dict(layer.state_dict())
        with torch.no_grad():
            torch.testing.assert_close(same(x, mask), layer(x, mask))


@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 4, 4), (2, 3, 5), (7, 1, 2), (8, 6, 4), (4, 13, 9)])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_examples_suit_any_grid(name: str, grid: Grid) -> None:
    layer = build(name, **LAYERS[name].example(CHANNELS, grid))
    shape = (1, *grid, CHANNELS)
    x = torch.randn(shape)
    assert layer(x, *layer.more_inputs(shape, torch.Generator().manual_seed(0))).shape == x.shape
    assert layer.cost(shape).parameters == sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("joint_attention", {"heads": 3}, "8 channels do not split into 3 heads"),
        ("joint_attention", {"form": "dense"}, "choose one of folded, masked, flex"),
        ("joint_attention", {"kernel": "xformers"}, "choose one of auto, math, flash, efficient, cudnn"),
        ("joint_attention", {"form": "flex", "kernel": "math"}, "flex has its own"),
        ("temporal_attention", {"max_frames": 0}, "max_frames is 0"),
        ("window_attention", {"window": [2, 2]}, "three|3 whole numbers"),
        ("window_attention", {"window": 4}, "3 whole numbers"),
        ("spatial_window_attention", {"window": [2, 2, 2]}, "2 whole numbers: height, width"),
        ("shifted_window_attention", {"window": [2, 2, 2], "shift": [0, 0, 2]}, "below the window's"),
        ("shifted_window_attention", {"window": [2, 2, 2], "shift": [0, 1]}, "three whole numbers"),
        ("shifted_window_attention", {"window": [2, 2, 2], "shift": 1}, "three whole numbers"),
        ("sliding_tile_attention", {"tile": [2, 2, 2], "window": [2, 3, 2]}, "choose multiples of each extent"),
        ("cross_attention", {"context_channels": 0}, "context_channels is 0"),
    ],
)
def test_wrong_configurations_are_refused(name: str, config: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(name, **{"channels": CHANNELS, "heads": HEADS} | config)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("window_attention", {"window": [2, 2, 4]}, r"does not divide the token grid \(4, 4, 6\); choose divisors"),
        ("spatial_window_attention", {"window": [3, 3]}, "choose divisors of its height and width"),
        ("neighbourhood_attention", {"window": [5, 3, 3]}, "may be at most the grid's"),
        ("sliding_tile_attention", {"tile": [2, 2, 2], "window": [2, 2, 8]}, "may be at most the grid's"),
        ("sliding_tile_attention", {"tile": [2, 2, 4], "window": [2, 2, 4]}, "choose divisors of each extent"),
        ("temporal_attention", {"max_frames": 3}, "larger max_frames"),
    ],
)
@pytest.mark.parametrize("form", ["folded", "masked", "flex"])
def test_grids_that_do_not_suit_are_refused(name: str, config: dict[str, object], said: str, form: str) -> None:
    layer = build(name, channels=CHANNELS, heads=HEADS, form=form, **config)
    with pytest.raises(UsageError, match=said):
        layer.cost((1, *GRID, CHANNELS))
    with pytest.raises(UsageError, match=said), torch.no_grad():
        layer(torch.zeros(1, *GRID, CHANNELS))


@pytest.mark.parametrize("form", ["folded", "masked"])
@pytest.mark.parametrize("case", CASES)
def test_inference_first_does_not_hinder_training(case: str, form: str) -> None:
    layer, x = attention(case, form=form), clips(CASES[case][2])
    with torch.inference_mode():
        out = layer(x.detach())
    trained = layer(x)
    torch.testing.assert_close(trained, out.clone())
    assert all(gradient.isfinite().all() for gradient in gradients(trained, [x, *layer.parameters()]))


def test_wrong_frame_masks_are_refused() -> None:
    layer, x = of_kind("temporal_attention"), clips(GRID)
    for mask in (torch.ones(4, 4), torch.ones(3, 3, dtype=torch.bool), torch.ones(1, 4, 4, dtype=torch.bool)):
        with pytest.raises(UsageError, match=r"must be torch.bool of shape \(4, 4\) or \(2, 4, 4\)"):
            layer(x, mask)


def test_a_layer_may_see_several_grids_in_turn() -> None:
    layer = of_kind("shifted_window_attention", window=[2, 3, 4], relative_bias=True)
    for grid in ((4, 4, 6), (2, 6, 8), (4, 4, 6), (4, 6, 4)):
        x = clips(grid)
        masked = other("shifted_window_attention", layer, window=[2, 3, 4], relative_bias=True, form="masked")
        torch.testing.assert_close(layer(x), masked(x))
        torch.testing.assert_close(layer(x[:1]), masked(x)[:1])


@pytest.mark.parametrize("shift", [[0, 0, 0], [1, 2, 1], [0, 1, 2]])
def test_shifted_windows_equal_torchvisions_video_swin(shift: list[int]) -> None:
    window, grid = [2, 4, 3], (4, 8, 6)
    theirs = ShiftedWindowAttention3d(CHANNELS, window, shift, HEADS).double()
    ours = of_kind("shifted_window_attention", window=window, shift=shift, relative_bias=True)
    copy_swin(theirs, ours)
    x = clips(grid)
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours(x[:, :1]), theirs(x[:, :1]))  # a window longer than the clip becomes the clip


def copy_swin(theirs: torch.nn.Module, ours: Attention) -> None:
    """Swin numbers offsets from key to query, we from query to key."""
    given = theirs.state_dict()
    ours.load_state_dict(
        {
            "project_in.weight": given["qkv.weight"],
            "project_in.bias": given["qkv.bias"],
            "project_out.weight": given["proj.weight"],
            "project_out.bias": given["proj.bias"],
            "positions.table": given["relative_position_bias_table"].flip(0).T,
        }
    )


def test_shifted_windows_of_frames_equal_torchvisions_swin() -> None:
    theirs = ShiftedWindowAttention(CHANNELS, [4, 4], [2, 2], HEADS).double()
    ours = of_kind("shifted_window_attention", window=[1, 4, 4], relative_bias=True)
    copy_swin(theirs, ours)
    x = clips((3, 8, 12))
    torch.testing.assert_close(ours(x).flatten(0, 1), theirs(x.flatten(0, 1)))


def cross(dtype: torch.dtype = torch.float64, **config: Any) -> CrossAttention:  # noqa: ANN401
    layer = build("cross_attention", channels=CHANNELS, heads=HEADS, context_channels=6, **config)
    assert isinstance(layer, CrossAttention)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer.to(dtype)


def plain_cross(
    layer: CrossAttention, given: dict[str, torch.Tensor], x: torch.Tensor, context: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Clip by clip, over the context that is real."""
    out = []
    for tokens, words, real in zip(x.flatten(1, 3), context, mask, strict=True):
        query = tokens @ given["project_query.weight"].T + given["project_query.bias"]
        both = words[real] @ given["project_context.weight"].T + given["project_context.bias"]
        query, key, value = (y.unflatten(-1, (HEADS, -1)) for y in (query, both[:, :CHANNELS], both[:, CHANNELS:]))
        if layer.query_norm is not None:
            query, key = (
                functional.layer_norm(y, y.shape[-1:]) * given[scale]
                for y, scale in ((query, "query_norm.weight"), (key, "key_norm.weight"))
            )
        weights = (torch.einsum("ihd,jhd->hij", query, key) * query.shape[-1] ** -0.5).softmax(-1)
        mixed = torch.einsum("hij,jhd->ihd", weights, value).flatten(1)
        out.append(mixed @ given["project_out.weight"].T + given["project_out.bias"])
    return torch.stack(out).reshape(x.shape)


MASKS = {
    "all": None,
    "some": torch.tensor([[True, False, True, True, False], [False, False, False, False, True]]),
    "none of one clip": torch.tensor([[True, False, True, True, False], [False] * 5]),
}


@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("kernel", kernels.kernels_on("cpu", torch.float32))
@pytest.mark.parametrize("words", MASKS)
def test_cross_attention_equals_plain_attention(words: str, kernel: str, dtype: torch.dtype, qk_norm: bool) -> None:
    layer, mask = cross(dtype, kernel=kernel, qk_norm=qk_norm), MASKS[words]
    x, context = clips((2, 3, 4), dtype), torch.randn(BATCH, 5, 6, dtype=torch.float64).to(dtype).requires_grad_()
    exact, exact_context = (y.detach().double().requires_grad_() for y in (x, context))
    given = named(layer)
    real = torch.ones(BATCH, 5, dtype=torch.bool) if mask is None else mask
    out, expected = layer(x, context, mask), plain_cross(layer, given, exact, exact_context, real)
    assert_near(out, expected, dtype)
    theirs = gradients(expected, [exact, exact_context, *given.values()])
    assert_same_gradients(gradients(out, [x, context, *layer.parameters()]), theirs, dtype)


def test_without_context_tokens_get_the_bias_of_the_output() -> None:
    layer, x = cross(), clips((2, 3, 4))
    bias = layer.project_out.bias.expand_as(x)
    assert torch.equal(layer(x, x.new_zeros(BATCH, 0, 6)), bias)
    nothing = layer(x, torch.randn(BATCH, 5, 6).double(), torch.zeros(BATCH, 5, dtype=torch.bool))
    assert torch.equal(nothing, bias)
    (gradient,) = torch.autograd.grad(nothing.sum(), x)
    assert gradient.abs().max() == 0


def test_tokens_of_cross_attention_do_not_mix() -> None:
    layer, x, context = cross(), clips((2, 3, 4)), torch.randn(BATCH, 5, 6).double()
    alone = torch.stack([layer(x[:, t : t + 1], context)[:, 0] for t in range(2)], 1)
    torch.testing.assert_close(layer(x, context), alone)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(layer(x, context[:, order]), layer(x, context))


def test_wrong_contexts_are_refused() -> None:
    layer, x = cross(), clips((2, 3, 4))
    context = torch.randn(BATCH, 5, 6).double()
    with pytest.raises(UsageError, match=r"needs a context_bnc .* give one with n = 0"):
        layer(x)
    for wrong in (context[:1], context[..., :5], context[0]):
        with pytest.raises(UsageError, match="takes context_bnc of shape"):
            layer(x, wrong)
    for mask in (torch.ones(BATCH, 5), torch.ones(BATCH, 4, dtype=torch.bool)):
        with pytest.raises(UsageError, match="the context mask is"):
            layer(x, context, mask)


def test_a_context_is_drawn_from_the_generator_alone() -> None:
    layer = cross(torch.bfloat16)
    one, other = (layer.more_inputs((3, 2, 2, 2, CHANNELS), torch.Generator().manual_seed(5))[0] for _ in range(2))
    assert one.shape == (3, 77, 6)
    assert one.dtype == torch.bfloat16
    assert torch.equal(one, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_every_form_and_kernel_equals_plain_attention(case: str) -> None:
    compared = 0
    for execution, dtype in product(LAYERS["joint_attention"].executions(), (torch.float32, torch.bfloat16)):
        try:
            with torch.compiler.set_stance("default"):
                compare_on_a_gpu(case, dtype, execution)
        except UsageError as error:  # a kernel that this GPU, precision or mask does not have
            assert "choose one of auto, math" in str(error)  # noqa: PT017
        else:
            compared += 1
    assert compared >= 10  # auto and math folded and masked, and flex, at both precisions


def compare_on_a_gpu(case: str, dtype: torch.dtype, execution: dict[str, str]) -> None:
    channels = 32  # flex and flash want heads of 16 and more
    layer, grid = attention(case, dtype, channels, **execution), CASES[case][2]
    x, given = clips(grid, dtype, channels), named(layer)
    exact = x.detach().double().requires_grad_()
    expected = plain_attention(layer, given, exact, dense_mask(case))
    x = x.detach().cuda().requires_grad_()
    out = layer.cuda()(x)
    loose = torch.bfloat16  # float32 products may round as TF32
    assert_near(out, expected, loose)
    ours, theirs = gradients(out, [x, *layer.parameters()]), gradients(expected, [exact, *given.values()])
    assert_same_gradients(ours, theirs, loose)


@pytest.mark.parametrize("form", ["folded", "masked", "flex"])
def test_a_layer_that_has_run_can_be_copied_and_pickled(form: str) -> None:
    layer, tokens = (
        build("neighbourhood_attention", channels=8, heads=2, window=[3, 3, 3], form=form),
        torch.randn(1, 4, 5, 6, 8),
    )
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        expected = layer(tokens)
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            torch.testing.assert_close(twin(tokens), expected)
