"""Kernels by name: those that run give the same, those that do not say which do."""

import pytest
import torch
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models import kernels
from vidgauge.reference_models.kernels import KERNELS, attend, kernels_on

ON_A_CPU = ["auto", "math", "flash"]


def heads(*shape: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3))
    return query, key, value


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_cpu_has_three(dtype: torch.dtype) -> None:
    assert kernels_on("cpu", dtype) == ON_A_CPU
    assert kernels_on("cpu", dtype, masked=True) == ON_A_CPU
    assert kernels_on("cpu", dtype, masked=True, learned=True) == ["auto", "math"]
    assert kernels_on("cpu", dtype, channels=5) == ON_A_CPU


@pytest.mark.parametrize("kernel", ON_A_CPU)
def test_all_give_the_softmax_of_the_products(kernel: str) -> None:
    query, key, value = heads(2, 3, 5, 4)
    weights = (query @ key.mT / 2).softmax(-1)
    torch.testing.assert_close(attend(query, key, value, None, kernel), weights @ value)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    weights = (query @ key.mT / 2).masked_fill(~mask, -torch.inf).softmax(-1)
    torch.testing.assert_close(attend(query, key, value, mask, kernel), weights @ value)


@pytest.mark.parametrize("kernel", ON_A_CPU)
def test_a_query_that_sees_nothing_gets_zeros_and_no_gradient(kernel: str) -> None:
    given = [x.requires_grad_() for x in heads(1, 2, 3, 4)]
    mask = torch.tensor([[True, True, False], [False, False, False], [True, False, True]])
    out = attend(given[0], given[1], given[2], mask, kernel)
    assert torch.equal(out[:, :, 1], torch.zeros(1, 2, 4, dtype=torch.float64))
    gradients = torch.autograd.grad(out.square().sum(), given)
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert gradients[0][:, :, 1].abs().max() == 0


@pytest.mark.parametrize("kernel", ["efficient", "cudnn"])
def test_kernels_of_other_devices_are_refused(kernel: str) -> None:
    query, key, value = heads(1, 1, 3, 4)
    with pytest.raises(UsageError, match=f"kernel '{kernel}' does not run on cpu .* choose one of auto, math, flash"):
        attend(query, key, value, None, kernel)


def test_a_learned_mask_is_not_for_flash() -> None:
    query, key, value = heads(1, 1, 3, 4)
    mask = torch.zeros(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    with pytest.raises(UsageError, match=r"with a learned mask; choose one of auto, math$"):
        attend(query, key, value, mask, "flash")
    attend(query, key, value, mask.detach(), "flash")


def test_other_failures_are_not_taken_for_a_missing_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(functional, "scaled_dot_product_attention", fail)
    query, key, value = heads(1, 1, 3, 4)
    with pytest.raises(RuntimeError, match="out of memory"):
        attend(query, key, value, None, "math")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
def test_all_kernels_of_a_gpu_give_the_same(kernel: str, masked: bool) -> None:
    dtype = torch.bfloat16
    if kernel not in kernels_on("cuda", dtype, masked=masked):
        pytest.skip(f"this GPU has no {kernel}")
    query, key, value = (x.cuda() for x in heads(2, 3, 32, 64))
    mask = torch.ones(32, 32, dtype=torch.bool, device="cuda").tril() if masked else None
    expected = kernels.attend(query, key, value, mask, "math")
    ours = kernels.attend(query.to(dtype), key.to(dtype), value.to(dtype), mask, kernel)
    torch.testing.assert_close(ours.double(), expected, rtol=0.03, atol=0.03)
