"""What may set a ceiling: matrix products, convolutions, and passes over large arrays.

The best of many is taken because no single one is the ceiling everywhere: on a CPU, oneDNN's conv3d in channels_last_3d
can beat every matrix product, which would then put a layer above the roof.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from vidgauge.bench.timing.cache import last_level_bytes
from vidgauge.reference_models.layouts import CHANNELS_LAST

_CPU_SIZES = (128, 256, 512, 1024, 2048, 4096)
_CUDA_SIZES = (512, 1024, 2048, 4096, 8192)
# Inputs (B, C, H, W) and (B, C, T, H, W), with as many channels out; rising work. Batch 2, since ATen may leave oneDNN
# at batch 1. The sizes are levels of video U-Nets and autoencoders.
_CONVOLUTIONS = (
    (4, 32, 16, 16),
    (16, 64, 32, 32),
    (16, 128, 32, 32),
    (16, 320, 64, 64),
    (2, 32, 4, 8, 8),
    (2, 64, 8, 16, 16),
    (2, 64, 8, 32, 32),
    (2, 128, 8, 32, 32),
    (2, 256, 16, 64, 64),
)
_TIMES_CACHE = 4
_CUDA_ARRAY_BYTES = 2**29
"""The least on a GPU: a pass over less is too short to outweigh its launch."""


@dataclass
class Inputs:
    """Random tensors on one device, each shape made once. Zeros will not do: some hardware runs faster on them."""

    device: str
    dtype: torch.dtype
    seed: int
    made: dict[tuple[str, tuple[int, ...]], Tensor] = field(default_factory=dict)

    def draw(self, role: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor of that shape; another role gets another tensor."""
        if (role, shape) not in self.made:
            generator = torch.Generator(self.device).manual_seed(self.seed + len(self.made))
            tensor = torch.randn(shape, generator=generator, device=self.device)
            self.made[role, shape] = tensor.to(self.dtype)
        return self.made[role, shape]


@dataclass(frozen=True)
class Candidate:
    """One thing that may turn out the fastest."""

    name: str
    family: str
    """Candidates of one family differ in size alone, so the rate of one tells what the next will take."""
    work: int
    """FLOPs or bytes of one call."""
    build: Callable[[Inputs], Callable[[], object]]


def compute_candidates(device: str) -> Iterator[Candidate]:
    """Matrix products as they stand and with either operand transposed, and convolutions in both layouts."""
    for size in _CUDA_SIZES if device.startswith("cuda") else _CPU_SIZES:
        for transposed in ("neither", "first", "second"):
            yield _product(size, transposed)
    for shape in _CONVOLUTIONS:
        for last in (False, True):
            yield _convolution(shape, channels_last=last)


def array_bytes(cache_bytes: int, device: str) -> int:
    """Four times the last-level cache, so that no pass finds what the one before it left there."""
    least = _CUDA_ARRAY_BYTES if device.startswith("cuda") else 0
    return max(_TIMES_CACHE * cache_bytes, least)


def cache_bytes(device: str) -> int:
    """The largest cache: of a GPU its L2, as torch tells; of a CPU what Linux tells, else 64 MiB are assumed."""
    if device.startswith("cuda"):
        return int(torch.cuda.get_device_properties(device).L2_cache_size)
    return last_level_bytes()


def bandwidth_candidates(size: int) -> Iterator[Candidate]:
    """Passes over float32 arrays of ``size`` bytes each.

    Bytes are counted as an operator's formula counts them. Hardware that reads a line before it writes it moves more,
    half as much again in a copy; an update in place does not suffer from that.
    """
    shape = (size // 4,)

    def update(inputs: Inputs) -> Callable[[], object]:
        a = inputs.draw("a", shape)
        return lambda: a.neg_()

    def copy(inputs: Inputs) -> Callable[[], object]:
        a, b = inputs.draw("a", shape), inputs.draw("b", shape)
        return lambda: b.copy_(a)

    def triad(inputs: Inputs) -> Callable[[], object]:
        a, b, c = (inputs.draw(role, shape) for role in "abc")
        return lambda: torch.add(a, b, alpha=3.0, out=c)

    def total(inputs: Inputs) -> Callable[[], object]:
        a = inputs.draw("a", shape)
        return lambda: a.sum()

    yield Candidate("copy", "copy", 2 * size, copy)
    yield Candidate("triad", "triad", 3 * size, triad)
    yield Candidate("sum", "sum", size, total)
    yield Candidate("update in place", "update in place", 2 * size, update)


def _product(size: int, transposed: str) -> Candidate:
    def build(inputs: Inputs) -> Callable[[], object]:
        a, b = inputs.draw("a", (size, size)), inputs.draw("b", (size, size))
        a, b = (a.t() if transposed == "first" else a), (b.t() if transposed == "second" else b)
        return lambda: a @ b

    name = "matrix product" if transposed == "neither" else f"matrix product, {transposed} transposed"
    return Candidate(f"{name}, {size}", name, 2 * size**3, build)


def _convolution(shape: tuple[int, ...], *, channels_last: bool) -> Candidate:
    dimensions = len(shape) - 2
    channels = shape[1]

    def build(inputs: Inputs) -> Callable[[], object]:
        x = inputs.draw("x", shape)
        weight = inputs.draw("weight", (channels, channels, *(3,) * dimensions))
        if channels_last:
            x, weight = (tensor.to(memory_format=CHANNELS_LAST[x.ndim]) for tensor in (x, weight))
        convolve = functional.conv2d if dimensions == 2 else functional.conv3d
        return lambda: convolve(x, weight, padding=1)

    layout = "channels last" if channels_last else "contiguous"
    name = f"conv{dimensions}d, {layout}"
    # Taps on the padding count, as in the layers' own formulas.
    work = 2 * math.prod(shape) * channels * 3**dimensions
    return Candidate(f"{name}, {'x'.join(map(str, shape))}", name, work, build)
