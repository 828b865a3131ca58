"""Scaled dot-product attention by a kernel of one's choice."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from vidgauge.errors import UsageError

_BACKENDS = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}
KERNELS = ("auto", *_BACKENDS)
"""``auto`` leaves the choice to torch; ``math`` writes all scores to memory, the others do not."""


def attend(
    query_shld: torch.Tensor, key_shmd: torch.Tensor, value_shmd: torch.Tensor, mask: torch.Tensor | None, kernel: str
) -> torch.Tensor:
    """softmax(Q K^T / sqrt(d) + mask) V for S sequences and h heads.

    Args:
        query_shld: (S, h, L, d) float.
        key_shmd: (S, h, M, d) float.
        value_shmd: (S, h, M, d) float.
        mask: broadcastable to (S, h, L, M); bool, True where the query sees the key, or float, added to the scores. A
            query that sees nothing gets zeros.
        kernel: one of ``KERNELS``.

    Raises:
        UsageError: where the kernel does not run on that device, precision or mask.
    """
    if kernel == "auto":
        return functional.scaled_dot_product_attention(query_shld, key_shmd, value_shmd, attn_mask=mask)
    try:
        with _forced(kernel):
            return functional.scaled_dot_product_attention(query_shld, key_shmd, value_shmd, attn_mask=mask)
    except RuntimeError as error:
        if "backend" not in str(error) and "kernel" not in str(error):
            raise  # out of memory, say
        learned = mask is not None and mask.requires_grad
        kind = "without a mask" if mask is None else "with a learned mask" if learned else "with a mask"
        device, dtype = query_shld.device, query_shld.dtype
        there = kernels_on(device, dtype, channels=query_shld.shape[-1], masked=mask is not None, learned=learned)
        raise UsageError(
            f"kernel {kernel!r} does not run on {device.type} in {dtype} {kind}; choose one of {', '.join(there)}"
        ) from error


def kernels_on(
    device: torch.device | str, dtype: torch.dtype, *, channels: int = 64, masked: bool = False, learned: bool = False
) -> list[str]:
    """The kernels that run on a device at a precision, found by trying each on a small input.

    Args:
        device: where.
        dtype: of queries, keys and values.
        channels: of a head.
        masked: whether with a bool mask.
        learned: whether with a mask that needs a gradient, as relative positions do.
    """
    query = torch.zeros(1, 1, 16, channels, device=device, dtype=dtype)
    mask = torch.ones(16, 16, device=device, dtype=torch.bool) if masked else None
    if learned:
        mask = torch.zeros(1, 1, 16, 16, device=device, dtype=dtype, requires_grad=True)

    def runs(kernel: str) -> bool:
        try:
            with torch.enable_grad(), _forced(kernel):
                functional.scaled_dot_product_attention(query, query, query, attn_mask=mask)
        except RuntimeError:
            return False
        return True

    return ["auto", *filter(runs, _BACKENDS)]


@contextmanager
def _forced(kernel: str) -> Iterator[None]:
    """That kernel or none; torch's warnings why it is none are left out, as the error says what there is instead."""
    with sdpa_kernel(_BACKENDS[kernel]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
