"""Count multiply-accumulates by doing them: every one is carried out on ones, and the ones that come out are summed.

No formula about shapes is involved. Each convolution, matrix product and attention that runs is run once more with ones
for all numbers: then each product is 1, and the sum over all outputs is the number of products. On zero padding a
product is 0, which tells useful ones from those that are computed in vain; so does a mask on attention scores.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, create_mask
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.weak import WeakIdKeyDictionary

from vidgauge.bench.modes import FunctionMode, OperatorMode

_aten = torch.ops.aten
_FLEX = torch.ops.higher_order.flex_attention


@dataclass
class Macs:
    """Multiply-accumulates that ran."""

    computed: int = 0
    useful: int = 0
    """Those neither on zero padding nor for a score that a mask takes out."""

    def add(self, computed: float, useful: float) -> None:
        """Count some more."""
        self.computed += round(computed)
        self.useful += round(useful)


def enumerate_macs(call: Callable[[], object]) -> Macs:
    """Run a call and count every multiply-accumulate in its convolutions, matrix products and attentions.

    Elementwise work is not counted. Forward and backward passes are, of fused attention on a CPU as well. What is
    compiled runs as it is written, so that it can be seen. As slow as the call itself in float64, several times over.
    """
    macs = Macs()
    with torch.compiler.set_stance("force_eager"), _Operators(macs), _Attentions(macs):
        call()
    return macs


class _Operators(OperatorMode):
    """Sees convolutions and matrix products."""

    def __init__(self, macs: Macs) -> None:
        super().__init__()
        self.macs = macs
        self.padded: MutableMapping[torch.Tensor, torch.Tensor] = WeakIdKeyDictionary()
        """Ones for the input and zeros around it, for each tensor that was padded by an operator of its own."""

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Count its products."""
        self._count(func, args, kwargs)
        out = func(*args, **kwargs)
        if func is _aten.constant_pad_nd.default:
            self.padded[out] = functional.pad(_ones(args[0]), args[1])
        return out

    def _count(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if func is _aten.convolution.default:
            self.macs.add(*_convolution(self._real(args[0]), args[1], *args[3:]))
        elif func is _aten.convolution_backward.default:  # the same products once more for each gradient asked for
            computed, useful = _convolution(self._real(args[1]), args[2], *args[4:10])
            gradients = sum(args[10][:2])
            self.macs.add(gradients * computed, gradients * useful)
        elif func in (_aten.mm.default, _aten.bmm.default):
            products = _sum_of_products(args[0], args[1])
            self.macs.add(products, products)
        elif func in (_aten.addmm.default, _aten.baddbmm.default):
            products = _sum_of_products(args[1], args[2])
            self.macs.add(products, products)
        elif func is _aten._scaled_dot_product_flash_attention_for_cpu_backward.default:
            self.macs.add(*_attention_backward(*args[:4], **kwargs))

    def _real(self, x: torch.Tensor) -> torch.Tensor:
        """1 for each number of a convolution's input, 0 for what fills it up."""
        return self.padded[x] if x in self.padded else _ones(x)


class _Attentions(FunctionMode):
    """Sees attention before it is taken apart, and hides its parts from being counted again."""

    def __init__(self, macs: Macs) -> None:
        super().__init__()
        self.macs = macs

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Count its products."""
        counters: dict[Callable[..., Any], Callable[..., tuple[float, float]]] = {
            functional.scaled_dot_product_attention: _dense_attention,
            _FLEX: _block_attention,
        }
        if func not in counters:
            return func(*args, **kwargs)
        with _disable_current_modes():
            self.macs.add(*counters[func](*args, **kwargs))
            return func(*args, **kwargs)


def _ones(like: torch.Tensor) -> torch.Tensor:
    return torch.ones(like.shape, dtype=torch.float64)


def _sum_of_products(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((_ones(a) @ _ones(b)).sum())


def _convolution(
    real: torch.Tensor,
    weight: torch.Tensor,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> tuple[float, float]:
    """Products computed, everything being 1, padding too; and those on the input, where padding is 0."""
    if transposed:
        raise NotImplementedError("transposed convolutions are not counted")
    del output_padding
    run = (functional.conv1d, functional.conv2d, functional.conv3d)[real.ndim - 3]
    around = [zeros for zeros in reversed(padding) for _ in range(2)]
    filled = functional.pad(torch.ones_like(real), around, value=1.0)
    kernel = _ones(weight)
    computed = run(filled, kernel, None, stride, 0, dilation, groups)
    useful = run(real, kernel, None, stride, padding, dilation, groups)
    return float(computed.sum()), float(useful.sum())


def _dense_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    **_options: object,
) -> tuple[float, float]:
    """Both products of attention over every pair, and over those that the mask leaves."""
    scores = _ones(query) @ _ones(key).mT
    left = _left_by(attn_mask, scores)
    return _both_products(scores, torch.ones_like(scores), value), _both_products(scores, left, value)


def _left_by(mask: torch.Tensor | None, scores: torch.Tensor) -> torch.Tensor:
    """1 for each score that the mask leaves, else 0."""
    if mask is None:
        return torch.ones_like(scores)
    left = mask if mask.dtype == torch.bool else mask != float("-inf")
    return left.cpu().expand_as(scores).to(scores.dtype)


def _attention_backward(
    gradient: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    **_options: object,
) -> tuple[float, float]:
    """The five products of a fused backward pass, S again first (Dao et al., arXiv 2205.14135, algorithm 4)."""
    scores, of_probabilities = _ones(query) @ _ones(key).mT, _ones(gradient) @ _ones(value).mT

    def products(left: torch.Tensor) -> float:
        sums = (
            scores * left,
            left.mT @ _ones(gradient),
            of_probabilities * left,
            left @ _ones(key),
            left.mT @ _ones(query),
        )
        return sum(float(each.sum()) for each in sums)

    return products(torch.ones_like(scores)), products(_left_by(attn_mask, scores))


def _block_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score_mod: object = None,
    block_mask: tuple[Any, ...] | None = None,
    *_options: object,
) -> tuple[float, float]:
    """The same with the blocks that are computed taken whole."""
    del score_mod
    scores = _ones(query) @ _ones(key).mT
    batch, heads, queries, keys = scores.shape
    assert block_mask is not None
    # Block counts and indices come after the two lengths, block sizes and the predicate last; between lies what the
    # backward pass needs, which differs between versions of torch.
    count, index, full_count, full_index = block_mask[2:6]
    rows, columns, sees = block_mask[-3:]
    mask = BlockMask.from_kv_blocks(count, index, full_count, full_index, (rows, columns), sees, block_mask[:2])
    left = create_mask(sees, batch, heads, queries, keys, device=str(query.device))
    blocks = mask.to_dense().repeat_interleave(rows, -2).repeat_interleave(columns, -1)
    computed = blocks[..., :queries, :keys].expand_as(scores)
    return _both_products(scores, computed.cpu(), value), _both_products(scores, left.cpu(), value)


def _both_products(scores: torch.Tensor, left: torch.Tensor, value: torch.Tensor) -> float:
    """Products of Q K^T at the pairs that are left, and of their probabilities with V."""
    kept = left.to(scores.dtype)
    return float((scores * kept).sum() + (kept @ _ones(value)).sum())
