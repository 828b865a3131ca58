"""A network with its weights, as a protocol uses it: from decoded clips to arrays."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import CaptionNetwork, VideoNetwork, build_network
from vidgauge.metrics.networks.optimisable import Optimisable
from vidgauge.metrics.protocols import Precision, Protocol


@dataclass(frozen=True)
class NetworkUse:
    """A network as protocols use it, and the frames it sees; protocols with equal uses share its outputs."""

    network: str
    parameters: tuple[tuple[str, Any], ...]
    weights: str
    digests: tuple[str, ...]
    """Of the weights' files."""
    seed: int | None
    """Of random weights, where there is no card."""
    dtype: Precision
    resize: str

    @classmethod
    def of(cls, protocol: Protocol) -> "NetworkUse":
        """The use that a protocol makes of its network."""
        return cls(
            network=protocol.network,
            parameters=tuple(sorted(protocol.network_parameters.items())),
            weights=protocol.weights,
            digests=tuple(protocol.digests()),
            seed=protocol.random_weights,
            dtype=protocol.dtype,
            resize=protocol.resize,
        )

    def build(self) -> nn.Module:
        """The network with its weights, in the precision that these are kept in, in its fastest form."""
        module = build_network(self.network, weights=self.weights or None, seed=self.seed or 0, **dict(self.parameters))
        module = module.to(_kept_in(self.dtype))
        return module.for_inference() if isinstance(module, Optimisable) else module


class Extractor:
    """A network with its weights, from decoded clips to arrays. It is built when it is first needed.

    Args:
        use: the network, and how it sees frames.
        built: networks that other uses have built, by their use without resizing; uses that differ in what the network
            sees alone share the network.
        device: where it runs.
    """

    def __init__(self, use: NetworkUse, built: dict[NetworkUse, nn.Module] | None = None, device: str = "cpu") -> None:
        self.use = use
        self._resize = SpatialRule.parse(use.resize) if use.resize else None
        self._built = {} if built is None else built
        self.device = torch.device(device)

    @property
    def module(self) -> nn.Module:
        """The network.

        Raises:
            VidgaugeError: for weights that are missing, or not what they should be.
        """
        network = replace(self.use, resize="")
        if network not in self._built:
            self._built[network] = self.use.build().to(self.device)
        return self._built[network]

    @property
    def seen(self) -> dict[str, Any]:
        """All that its outputs hang on but the videos, as facts for JSON."""
        use = self.use
        weights = list(use.digests) or [f"random: seed {use.seed}, torch {torch.__version__}"]
        facts = {"parameters": dict(use.parameters), "weights": weights, "dtype": use.dtype, "resize": use.resize}
        return {"network": use.network} | facts

    def prepare(self, frames_thwc: torch.Tensor) -> torch.Tensor:
        """One clip, uint8, as the network takes it: (3, T, height, width) in [0, 1]."""
        assert self._resize is not None, "asked of networks that see frames one by one, at their size"
        spec = self._network.input
        return self._resize(frames_thwc, spec.height, spec.width, _kept_in(self.use.dtype)).transpose(0, 1)

    @torch.inference_mode()
    def __call__(self, clips_cthw: Sequence[torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs over a batch of prepared clips."""
        with computing_in(self.use.dtype, self.device):
            outputs = self._network.extract(torch.stack(list(clips_cthw)).to(self.device))
        return {name: value.to(torch.float32).cpu().numpy() for name, value in outputs.items()}

    def embed_captions(self, captions: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
        """Embeddings (N, D) of captions, and notes on what of them the network does not read."""
        network = self._network
        if not isinstance(network, CaptionNetwork):
            raise UsageError(
                f"network {self.use.network!r} reads no captions; a protocol with captions needs one that does"
            )
        distinct = sorted(set(captions))
        row_of = {caption: row for row, caption in enumerate(distinct)}
        with torch.inference_mode(), computing_in(self.use.dtype, self.device):
            embedded = network.embed_captions(distinct).to(torch.float32).cpu().numpy()
        note = network.unread(distinct)
        return embedded[[row_of[caption] for caption in captions]], [note] if note else []

    @property
    def _network(self) -> VideoNetwork:
        # A module is a VideoNetwork by its methods; torch's dynamic attributes keep type checkers from seeing that.
        return cast("VideoNetwork", self.module)


def load(extractors: Iterable[Extractor]) -> dict[NetworkUse, str]:
    """Build the networks, and verify their weights; those that cannot be, and why."""
    errors: dict[NetworkUse, str] = {}
    for extractor in extractors:
        try:
            _ = extractor.module
        except UsageError:
            raise
        except VidgaugeError as error:
            errors[extractor.use] = str(error)
    return errors


@contextmanager
def computing_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """Full precision, where PyTorch would round without being asked, unless less is asked for."""
    if device.type == "cpu":  # several threads compute at once, and have no TF32
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            yield
        return
    matmul, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, convolutions.allow_tf32
    matmul.allow_tf32 = convolutions.allow_tf32 = precision == "tf32"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        matmul.allow_tf32, convolutions.allow_tf32 = before


def _kept_in(precision: Precision) -> torch.dtype:
    return torch.float64 if precision == "float64" else torch.float32
