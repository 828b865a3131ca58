"""Which kernel ATen or a compiler chose. An operator can differ threefold between two; the batch alone may decide."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.autograd import profiler
from torch.nn import functional
from torch.nn.attention import SDPBackend
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


def backends(call: Callable[[], object]) -> list[str]:
    """Run a call and name the backend of each convolution and each attention in it, in order.

    Convolutions: ``Mkldnn`` (oneDNN), ``Slow3d`` (ATen's own im2col), ``Cudnn``, ...; attention: ``flash_attention``,
    ``efficient_attention``, ``cudnn_attention`` or ``math``. The choice follows shape, dtype, layout, device and
    threads, so the call must run as it is timed, except in inference mode, which hides convolutions: use
    ``torch.no_grad`` there.
    """
    seen: list[str] = []
    with _Attentions(seen), _Convolutions(seen):
        call()
    return seen


def operators(call: Callable[[], object]) -> int:
    """Run a call and count the operators that it dispatches to kernels: views of tensors are not among them."""
    count = _Count()
    with count:
        call()
    return count.operators


_KERNELS = {
    "mkldnn": "Mkldnn",
    "slow_conv": "Slow",
    "slow_conv3d": "Slow3d",
    "cudnn_convolution": "Cudnn",
    "miopen_convolution": "Miopen",
    "flash_attention": "flash_attention",
    "efficient_attention": "efficient_attention",
    "cudnn_attention": "cudnn_attention",
    "attention_math": "math",
}
"""Parts of the names of operators, and the backends they belong to; of several that fit, the longest counts."""


def compiled_backends(call: Callable[[], object]) -> list[str]:
    """Run a compiled call and name what torch's profiler saw in it, in order: ``inductor``, then library kernels.

    What the compiler leaves to a library shows as an operator; what it generates itself does not, so a call in which
    nothing shows ran in ``inductor`` alone. The choice may differ from that of the same call before it was compiled.
    """
    with profiler.profile() as trace:
        call()
    return ["inductor", *filter(None, (_kernel(event.name) for event in trace.function_events or []))]


def _kernel(operator: str) -> str | None:
    if "attention" not in operator and "conv" not in operator:
        return None
    fitting = [part for part in _KERNELS if part in operator]
    return _KERNELS[max(fitting, key=len)] if fitting else None


class _Attentions(TorchFunctionMode):
    """Sees scaled_dot_product_attention before it is taken apart."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        if func is functional.scaled_dot_product_attention:
            choice = torch._fused_sdp_choice(*args, **(kwargs or {}))
            self.seen.append(SDPBackend(choice).name.lower())
        return func(*args, **(kwargs or {}))


class _Count(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Counts operators."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.operators: int = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """As below."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the operator gives
        is_view = getattr(func, "is_view", False) or func is torch.ops.aten._unsafe_view.default
        self.operators += not is_view
        return func(*args, **(kwargs or {}))


class _Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Sees every convolution as the one operator to which conv1d, conv2d and conv3d come down."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.seen = seen

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; torch would import its compiler, five seconds, to make sure of that."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the operator gives
        if func is torch.ops.aten.convolution.default:
            self.seen.append(torch._C._select_conv_backend(*args).name)
        return func(*args, **(kwargs or {}))
