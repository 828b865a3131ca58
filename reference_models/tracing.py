"""The cost of a whole network, from the formulas of the operators that one call of it runs through."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layer import Layer

NORM_FLOPS = 6
"""Mean, deviation, scale and shift of one number."""
Formula = Callable[[Any, torch.Tensor], Cost]
"""Of a module and its first input."""


def traced_cost(network: nn.Module, inputs: Sequence[torch.Tensor]) -> Cost:
    """Sum what the operators of a network cost in one call. Nothing is computed: it runs on the meta device.

    Counted are layers of the zoo, linear maps, plain convolutions, norms and activations. Sums of residual branches,
    concatenations, interpolations and what else happens between them has no FLOP of the kind that ``forward_flops``
    counts, and is left out of the bytes. Parameters are those of the whole network, each once.

    Args:
        network: on any device.
        inputs: of one call; only their shapes and dtypes matter.

    Raises:
        NotImplementedError: where a module with parameters of its own has no formula: nothing is left out silently.
    """
    total = cost.elementwise(0)

    def add(formula: Formula) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def hook(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            nonlocal total
            total += formula(module, given[0])

        return hook

    shadow = _shadow(network)
    for module in _operators(shadow):
        module.register_forward_pre_hook(add(_formula(module)))
    with torch.no_grad():
        shadow(*map(_meta, inputs))
    return total.model_copy(update={"parameters": sum(parameter.numel() for parameter in network.parameters())})


def called_cost(network: nn.Module, call: Callable[[], object]) -> Cost:
    """Sum what the operators of a network cost while something is called that uses it, by whichever method.

    It runs, with its own numbers. What is counted is as of ``traced_cost``. The way back counts where gradients are
    kept, whole: operators that are frozen but lie on the way of gradients count as if they were trained.

    Args:
        network: all whose operators count; one that is used several times counts as often.
        call: what uses it.

    Raises:
        NotImplementedError: where a module with parameters of its own has no formula.
    """
    total = cost.elementwise(0)
    known: dict[tuple[nn.Module, torch.Size], Cost] = {}

    def hook(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        nonlocal total
        x = given[0]
        if (module, x.shape) not in known:
            known[module, x.shape] = _formula(module)(module, x)
        found = known[module, x.shape]
        learns = x.requires_grad or any(parameter.requires_grad for parameter in module.parameters())
        total += found if learns and torch.is_grad_enabled() else found.model_copy(update=_NO_WAY_BACK)

    handles = [module.register_forward_pre_hook(hook) for module in _operators(network)]
    try:
        call()
    finally:
        for handle in handles:
            handle.remove()
    return total.model_copy(update={"parameters": sum(parameter.numel() for parameter in network.parameters())})


_NO_WAY_BACK = {"backward_flops": 0, "useful_backward_flops": 0, "activation_bytes": 0}


def _shadow(network: nn.Module) -> nn.Module:
    """A copy on the meta device, made without copying a number."""
    memo = {id(buffer): _meta(buffer) for buffer in network.buffers()}
    memo |= {
        id(parameter): nn.Parameter(_meta(parameter), parameter.requires_grad) for parameter in network.parameters()
    }
    return deepcopy(network, memo)


def _operators(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules that have a formula."""
    if _known(module) is not None:
        yield module
        return
    children = list(module.children())
    if not children and next(module.parameters(), None) is not None:
        raise NotImplementedError(f"there is no formula for what {type(module).__name__} costs")
    for child in children:
        yield from _operators(child)


def _formula(module: nn.Module) -> Formula:
    formula = _known(module)
    assert formula is not None
    return formula


def _known(module: nn.Module) -> Formula | None:
    if isinstance(module, Layer):
        return lambda layer, given: layer.cost(given.shape)
    return next((formula for kind, formula in _FORMULAS.items() if isinstance(module, kind)), None)


def _meta(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(tensor, device="meta")


def _linear(module: nn.Linear, given: torch.Tensor) -> Cost:
    rows = given.numel() // module.in_features
    channels = module.in_features, module.out_features
    return cost.linear(rows, channels, bias=module.bias is not None, itemsize=given.element_size())


def _convolution(module: nn.Conv1d | nn.Conv2d | nn.Conv3d, given: torch.Tensor) -> Cost:
    """As a 3-D one whose kernel has one place along the axes that are not there."""
    assert not isinstance(module.padding, str)
    assert set(module.dilation) == {1}
    assert module.padding_mode == "zeros"
    absent = 3 - (given.ndim - 2)
    grid = (1,) * absent + tuple(given.shape[2:])
    kernel = (1,) * absent + tuple(module.kernel_size)
    stride = (1,) * absent + tuple(module.stride)
    zeros = [(size, size) for size in (0,) * absent + tuple(module.padding)]
    return cost.convolution(
        len(given),
        (grid[0], grid[1], grid[2]),
        (module.in_channels, module.out_channels),
        (kernel[0], kernel[1], kernel[2]),
        bias=module.bias is not None,
        itemsize=given.element_size(),
        stride=(stride[0], stride[1], stride[2]),
        padding=(zeros[0], zeros[1], zeros[2]),
        groups=module.groups,
    )


def _group_norm(module: nn.GroupNorm, given: torch.Tensor) -> Cost:
    return _norm(given, 2 * module.num_channels * module.affine, len(given) * module.num_groups)


def _layer_norm(module: nn.LayerNorm, given: torch.Tensor) -> Cost:
    width = math.prod(module.normalized_shape)
    return _norm(given, sum(parameter.numel() for parameter in module.parameters()), given.numel() // width)


def _norm(given: torch.Tensor, parameters: int, groups: int) -> Cost:
    """Read and written once; kept are the input, and a mean and a deviation for each group."""
    itemsize = given.element_size()
    return cost.elementwise(NORM_FLOPS * given.numel()).model_copy(
        update={
            "parameters": parameters,
            "min_bytes": itemsize * (2 * given.numel() + parameters),
            "activation_bytes": itemsize * given.numel() + 2 * max(4, itemsize) * groups,
        }
    )


def _activation(_: nn.Module, given: torch.Tensor) -> Cost:
    moved = given.element_size() * given.numel()
    return cost.elementwise(given.numel()).model_copy(update={"min_bytes": 2 * moved, "activation_bytes": moved})


def _nothing(_: nn.Module, __: torch.Tensor) -> Cost:
    return cost.elementwise(0)


_FORMULAS: dict[type[nn.Module] | tuple[type[nn.Module], ...], Formula] = {
    nn.Linear: _linear,
    (nn.Conv1d, nn.Conv2d, nn.Conv3d): _convolution,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    (nn.SiLU, nn.GELU, nn.ReLU): _activation,
    nn.Embedding: _nothing,
}
