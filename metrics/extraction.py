"""From files to evidence: one pass over a set of videos, through every network that is asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.evidence import Evidence, Failed
from vidgauge.metrics.networks import CaptionNetwork, VideoNetwork, build_network
from vidgauge.metrics.protocols import Protocol


@dataclass(frozen=True)
class NetworkUse:
    """A network as protocols use it, and the frames it sees; protocols with equal uses share its outputs."""

    network: str
    parameters: tuple[tuple[str, Any], ...]
    weights: str
    seed: int | None
    """Of random weights, where there is no card."""
    dtype: str
    resize: str

    @classmethod
    def of(cls, protocol: Protocol) -> "NetworkUse":
        """The use that a protocol makes of its network."""
        parameters = tuple(sorted(protocol.network_parameters.items()))
        return cls(
            protocol.network, parameters, protocol.weights, protocol.random_weights, protocol.dtype, protocol.resize
        )

    def build(self) -> nn.Module:
        """The network with its weights, in its precision."""
        module = build_network(self.network, weights=self.weights or None, seed=self.seed or 0, **dict(self.parameters))
        return module.to(getattr(torch, self.dtype))


class Extractor:
    """A network with its weights, from decoded clips to arrays.

    Args:
        use: the network, and how it sees frames.
        module: the network, if another use has built it already.
    """

    def __init__(self, use: NetworkUse, module: nn.Module | None = None) -> None:
        self.use = use
        self._dtype: torch.dtype = getattr(torch, use.dtype)
        self._resize = SpatialRule.parse(use.resize) if use.resize else None
        self.module = module or use.build()
        # A module is a VideoNetwork by its methods; torch's dynamic attributes keep type checkers from seeing that.
        self._network = cast("VideoNetwork", self.module)

    def prepare(self, frames_thwc: torch.Tensor) -> torch.Tensor:
        """One clip, uint8, as the network takes it: (3, T, height, width) in [0, 1]."""
        assert self._resize is not None, "asked of networks that see frames one by one, at their size"
        spec = self._network.input
        return self._resize(frames_thwc, spec.height, spec.width, self._dtype).transpose(0, 1)

    @torch.inference_mode()
    def __call__(self, clips_cthw: Sequence[torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs over a batch of prepared clips."""
        device = next(self.module.parameters()).device
        outputs = self._network.extract(torch.stack(list(clips_cthw)).to(device))
        return {name: value.to(torch.float32).cpu().numpy() for name, value in outputs.items()}

    def embed_captions(self, captions: Sequence[str]) -> tuple[NDArray[np.float32], list[str]]:
        """Embeddings (N, D) of captions, and notes on what of them the network does not read."""
        if not isinstance(self._network, CaptionNetwork):
            raise UsageError(
                f"network {self.use.network!r} reads no captions; a protocol with captions needs one that does"
            )
        distinct = sorted(set(captions))
        row_of = {caption: row for row, caption in enumerate(distinct)}
        with torch.inference_mode():
            embedded = self._network.embed_captions(distinct).to(torch.float32).cpu().numpy()
        note = self._network.unread(distinct)
        return embedded[[row_of[caption] for caption in captions]], [note] if note else []


def build_extractors(
    uses: Iterable[NetworkUse], needed: bool = True
) -> tuple[dict[NetworkUse, Extractor], dict[NetworkUse, str]]:
    """An extractor for each use, or why it has none; uses that differ in what the network sees alone share the network.

    Args:
        uses: the networks.
        needed: whether nothing can be done without any of them.

    Raises:
        VidgaugeError: if there is none at all, and one is needed.
    """
    modules: dict[NetworkUse, nn.Module] = {}
    extractors: dict[NetworkUse, Extractor] = {}
    errors: dict[NetworkUse, VidgaugeError] = {}
    for use in dict.fromkeys(uses):
        network = replace(use, resize="")
        try:
            extractors[use] = Extractor(use, modules.get(network))
        except UsageError:
            raise
        except VidgaugeError as error:
            errors[use] = error
        else:
            modules[network] = extractors[use].module
    if needed and errors and not extractors:
        raise next(iter(errors.values()))
    return extractors, {use: str(error) for use, error in errors.items()}


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

    Raises:
        UsageError: if no network takes the clips; one that does not has a refusal in its evidence.
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
            _check_that_any_takes_them(lanes)
        advance()
    sources = [str(entry.path) for entry in clips]
    shown = None if captions is None else [captions[entry.id] for entry in clips]
    outputs = {lane.extractor.use: lane.finish() for lane in lanes}
    _check_that_any_takes_them(lanes)
    return {
        lane.extractor.use: Evidence(outputs[lane.extractor.use], sources, shown, failed, refusal=lane.refusal)
        for lane in lanes
    }


class _Lane:
    """One network's way through the set: clips in, batches through the network, arrays out."""

    def __init__(self, extractor: Extractor, batch_size: int) -> None:
        self.extractor = extractor
        self._batch_size = batch_size
        self.refusal = ""
        """Why the network does not take these clips; it is asked no more."""
        self._waiting: list[torch.Tensor] = []
        self._done: list[dict[str, NDArray[np.float32]]] = []

    def add(self, frames_thwc: torch.Tensor) -> None:
        if self.refusal:
            return
        # Prepared at once: what waits is small whatever the size of the video.
        prepared = self.extractor.prepare(frames_thwc)
        if self._waiting and self._waiting[0].shape != prepared.shape:  # whole videos differ in length
            self._run()
        self._waiting.append(prepared)
        if len(self._waiting) == self._batch_size:
            self._run()

    def finish(self) -> dict[str, NDArray[np.float32]]:
        if self._waiting:
            self._run()
        names = self._done[0] if self._done else {}
        return {name: self._joined(name) for name in names}

    def _joined(self, name: str) -> NDArray[np.float32]:
        parts = [outputs[name] for outputs in self._done]
        if len({part.shape[1:] for part in parts}) > 1:
            lengths = sorted({part.shape[1] for part in parts})
            raise UsageError(
                f"network {self.extractor.use.network!r} looks at single frames, and clips have {lengths[0]} to "
                f"{lengths[-1]} of them; take clips of one length"
            )
        return np.concatenate(parts)

    def _run(self) -> None:
        try:
            self._done.append(self.extractor(self._waiting))
        except UsageError as error:
            self.refusal, self._done = str(error), []
        self._waiting = []


def _check_that_any_takes_them(lanes: Sequence[_Lane]) -> None:
    if lanes and all(lane.refusal for lane in lanes):
        raise UsageError(lanes[0].refusal)


def _file(item: Clip | Failure) -> str:
    return item.id if isinstance(item, Failure) else item.entry.id
