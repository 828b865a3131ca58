"""Which kernel ATen or a compiler chose. An operator can differ threefold between two; the batch alone may decide."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.autograd import profiler
from torch.nn import functional
from torch.nn.attention import SDPBackend
from torch.utils._python_dispatch import _disable_current_modes

from vidgauge.bench.modes import FunctionMode, OperatorMode


@dataclass
class Observed:
    """What a call ran."""

    backends: list[str] = field(default_factory=list)
    """Of each convolution and each attention, in order. Convolutions: ``Mkldnn`` (oneDNN), ``Slow3d`` (ATen's own
    im2col), ``Cudnn``, ...; attention: ``flash_attention``, ``efficient_attention``, ``cudnn_attention`` or ``math``.
    """
    operators: int = 0
    """How many were dispatched to kernels: views of tensors are not among them."""


def observe(call: Callable[[], object]) -> Observed:
    """Run a call and see what it runs.

    The choice of a backend follows shape, dtype, layout, device and threads, so the call must run as it is timed,
    except in inference mode, which hides convolutions: use ``torch.no_grad`` there.
    """
    seen = Observed()
    with _Attentions(seen), _Operators(seen):
        call()
    return seen


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


class _Attentions(FunctionMode):
    """Sees scaled_dot_product_attention before it is taken apart."""

    def __init__(self, seen: Observed) -> None:
        super().__init__()
        self.seen = seen

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Name the backend."""
        if func is functional.scaled_dot_product_attention:
            with _disable_current_modes():  # asking is no operator of the call
                choice = torch._fused_sdp_choice(*args, **kwargs)
            self.seen.backends.append(SDPBackend(choice).name.lower())
        return func(*args, **kwargs)


class _Operators(OperatorMode):
    """Counts operators, and sees every convolution as the one to which conv1d, conv2d and conv3d come down."""

    def __init__(self, seen: Observed) -> None:
        super().__init__()
        self.seen = seen

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Count it, and name the backend of a convolution."""
        is_view = getattr(func, "is_view", False) or func is torch.ops.aten._unsafe_view.default
        self.seen.operators += not is_view
        if func is torch.ops.aten.convolution.default:
            self.seen.backends.append(torch._C._select_conv_backend(*args).name)
        return func(*args, **kwargs)
