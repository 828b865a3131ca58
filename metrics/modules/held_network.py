"""The networks inside metrics: moved with their metric, and otherwise left alone."""

from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.modules.video_input import as_bytes
from vidgauge.metrics.networks import VideoNetwork
from vidgauge.metrics.protocols import Protocol


class HeldNetwork(nn.Module):
    """A network that no model around the metric can train, cast, save or load.

    A metric is part of the model whose videos it judges, and ``model.train()``, ``model.half()``,
    ``model.parameters()`` and ``model.state_dict()`` reach all of its modules. So the network is not one of them;
    moves to another device are passed on to it by hand.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._held = (network.eval(),)  # a tuple: a bare module would be registered

    @property
    def network(self) -> nn.Module:
        """What is held."""
        return self._held[0]

    def extra_repr(self) -> str:
        """What tells it from others: torchmetrics' ``FeatureShare`` compares networks by how they print."""
        return repr(self.network)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        def moved(tensor: Tensor) -> Tensor:
            changed = fn(tensor)
            return changed if changed.dtype == tensor.dtype else tensor.to(changed.device)

        self.network._apply(moved, recurse)  # type: ignore[no-untyped-call] # torch's own has no types
        return self


class ProtocolNetwork(HeldNetwork):
    """The network of a protocol, fed as the protocol says: the same numbers as from a file that holds the videos."""

    def __init__(self, protocol: Protocol) -> None:
        self._extractor = Extractor(NetworkUse.of(protocol))
        super().__init__(self._extractor.module)

    def extra_repr(self) -> str:
        """The use that is made of the network."""
        return repr(self._extractor.use)

    def forward(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """All outputs over videos, uint8 or floats in [0, 1], as float32 on the network's device."""
        # Frames are resized where files are scored, on the CPU: half of the kernels know no other place.
        frames_nthwc = as_bytes(video_bcthw).permute(0, 2, 3, 4, 1).cpu()
        prepared_ncthw = torch.stack([self._extractor.prepare(frames) for frames in frames_nthwc])
        device = next(self.network.parameters()).device
        # Mixed precision around the metric must not reach the judge: a protocol fixes its precision.
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            outputs = cast("VideoNetwork", self.network).extract(prepared_ncthw.to(device))
        return {name: value.to(torch.float32) for name, value in outputs.items()}

    def embed_captions(self, captions: Sequence[str]) -> tuple[Any, list[str]]:
        """Embeddings (N, D) of captions, float32, and notes on what of them is not read."""
        with torch.autocast(next(self.network.parameters()).device.type, enabled=False):
            return self._extractor.embed_captions(captions)


class OwnNetwork(HeldNetwork):
    """A user's module, which is given the videos as they are."""

    def __init__(self, network: nn.Module, output: str) -> None:
        super().__init__(network)
        self._output = output

    def forward(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What the module makes of videos, as the output that the measure reads.

        Raises:
            UsageError: where that is not one row of numbers a video.
        """
        with torch.no_grad():
            rows = self.network(video_bcthw)
        if not isinstance(rows, Tensor) or rows.ndim != 2 or len(rows) != len(video_bcthw):
            given = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise UsageError(f"network= must give (N, D), a row for each of the {len(video_bcthw)} videos; got {given}")
        return {self._output: rows}
