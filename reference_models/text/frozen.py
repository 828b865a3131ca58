"""Text encoders of others: used, never trained, and in no checkpoint of ours."""

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn

from vidgauge.reference_models.text.encoder import TextEncoder


class FrozenEncoder(TextEncoder):
    """Holds a module that belongs to it, yet is none of its parameters: no optimiser, average or checkpoint sees it.

    Args:
        module: what encodes; it follows the encoder to other devices and precisions.
        length: n, most tokens of a caption.
        channels: of the tokens.
        pooled_channels: of the vector.
    """

    def __init__(self, module: nn.Module, length: int, channels: int, pooled_channels: int) -> None:
        super().__init__(length, channels, pooled_channels)
        self._apart = _Apart(module.eval().requires_grad_(False))

    @property
    def module(self) -> Any:  # noqa: ANN401 - the libraries have no types
        """The module itself."""
        return self._apart.module

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.module._apply(fn)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch has no types for it
        return self


class _Apart:
    """Hides a module from the one that holds it, and is shared by its copies: billions of numbers that never change."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
