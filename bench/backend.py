"""Which kernel ATen chose. An operator can differ threefold between two backends, and the choice hangs on the batch."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
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
