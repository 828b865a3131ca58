"""What a network offers that has a faster form for inference."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import nn


@runtime_checkable
class Optimisable(Protocol):
    """A network whose plain form is there to be read and checked, and that can be made fast."""

    def for_inference(self) -> "nn.Module":
        """Another module with the same ``input`` and ``extract``, whose outputs are equal to 1e-4 relative.

        It is made of the weights as they are, in their precision and on their device; this module stays as it is.
        """
        ...
