"""Scaled dot-product attention by a kernel of one's choice."""

from collections.abc import Callable

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
        with sdpa_kernel(_BACKENDS[kernel]):
            return functional.scaled_dot_product_attention(query_shld, key_shmd, value_shmd, attn_mask=mask)
    except RuntimeError as error:
        if "backend" not in str(error) and "kernel" not in str(error):
            raise  # out of memory, say
        raise UsageError(
            f"kernel {kernel!r} does not run on {query_shld.device.type} in {query_shld.dtype} "
            f"{'with' if mask is not None else 'without'} a mask; choose one of "
            f"{', '.join(kernels_on(query_shld.device, query_shld.dtype, masked=mask is not None))}"
        ) from error


def kernels_on(device: torch.device | str, dtype: torch.dtype, *, masked: bool = False) -> list[str]:
    """The kernels that run on a device at a precision, found by trying each on a small input (d = 64)."""
    query = torch.zeros(1, 1, 16, 64, device=device, dtype=dtype)
    mask = torch.ones(16, 16, device=device, dtype=torch.bool) if masked else None

    def runs(backend: SDPBackend) -> bool:
        return _runs(lambda: functional.scaled_dot_product_attention(query, query, query, attn_mask=mask), backend)

    return ["auto", *(name for name, backend in _BACKENDS.items() if runs(backend))]


def _runs(call: Callable[[], object], backend: SDPBackend) -> bool:
    try:
        with sdpa_kernel(backend):
            call()
    except RuntimeError:
        return False
    return True
