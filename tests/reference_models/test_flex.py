"""FlexAttention: block masks against the dense mask in tile order, compilation, and what it cannot do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import flex_attention

from vidgauge.errors import UsageError
from vidgauge.reference_models import flex, pattern
from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers import build
from vidgauge.reference_models.pattern import Pattern

CPU = torch.device("cpu")
PATTERNS = [
    Pattern(pattern.everything(4), pattern.everything(6), pattern.everything(8)),
    Pattern(pattern.itself(5), pattern.everything(6), pattern.everything(9)),
    Pattern(pattern.up_to_now(5), pattern.same_box(6, 4, 2), pattern.around(9, 3)),
]


def dense(ours: Pattern, frames: torch.Tensor | None) -> torch.Tensor:
    """(B or 1, N, N), in the order of the grid."""
    t, h, w = ours.grid
    frame = torch.arange(t).repeat_interleave(h * w)
    mask = ours.mask()[None]
    return mask if frames is None else mask & frames.reshape(-1, t, t)[:, frame][:, :, frame]


@pytest.mark.parametrize("of_clips", [None, "one", "each"])
@pytest.mark.parametrize("ours", PATTERNS, ids=["all", "frames", "mixed"])
def test_a_block_mask_says_what_the_pattern_says(ours: Pattern, of_clips: str | None) -> None:
    frames = None
    if of_clips is not None:
        time = ours.grid[0]
        frames = pattern.within(time, 1)
        if of_clips == "each":
            frames = torch.stack([frames, pattern.clip_and_images(time - 1, 1)])
    order = flex.tiles(ours)
    blocks = flex.block_mask(ours, order, frames, CPU)
    t, y, x = flex.coordinates(order, CPU)
    real = (t < ours.grid[0]) & (y < ours.grid[1]) & (x < ours.grid[2])
    number = ((t * ours.grid[1] + y) * ours.grid[2] + x)[real]
    assert sorted(number.tolist()) == list(range(len(ours.mask())))
    expected = dense(ours, frames)
    numbers = torch.arange(len(t))
    assert blocks.mask_mod is not None
    for clip, mask in enumerate(expected):
        pairs = blocks.mask_mod(torch.tensor(clip), torch.tensor(0), numbers[:, None], numbers[None])
        assert torch.equal(pairs[real][:, real], mask[number][:, number])
        assert not pairs[~real].any()
        assert not pairs[:, ~real].any()
        cut = pairs.view(len(t) // 128, 128, len(t) // 128, 128)
        computed = blocks.to_dense()[0, 0].bool()
        assert not (cut.any(3).any(1) & ~computed).any()  # every block with a pair in it is computed
    assert int(blocks.to_dense().sum()) * 128**2 <= ours.computed_pairs(order.size)
    if frames is None:
        assert int(blocks.to_dense().sum()) * 128**2 == ours.computed_pairs(order.size)


def test_full_blocks_are_not_masked_again() -> None:
    ours = Pattern(pattern.everything(4), pattern.everything(8), pattern.same_box(16, 8))
    blocks = flex.block_mask(ours, flex.tiles(ours), None, CPU)
    assert blocks.full_kv_num_blocks is not None
    assert int(blocks.full_kv_num_blocks.sum()) == 2 * 2**2
    assert int(blocks.kv_num_blocks.sum()) == 0


def pair(name: str, config: dict[str, Any], channels: int = 8) -> tuple[Attention, Attention]:
    """The layer in form flex and folded, same parameters."""
    torch.manual_seed(0)
    ours, theirs = (build(name, channels=channels, heads=2, form=form, **config) for form in ("flex", "folded"))
    assert isinstance(ours, Attention)
    assert isinstance(theirs, Attention)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare(name: str, config: dict[str, Any], grid: Grid = (3, 4, 6)) -> None:
    ours, theirs = pair(name, config)
    x = torch.randn(2, *grid, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_compiled_it_gives_the_same() -> None:
    compare("shifted_window_attention", {"window": [2, 2, 4], "relative_bias": True})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("joint_attention", {"qk_norm": True}),
        ("spatial_attention", {}),
        ("temporal_attention", {"max_frames": 3}),
        ("window_attention", {"window": [3, 2, 2], "relative_bias": True}),
        ("spatial_window_attention", {"window": [2, 2]}),
        ("neighbourhood_attention", {"window": [3, 3, 3]}),
        ("sliding_tile_attention", {"tile": [1, 2, 2], "window": [1, 4, 4]}),
        ("causal_attention", {}),
    ],
)
def test_compiled_every_operator_gives_the_same(name: str, config: dict[str, Any]) -> None:
    compare(name, config)
    compare(name, config, (3, 8, 12))


@pytest.mark.slow
def test_compiled_frame_masks_of_each_clip() -> None:
    ours, theirs = pair("temporal_attention", {"max_frames": 4})
    x, mask = torch.randn(2, 4, 4, 6, 8), torch.stack([pattern.within(4, 1), pattern.clip_and_images(2, 2)])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, mask), theirs(x, mask), rtol=1e-4, atol=1e-4)


def test_many_grids_and_layers_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel for each number of tokens, which layers share; more than the 8 that torch keeps of one function."""
    kernels = []

    def count(module: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
        kernels.append(module)
        return module.forward

    compiled = torch.compile(flex_attention, dynamic=False, fullgraph=True, backend=count)
    monkeypatch.setattr(flex, "_compiled", lambda: compiled)
    torch.compiler.reset()
    for blocks in range(1, 10):
        compare("joint_attention", {}, (1, 1, 128 * blocks))
    compare("spatial_attention", {}, (1, 1, 256))
    torch.compiler.reset()
    assert len(kernels) == 9


def test_what_cannot_be_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise NotImplementedError("`torch.float` alone is supported")

    compiled = torch.compile(flex_attention, dynamic=False, fullgraph=True, backend=broken)
    monkeypatch.setattr(flex, "_compiled", lambda: compiled)
    layer, _ = pair("joint_attention", {})
    with (
        torch.no_grad(),
        pytest.raises(UsageError, match=r"cannot compile form 'flex' on cpu in torch.float32: .*alone"),
    ):
        layer(torch.zeros(1, 2, 2, 2, 8))


def test_a_cpu_has_no_gradients() -> None:
    layer, _ = pair("joint_attention", {})
    with pytest.raises(UsageError, match="no gradients on a CPU"):
        layer(torch.zeros(1, 2, 2, 2, 8))
