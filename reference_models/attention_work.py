"""What a form of attention does beside its projections, in tokens and pairs, and what that costs."""

from dataclasses import dataclass

from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost

NORM_FLOPS = 6
"""Of layer normalisation, for each number: sum, centre, square, sum, divide by the deviation, scale."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the kernel is given, and what is copied, written and kept around it; tokens of all sequences together."""

    queries: int
    """Tokens that the kernel is given as queries, those that fill up a box or tile included."""
    keys: int
    """Tokens that it is given as keys and as values."""
    pairs: int
    """Scores that it computes for each head."""
    held: tuple[int, int, int] = (0, 0, 0)
    """Tokens of the copies of Q, K and V that it is given; 0 where it is given a view of the projection."""
    copied: int = 0
    """Tokens copied on the way in and out; Q, K, V and the output each count."""
    output_copied: bool = False
    """Whether the kernel's output is copied before it is projected."""
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
    projected: tuple[int, int, int],
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
        projected: tokens of Q, K and V as the projections write them.
        channels: width of Q, K and V over all heads.
        heads: attention heads.
        itemsize: bytes of one number.
        fused: whether scores stay on the chip.
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
    kept = itemsize * channels * _tokens_kept(work, projected, normed=normed)
    if fused:
        sums = max(4, itemsize) * heads * work.queries  # at least float32
        kept += sums + itemsize * (work.added + channels * work.queries * work.output_copied)
    else:
        kept += itemsize * heads * work.pairs
    return base.model_copy(
        update={
            "min_bytes": base.min_bytes + work.mask + 2 * itemsize * work.between,
            "copy_bytes": 2 * itemsize * channels * work.copied,
            "activation_bytes": kept,
        }
    )


def _tokens_kept(work: Work, projected: tuple[int, int, int], *, normed: bool) -> int:
    """Copies that the kernel is given, and the projection's output while anything is a view of it or normalises it."""
    viewed = [not tokens for tokens in work.held]
    whole = sum(projected) if normed or any(viewed) else 0
    norms = sum(tokens for tokens, view in zip(projected[:2], viewed[:2], strict=True) if normed and view)
    return whole + norms + sum(work.held)


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
