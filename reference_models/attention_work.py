"""What a form of attention does beside its projections, in tokens and pairs, and what that costs."""

from dataclasses import dataclass
from typing import NamedTuple

from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost

NORM_FLOPS = 6
"""Of layer normalisation, for each number: sum, centre, square, sum, divide by the deviation, scale."""


class Projected(NamedTuple):
    """Tokens of Q, K and V as the projections write them."""

    query: int
    key: int
    value: int
    around_value: int
    """Those of the whole tensor that V is a part of."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the kernel is given, and what is copied, written and kept around it; tokens of all sequences together."""

    queries: int
    """Tokens that the kernel is given as queries, those that fill up a box or tile included."""
    keys: int
    """Tokens that it is given as keys and as values."""
    pairs: int
    """Scores that it computes for each head."""
    sequences: int
    """Sequences that it is given at once."""
    held: tuple[int, int, int] = (0, 0, 0)
    """Tokens of the copies of Q, K and V that it is given; 0 where it is given a view of the projection."""
    moved: int = 0
    """Tokens that copies read and write on the way in and out; Q, K, V and the output each count."""
    output_copied: bool = False
    """Whether the kernel's output is copied before it is projected."""
    spare: int = 0
    """Tokens that fill up a box or tile and stay in memory with what is projected."""
    rows: bool = True
    """Whether the tokens of Q lie in memory in the kernel's order."""
    mask: int = 0
    """Entries of the bool mask that is read; it is made once for a grid and kept by the layer."""
    added: int = 0
    """Numbers of the float mask that is added to the scores."""
    between: int = 0
    """Numbers of all tensors on the way to that mask, itself included; each is written and read once."""


def core(
    work: Work,
    useful_pairs: int,
    projected: Projected,
    channels: int,
    heads: int,
    itemsize: int,
    *,
    fused: bool,
    normed: bool,
) -> Cost:
    """Scores and weighted sum, with masks, copies, and all that is kept for the backward pass from Q, K and V on.

    Args:
        work: what is done.
        useful_pairs: pairs that no mask takes out again.
        projected: Q, K and V before any copy.
        channels: width of Q, K and V over all heads.
        heads: attention heads.
        itemsize: bytes of one number.
        fused: whether scores stay on the chip. If not, copies of Q and K are scaled before the product, and kept.
        normed: whether Q and K are normalised between projection and kernel.
    """
    base = cost.attention_core(
        queries=work.queries,
        keys=work.keys,
        pairs=work.pairs,
        useful_pairs=useful_pairs,
        channels=channels,
        heads=heads,
        itemsize=itemsize,
        fused=fused,
    )
    if fused:
        tokens = _kept_fused(work, projected, normed=normed) + work.queries * work.output_copied
        sums = max(4, itemsize) * heads * work.queries  # at least float32
        kept = sums + itemsize * work.added
    else:
        batched = heads > 1 and work.sequences > 1  # of which a product of matrices makes a copy where it is a view
        tokens = work.queries + work.keys + _kept_values(work, projected, batched=batched, normed=normed)
        kept = itemsize * heads * work.pairs
    return base.model_copy(
        update={
            "min_bytes": base.min_bytes + work.mask + 2 * itemsize * work.between,
            "copy_bytes": itemsize * channels * work.moved,
            "activation_bytes": kept + itemsize * channels * (tokens + work.spare),
        }
    )


def _kept_fused(work: Work, projected: Projected, *, normed: bool) -> int:
    """Copies that the kernel is given, and what is projected while anything is a view of it or normalises it."""
    viewed = [not tokens for tokens in work.held]
    whole = sum(projected[:3]) if normed or any(viewed) else 0
    norms = sum(tokens for tokens, view in zip(projected[:2], viewed[:2], strict=True) if normed and view)
    return whole + norms + sum(work.held)


def _kept_values(work: Work, projected: Projected, *, batched: bool, normed: bool) -> int:
    """V, or what it is a view of, and what is normalised."""
    if work.held[2] or batched:
        return work.keys + normed * sum(projected[:3])
    return sum(projected[:3]) if normed else projected.around_value


def norms(tokens: int, channels: int, heads: int, itemsize: int) -> Cost:
    """Layer normalisation of Q and K in each head, ``tokens`` in all; its input is counted with the core.

    A mean and a deviation for each token and head are kept.
    """
    scales = 2 * channels // heads
    return cost.elementwise(NORM_FLOPS * tokens * channels).model_copy(
        update={
            "parameters": scales,
            "min_bytes": itemsize * scales,
            "activation_bytes": 2 * max(4, itemsize) * heads * tokens,
        }
    )
