"""From files to evidence: one pass over a set of videos, through every network that is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence, Failed
from vidgauge.metrics.networks import CaptionNetwork, VideoNetwork, build_network
from vidgauge.metrics.protocols import Protocol


@dataclass(frozen=True)
class NetworkUse:
    """A network as protocols use it; protocols with equal uses and clip rules share one pass."""

    network: str
    weights: str
    dtype: str
    resize: str

    @classmethod
    def of(cls, protocol: Protocol) -> "NetworkUse":
        """The use that a protocol makes of its network."""
        return cls(protocol.network, protocol.weights, protocol.dtype, protocol.resize)


class Extractor:
    """A network with its weights, from decoded clips to arrays."""

    def __init__(self, use: NetworkUse) -> None:
        self.use = use
        self._dtype: torch.dtype = getattr(torch, use.dtype)
        self._resize = SpatialRule.parse(use.resize)
        # A module is a VideoNetwork by its methods; torch's dynamic attributes keep type checkers from seeing that.
        self._network = cast("VideoNetwork", build_network(use.network, weights=use.weights).to(self._dtype))

    def prepare(self, frames_thwc: torch.Tensor) -> torch.Tensor:
        """One clip, uint8, as the network takes it: (3, T, height, width) in [0, 1]."""
        spec = self._network.input
        return self._resize(frames_thwc, spec.height, spec.width, self._dtype).transpose(0, 1)

    @torch.inference_mode()
    def __call__(self, clips_cthw: Sequence[torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs over a batch of prepared clips."""
        outputs = self._network.extract(torch.stack(list(clips_cthw)))
        return {name: value.to(torch.float32).numpy() for name, value in outputs.items()}

    def embed_captions(self, captions: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
        """Embeddings (N, D) of captions, and notes on what of them the network does not read."""
        if not isinstance(self._network, CaptionNetwork):
            raise UsageError(
                f"network {self.use.network!r} reads no captions; a protocol with captions needs one that does"
            )
        distinct = sorted(set(captions))
        row_of = {caption: row for row, caption in enumerate(distinct)}
        with torch.inference_mode():
            embedded = self._network.embed_captions(distinct).to(torch.float32).numpy()
        note = self._network.unread(distinct)
        return embedded[[row_of[caption] for caption in captions]], [note] if note else []


def extract(
    entries: Sequence[Entry],
    clip_rule: ClipRule,
    extractors: Sequence[Extractor],
    *,
    captions: Mapping[str, str] | None = None,
    batch_size: int,
    workers: int,
    strict: bool,
    advance: Callable[[], None],
) -> dict[NetworkUse, Evidence]:
    """Decode each file once and run every network over its clips.

    Args:
        entries: the files, in the order of the evidence.
        clip_rule: which clips to take from each.
        extractors: the networks.
        captions: the caption of each file by its identifier, where there are any.
        batch_size: clips a network sees at once.
        workers: files decoded ahead.
        strict: fail at the first file that cannot be used, instead of counting it.
        advance: called after each file.
    """
    lanes = [_Lane(extractor, batch_size) for extractor in extractors]
    clips: list[Entry] = []
    failed: list[Failed] = []
    found = iterate_clips(entries, clip_rule, workers=workers, strict=strict)
    for _, of_one_file in groupby(found, key=_file):
        for item in of_one_file:
            if isinstance(item, Failure):
                failed.append(Failed(item.id, item.reason))
                continue
            clips.append(item.entry)
            for lane in lanes:
                lane.add(item.frames_thwc)
        advance()
    sources = [str(entry.path) for entry in clips]
    shown = None if captions is None else [captions[entry.id] for entry in clips]
    return {lane.extractor.use: Evidence(lane.finish(), sources, shown, failed) for lane in lanes}


class _Lane:
    """One network's way through the set: clips in, batches through the network, arrays out."""

    def __init__(self, extractor: Extractor, batch_size: int) -> None:
        self.extractor = extractor
        self._batch_size = batch_size
        self._waiting: list[torch.Tensor] = []
        self._done: list[dict[str, NDArray[np.float32]]] = []

    def add(self, frames_thwc: torch.Tensor) -> None:
        # Prepared at once: what waits is small whatever the size of the video.
        self._waiting.append(self.extractor.prepare(frames_thwc))
        if len(self._waiting) == self._batch_size:
            self._run()

    def finish(self) -> dict[str, NDArray[np.float32]]:
        if self._waiting:
            self._run()
        names = self._done[0] if self._done else {}
        return {name: np.concatenate([outputs[name] for outputs in self._done]) for name in names}

    def _run(self) -> None:
        self._done.append(self.extractor(self._waiting))
        self._waiting = []


def _file(item: Clip | Failure) -> str:
    return item.id if isinstance(item, Failure) else item.entry.id
