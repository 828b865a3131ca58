"""Costs of attention, each field against what torch really does, and the figures that papers print."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.bench.modes import OperatorMode
from vidgauge.reference_models import flex, kernels
from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import build
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.positions import Positions

CHANNELS, GRID = 8, (4, 4, 6)
TOKENS = 4 * 4 * 6
CASES: list[tuple[str, dict[str, Any]]] = [
    ("joint_attention", {}),
    ("spatial_attention", {}),
    ("temporal_attention", {}),
    ("temporal_attention", {"max_frames": 6}),
    ("window_attention", {"window": [2, 2, 3]}),
    ("window_attention", {"window": [2, 2, 3], "relative_bias": True}),
    ("window_attention", {"window": [4, 4, 6], "relative_bias": True}),
    ("spatial_window_attention", {"window": [2, 3]}),
    ("shifted_window_attention", {"window": [2, 2, 2]}),
    ("shifted_window_attention", {"window": [3, 4, 4], "relative_bias": True}),
    ("shifted_window_attention", {"window": [3, 4, 6], "shift": [0, 0, 0]}),
    ("neighbourhood_attention", {"window": [3, 3, 5]}),
    ("sliding_tile_attention", {"tile": [1, 2, 2], "window": [3, 2, 4]}),
    ("causal_attention", {}),
    ("cross_attention", {"context_channels": 12, "context_tokens": 5}),
]
WITH_KERNELS = [{"form": form, "kernel": kernel} for form in ("folded", "masked") for kernel in ("flash", "math")]


def every(forms: Sequence[dict[str, str]]) -> Iterator[Any]:
    """Every case in those forms, with one head and two, with and without normalised queries and keys."""
    ways = ((1, False), (2, False), (2, True))
    for (name, config), execution, (heads, qk_norm) in itertools.product(CASES, forms, ways):
        if name == "cross_attention":
            if execution["form"] != "folded":
                continue
            execution = {"kernel": execution["kernel"]}
        more = {"heads": heads, "qk_norm": qk_norm, **execution}
        words = [name, *(f"{key}={value}" for key, value in config.items()), *map(str, more.values())]
        yield pytest.param(name, config | more, id="-".join(words).replace(" ", ""))


def made(name: str, config: dict[str, Any]) -> Layer:
    torch.manual_seed(0)
    return build(name, channels=CHANNELS, **config)


def inputs(layer: Layer, batch: int) -> tuple[torch.Tensor, ...]:
    shape = (batch, *GRID, CHANNELS)
    return (torch.randn(shape), *layer.more_inputs(shape, torch.Generator().manual_seed(0)))


def bytes_of(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


class Traffic(OperatorMode):
    """Bytes that copies outside of the kernels read and write, and those of the float masks of relative positions.

    Copies are permutations that had to be written, rolls, gathers, stacks and padding. What a kernel does inside is its
    own: torch's un-fused form copies what it multiplies.
    """

    copies = (
        torch.ops.aten.clone.default,
        torch.ops.aten._to_copy.default,
        torch.ops.aten.copy_.default,
        torch.ops.aten.roll.default,
        torch.ops.aten.cat.default,
        torch.ops.aten.stack.default,
        torch.ops.aten.index.Tensor,
    )
    masks = (torch.ops.aten.index.Tensor, torch.ops.aten.gather.default, torch.ops.aten.where.self)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.copied = self.added = 0
        self.place = "outside"
        monkeypatch.setattr(kernels, "attend", self.inside("kernel", kernels.attend))
        monkeypatch.setattr(flex, "attend", self.inside("kernel", lambda query, *_: torch.empty_like(query)))
        monkeypatch.setattr(Positions, "add_to", self.inside("positions", Positions.add_to))

    def inside(self, place: str, call: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def noted(*args: object) -> torch.Tensor:
            self.place = place
            out = call(*args)
            self.place = "outside"
            return out

        return noted

    def run(self, op: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        out = op(*args, **kwargs)
        if self.place == "positions" and op in self.masks:
            self.added += 2 * bytes_of(out)
        elif self.place != "kernel" and op in self.copies:
            self.copied += 2 * bytes_of(out)
        elif self.place != "kernel" and op is torch.ops.aten.constant_pad_nd.default:
            self.copied += bytes_of(args[0]) + bytes_of(out)
        return out


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("name", "config"), list(every([*WITH_KERNELS, {"form": "flex"}])))
def test_copies_and_masks_are_those_that_torch_makes(
    name: str, config: dict[str, Any], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = made(name, config)
    given = inputs(layer, batch)
    with torch.no_grad():
        if config.get("form") != "flex":
            layer(*given)  # makes masks and indices, which stay
        with Traffic(monkeypatch) as traffic:
            layer(*given)
        traffic.copied = traffic.added = 0
        with traffic:
            layer(*given)
    cost = layer.cost(given[0].shape)
    assert cost.copy_bytes == traffic.copied
    assert cost.min_bytes == least_bytes(layer, cost, batch) + traffic.added


def test_copies_of_tiles_that_are_not_in_the_order_of_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """128 frames are one block of 128 at each of two places: cut, they are copied, though windows of them are views."""
    layer, clip = made("temporal_attention", {"heads": 2, "form": "flex"}), torch.zeros(1, 128, 1, 2, CHANNELS)
    with torch.no_grad(), Traffic(monkeypatch) as traffic:
        layer(clip)  # makes the block mask, which stays
        traffic.copied = 0
        layer(clip)
    assert layer.cost((1, 128, 1, 2, CHANNELS)).copy_bytes == 4 * 2 * 4 * 256 * CHANNELS == traffic.copied


def least_bytes(layer: Layer, cost: Cost, batch: int) -> int:
    """Tensors between operators, each written and read, but for float masks; un-fused, scores and probabilities too."""
    tokens = batch * TOKENS
    if isinstance(layer, CrossAttention):
        asked = batch * 5
        numbers = (6 * tokens + 4 * asked) * CHANNELS + asked * 12
        return 4 * (numbers + cost.parameters + 4 * layer.heads * tokens * 5 * (layer.kernel == "math"))
    assert isinstance(layer, Attention)
    work = {"folded": layer.folded_work, "masked": layer._masked_work, "flex": layer._flex_work}[layer.form](
        batch, GRID
    )
    numbers = (6 * tokens + 2 * (work.queries + work.keys)) * CHANNELS + cost.parameters
    if layer.kernel == "math":
        numbers += 4 * layer.heads * work.pairs
    if layer.positions is not None and layer.positions.per_query:
        numbers += work.queries * (CHANNELS + 2 * layer.heads * 11)  # Q again, the products written and read
    return 4 * numbers + work.mask


def test_work_of_the_kernels_by_hand() -> None:
    """What the byte counts above rest on: (3, 4, 4) shifted on (4, 4, 6) fills up 6 x 4 x 8 and has 4 boxes of 48."""
    layer = made("shifted_window_attention", {"heads": 2, "window": [3, 4, 4]})
    assert isinstance(layer, Attention)
    work = layer.folded_work(2, GRID)
    assert (work.queries, work.keys, work.pairs, work.sequences) == (384, 384, 384 * 48, 8)
    assert work.mask == 8 * 48**2
    near = made("neighbourhood_attention", {"heads": 2, "window": [3, 3, 5]})
    assert isinstance(near, Attention)
    work = near.folded_work(2, GRID)
    assert (work.queries, work.keys, work.pairs, work.mask) == (192, 192 * 45, 192 * 45, 0)
    causal = made("causal_attention", {"heads": 2})
    assert isinstance(causal, Attention)
    work = causal.folded_work(2, GRID)
    assert (work.queries, work.keys, work.pairs) == (192, 2 * 24 * (1 + 2 + 3 + 4), 2 * 24**2 * 10)


def kept_for_backward(layer: Layer, given: tuple[torch.Tensor, ...]) -> int:
    """Bytes of the storages that autograd saves, without parameters and what the layer keeps from call to call."""
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = layer(*(x.requires_grad_() for x in given))
    constants = [kept for _, kept in getattr(layer, "_kept", {}).values() if isinstance(kept, torch.Tensor)]
    for tensor in (*layer.parameters(), *constants):
        saved.pop(tensor.untyped_storage().data_ptr(), None)
    assert out.requires_grad
    return sum(saved.values())


def kept_on_a_cpu() -> list[Any]:
    """All but flash with a learned mask, for which there is no kernel."""
    learned = {"relative_bias", "max_frames"}
    return [
        one for one in every(WITH_KERNELS) if one.values[1]["kernel"] == "math" or not learned & one.values[1].keys()
    ]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("name", "config"), kept_on_a_cpu())
def test_activations_are_those_that_autograd_keeps(name: str, config: dict[str, Any], batch: int) -> None:
    layer = made(name, config)
    flash = config["kernel"] == "flash"
    kept = kept_for_backward(layer, inputs(layer, batch))
    if flash and isinstance(layer, Attention):  # on a CPU it turns a bool mask into a float one, and keeps that
        work = layer.folded_work if layer.form == "folded" else layer._masked_work
        kept -= 4 * work(batch, GRID).mask
    assert layer.cost((batch, *GRID, CHANNELS)).activation_bytes == kept


def test_learned_masks_are_kept_by_a_fused_kernel() -> None:
    """No kernel of a CPU shows it, so by hand: the mask of one window, heads x 96 x 96, and nothing else."""
    plain, biased = (
        made("window_attention", {"heads": 2, "window": GRID, "relative_bias": biased, "kernel": "flash"}).cost(
            (2, *GRID, CHANNELS)
        )
        for biased in (False, True)
    )
    assert biased.activation_bytes - plain.activation_bytes == 4 * 2 * TOKENS**2


@pytest.mark.parametrize(("name", "config"), list(every([one for one in WITH_KERNELS if one["kernel"] == "math"])))
def test_products_are_those_that_torch_counts(name: str, config: dict[str, Any]) -> None:
    layer = made(name, config)
    given = inputs(layer, 2)
    cost = layer.cost(given[0].shape)
    assert cost.parameters == sum(p.numel() for p in layer.parameters())
    with FlopCounterMode(display=False) as counter:
        out = layer(*(x.requires_grad_() for x in given))
        assert counter.get_total_flops() == cost.forward_flops
        out.sum().backward()
    assert counter.get_total_flops() == cost.forward_flops + cost.backward_flops


@pytest.mark.parametrize(("name", "config"), list(every([{"form": "folded", "kernel": "flash"}, {"form": "flex"}])))
def test_a_fused_kernel_computes_the_scores_again(name: str, config: dict[str, Any]) -> None:
    shape = (2, *GRID, CHANNELS)
    fused, plain = made(name, config), made(name, config | ({"kernel": "math"} if "kernel" in config else {}))
    ours, theirs = fused.cost(shape), plain.cost(shape)
    assert ours.forward_flops == theirs.forward_flops
    if "kernel" in config:
        pairs = computed_pairs(fused, 2)
        assert ours.backward_flops - theirs.backward_flops == 2 * pairs * CHANNELS  # one product more


def computed_pairs(layer: Layer, batch: int) -> int:
    if isinstance(layer, Attention):
        return layer.folded_work(batch, GRID).pairs
    return batch * TOKENS * 5


@pytest.mark.parametrize(("name", "config"), list(every([*WITH_KERNELS, {"form": "flex"}])))
def test_useful_products_are_the_same_in_every_form(name: str, config: dict[str, Any]) -> None:
    layer = made(name, config)
    cost = layer.cost((2, *GRID, CHANNELS))
    tokens, asked = 2 * TOKENS, 2 * 5
    if isinstance(layer, Attention):
        pairs = 2 * int(layer.pattern(GRID).mask().sum())
        projections = 8 * tokens * CHANNELS**2
    else:
        pairs = tokens * 5
        projections = 4 * (tokens * CHANNELS + asked * 12) * CHANNELS
    core = 4 * pairs * CHANNELS
    relative = 2 * pairs * CHANNELS if "max_frames" in config else 0  # each query with the keys it sees, and no more
    assert cost.useful_forward_flops == projections + core + relative
    core_backward = core * 2 if config.get("kernel") == "math" else core * 5 // 2
    assert cost.useful_backward_flops == 2 * projections + core_backward + 2 * relative


def test_elementwise_operations_by_hand() -> None:
    shape, tokens = (2, *GRID, CHANNELS), 2 * TOKENS
    biases = 4 * tokens * CHANNELS
    joint = made("joint_attention", {"heads": 2})
    assert joint.cost(shape).elementwise_flops == biases + 5 * 2 * 2 * TOKENS**2
    normed = made("joint_attention", {"heads": 2, "qk_norm": True, "bias": False})
    assert normed.cost(shape).elementwise_flops == 5 * 2 * 2 * TOKENS**2 + 6 * 2 * tokens * CHANNELS
    window = made("window_attention", {"heads": 2, "window": [2, 2, 3], "relative_bias": True})
    assert window.cost(shape).elementwise_flops == biases + (5 + 1) * 2 * tokens * 12
    time = made("temporal_attention", {"heads": 2, "max_frames": 6})
    assert time.cost(shape).elementwise_flops == biases + (5 + 1) * 2 * tokens * 4 + 11 * 4  # scaled vectors
    cross = made("cross_attention", {"heads": 2, "context_channels": 12, "context_tokens": 5})
    assert cross.cost(shape).elementwise_flops == (2 * tokens + 2 * 10) * CHANNELS + 5 * 2 * tokens * 5


def test_relative_keys_multiply_all_their_vectors() -> None:
    shape = (2, *GRID, CHANNELS)
    plain, relative = (made("temporal_attention", {"heads": 2} | more).cost(shape) for more in ({}, {"max_frames": 6}))
    assert relative.forward_flops - plain.forward_flops == 2 * (2 * TOKENS) * 11 * CHANNELS  # 2 N (2 T - 1) C
    assert relative.backward_flops - plain.backward_flops == 2 * 2 * (2 * TOKENS) * 11 * CHANNELS
    assert relative.parameters - plain.parameters == 11 * 4


def test_padded_windows_compute_more_than_they_use() -> None:
    """(3, 4, 4) on (4, 4, 6): 6 x 4 x 8 tokens in boxes of 48; runs of 1 and 3 frames, 4 rows, 2 and 4 columns."""
    layer = made("shifted_window_attention", {"heads": 2, "window": [3, 4, 4]})
    cost = layer.cost((1, *GRID, CHANNELS))
    assert cost.forward_flops == 8 * TOKENS * CHANNELS**2 + 4 * (6 * 4 * 8) * 48 * CHANNELS
    assert cost.useful_forward_flops == 8 * TOKENS * CHANNELS**2 + 4 * (1 + 9) * 16 * (4 + 16) * CHANNELS


def test_flex_computes_whole_blocks() -> None:
    """160 tokens fill two blocks of 128; windows of 64 share a block in pairs."""
    joint = made("joint_attention", {"heads": 2, "form": "flex"}).cost((1, 1, 4, 40, CHANNELS))
    assert joint.forward_flops == 8 * 160 * CHANNELS**2 + 4 * 256**2 * CHANNELS
    assert joint.useful_forward_flops == 8 * 160 * CHANNELS**2 + 4 * 160**2 * CHANNELS
    window = made("window_attention", {"heads": 2, "window": [2, 8, 4], "form": "flex"})
    cost, tokens = window.cost((1, 4, 16, 20, CHANNELS)), 4 * 16 * 20
    assert cost.forward_flops == 8 * tokens * CHANNELS**2 + 4 * tokens * 128 * CHANNELS
    assert cost.useful_forward_flops == 8 * tokens * CHANNELS**2 + 4 * tokens * 64 * CHANNELS
    tiles = made("sliding_tile_attention", {"heads": 2, "tile": [6, 8, 8], "window": [6, 16, 8], "form": "flex"})
    sliding = tiles.cost((1, 12, 24, 16, CHANNELS))
    assert sliding.forward_flops == sliding.useful_forward_flops  # blocks of (2, 8, 8) fit into the tiles
    small = made("sliding_tile_attention", {"heads": 2, "tile": [4, 4, 4], "window": [4, 4, 4], "form": "flex"})
    halves = small.cost((1, 8, 8, 8, CHANNELS))
    core = 8 * 512 * CHANNELS**2
    assert halves.forward_flops - core == 2 * (halves.useful_forward_flops - core)  # two tiles share a block


def on_the_meta_device(name: str, **config: object) -> Layer:
    with torch.device("meta"):
        return build(name, **config)


HUNYUAN: Grid = (30, 48, 80)
"""Latent tokens of 720p, 5 s; 24 heads of 128."""


def core_flops(name: str, grid: Grid, channels: int, **config: object) -> int:
    layer = on_the_meta_device(name, channels=channels, heads=channels // 128, **config)
    cost = layer.cost((1, *grid, channels))
    tokens = grid[0] * grid[1] * grid[2]
    return cost.forward_flops - 8 * tokens * channels**2


def test_published_costs_of_sliding_tiles() -> None:
    """Zhang et al., arXiv 2502.04507: sparsity and TFLOP of full attention and of two windows."""
    full = core_flops("joint_attention", HUNYUAN, 3072)
    assert full == pytest.approx(163.07e12, rel=1e-4)  # 164.03 in the paper, which counts text tokens too
    for window, tflop, sparsity in (([18, 24, 24], 14.7, 91.0), ([30, 40, 40], 67.9, 58.3)):
        sliding = core_flops("sliding_tile_attention", HUNYUAN, 3072, tile=[6, 8, 8], window=window)
        assert sliding / 1e12 == pytest.approx(tflop, abs=0.06)
        assert 100 * (1 - sliding / full) == pytest.approx(sparsity, abs=0.05)
        blocks = core_flops("sliding_tile_attention", HUNYUAN, 3072, tile=[6, 8, 8], window=window, form="flex")
        assert blocks == sliding


def test_published_cost_of_natten_at_the_same_window() -> None:
    """NATTEN's (18, 24, 24) of 30 x 48 x 80 bounds the speed-up at 11.1."""
    full = core_flops("joint_attention", HUNYUAN, 3072)
    near = core_flops("neighbourhood_attention", HUNYUAN, 3072, window=[18, 24, 24])
    assert full / near == pytest.approx(11.1, abs=0.02)


