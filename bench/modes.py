"""Seeing what torch runs: each operator that reaches a kernel, or each function before it is taken apart."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode, ABC):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """While it is entered, ``run`` is called in the place of every operator of ATen.

    The mode is off inside of ``run``, so what is called there is not seen. torch has no public way to do this; what it
    takes stands here alone.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    @abstractmethod
    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Give what the operator gives."""

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
        return self.run(func, args, kwargs or {})


class FunctionMode(TorchFunctionMode, ABC):
    """While it is entered, ``run`` is called in the place of every function of torch's Python interface.

    Such as scaled_dot_product_attention, of which operators show the parts alone. The mode is off inside of ``run``.
    """

    @abstractmethod
    def run(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Give what the function gives."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        return self.run(func, args, kwargs or {})