def test_closed_forms_of_pairs() -> None:
    time, height, width = GRID
    frame = height * width
    for name, config, pairs in (
        ("joint_attention", {}, TOKENS**2),
        ("spatial_attention", {}, TOKENS * frame),
        ("temporal_attention", {}, TOKENS * time),
        ("window_attention", {"window": [2, 2, 3]}, TOKENS * 12),
        ("spatial_window_attention", {"window": [2, 3]}, TOKENS * 6),
        ("neighbourhood_attention", {"window": [3, 2, 5]}, TOKENS * 30),
        ("sliding_tile_attention", {"tile": [1, 2, 2], "window": [3, 2, 4]}, TOKENS * 24),
        ("causal_attention", {}, frame**2 * time * (time + 1) // 2),
    ):
        layer = made(name, {"heads": 2, **config})
        cost = layer.cost((1, *GRID, CHANNELS))
        assert cost.forward_flops == cost.useful_forward_flops == 8 * TOKENS * CHANNELS**2 + 4 * pairs * CHANNELS


def test_factorised_attention_costs_its_stages() -> None:
    shape = (2, *GRID, CHANNELS)
    cost = made("factorised_attention", {"heads": 2}).cost(shape)
    assert cost.forward_flops == 2 * (16 * TOKENS * CHANNELS**2 + 4 * TOKENS * (24 + 4) * CHANNELS)
    stages = made("spatial_attention", {"heads": 2}).cost(shape) + made("temporal_attention", {"heads": 2}).cost(shape)
    assert cost == stages


def test_costs_scale_with_the_precision() -> None:
    layer = made("shifted_window_attention", {"heads": 2, "window": [3, 4, 4], "relative_bias": True})
    shape = (2, *GRID, CHANNELS)
    single, half = layer.cost(shape), layer.bfloat16().cost(shape)
    masks = 8 * 48**2  # bool
    sums = 4 * 2 * 384  # float32 all the same
    assert half.min_bytes - masks == (single.min_bytes - masks) // 2
    assert half.copy_bytes == single.copy_bytes // 2
    assert half.activation_bytes - sums == (single.activation_bytes - sums) // 2
    assert half.forward_flops == single.forward_flops


def test_costs_need_no_memory() -> None:
    layer = on_the_meta_device("joint_attention", channels=1152, heads=16)
    assert layer.cost((1, 30, 48, 80, 1152)).forward_flops == 4 * 115200**2 * 1152 + 8 * 115200 * 1152**2
