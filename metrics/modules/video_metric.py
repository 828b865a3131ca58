"""What the metrics have in common: a protocol, its network, and one list state a set of videos."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import rank_zero_warn
from torchmetrics.utilities.distributed import gather_all_tensors
from torchmetrics.utilities.exceptions import TorchMetricsUserError

from vidgauge.errors import UsageError
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.modules.held_network import OwnNetwork, ProtocolNetwork
from vidgauge.metrics.modules.video_input import check_video
from vidgauge.metrics.protocols import PROTOCOLS, Protocol


class VideoMetric(Metric):
    """A metric by a protocol, over whatever videos it is given.

    Args:
        protocol: which protocol: its network, weights, resizing, precision, length of clips and measure.
        network: a module to use in place of the protocol's.
        random_weights: seed of random weights, where the protocol's are not at hand.
        kwargs: torchmetrics' own.
    """

    is_differentiable = False
    full_state_update = False
    feature_network = "network"

    network: nn.Module
    made_by: Tensor

    measure: ClassVar[type[VideoMeasure]]
    """Protocols of this measure are taken, and of those derived from it."""
    generated: ClassVar[str]
    """Name of the state with the generated videos."""

    def __init__(
        self,
        protocol: str | Protocol,
        network: nn.Module | None = None,
        random_weights: int | None = None,
        **kwargs: Any,  # noqa: ANN401 - torchmetrics' own
    ) -> None:
        super().__init__(**kwargs)
        chosen = self._chosen(protocol)
        if random_weights is not None:
            chosen = chosen.with_random_weights(random_weights)
        self.protocol, self.rule = chosen, chosen.rule
        if not isinstance(network, nn.Module | None):
            raise UsageError(f"network= is a torch.nn.Module; got {type(network).__name__}")
        self.network = ProtocolNetwork(chosen) if network is None else OwnNetwork(network, self.rule.output)
        self._has_length = network is None
        self._warned: set[str] = set()

    def _add_states(self, *names: str, apart: str = "") -> None:
        """List states of rows, one a video, and the mark of what makes them: rows of different makers must not meet.

        Nor must metrics share a compute group because their first batches happen to look alike: ``apart`` is what sets
        them apart besides the network.
        """
        made_by = bytes.fromhex(fingerprint([str(self.network), self.rule.output, apart]))
        self.add_state("made_by", torch.tensor(list(made_by), dtype=torch.uint8), _all_alike)
        for name in names:
            self.add_state(name, [], dist_reduce_fx="cat")

    def forward(self, *args: Any, **kwargs: Any) -> Tensor | None:  # noqa: ANN401 - those of update
        """Add a batch as `update` does, and evaluate it.

        Returns:
            The value of the batch, where a batch alone has one, and None where it has not: for too few videos, and for
            real ones. A batch of generated videos is compared with all real ones seen so far.
        """
        if self._is_synced:
            raise TorchMetricsUserError("the metric is synced: call unsync() before forward()")
        before = len(getattr(self, self.generated))
        self.update(*args, **kwargs)
        everything = getattr(self, self.generated)
        setattr(self, self.generated, everything[before:])
        try:
            with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.dist_sync_on_step):
                sets = self._sets()
                defined = min(map(len, sets)) >= self.rule.fewest
                self._forward_cache = self._scalar(self._value(*sets)) if defined else None  # type: ignore[assignment] # declared as None alone
        finally:
            setattr(self, self.generated, everything)
        return self._forward_cache

    def compute(self) -> Tensor:
        """The score of all videos so far, a float64 scalar.

        Raises:
            UsageError: for too few videos.
        """
        sets = self._sets()
        fewest = min(map(len, sets))
        if fewest < self.rule.fewest:
            raise UsageError(
                f"{self.protocol.name} needs at least {self.rule.fewest} videos in a set; one has {fewest}"
            )
        self._warn_once("score", self._cautions(sets))
        return self._scalar(self._value(*sets))

    def plot(self, val: Any = None, ax: Any = None) -> Any:  # noqa: ANN401 - torchmetrics' own, matplotlib is untyped
        """Plot one value or a list of them.

        Args:
            val: what ``compute`` or ``forward`` gave, or a list of that; ``compute()`` where nothing is given.
            ax: axis of matplotlib to draw into.

        Returns:
            Figure and axis.
        """
        return self._plot(val, ax)

    @abstractmethod
    def _sets(self) -> list[Evidence]:
        """The states as what the measure reads."""

    def _value(self, *sets: Evidence) -> float:
        return self.rule.statistic(*sets)()

    def _cautions(self, sets: Sequence[Evidence]) -> list[str]:
        """What a reader must know of a score: that it is biased, or rests on fewer videos than published ones."""
        sides = ("real", "generated")[-len(sets) :]
        few = self.protocol.shortfalls(dict(zip(sides, map(len, sets), strict=True)))
        return few + [note for note in self.rule.notes(*sets) if "biased" in note]

    def _look(self, video_bcthw: Tensor, real: bool) -> dict[str, Tensor]:
        """The network's outputs over videos that are what the protocol wants."""
        check_video(video_bcthw)
        if self._has_length:
            self._check_length(video_bcthw.shape[2], real)
        outputs: dict[str, Tensor] = self.network(video_bcthw)
        if self.rule.output not in outputs:
            gives = ", ".join(outputs)
            raise UsageError(
                f"{self.protocol.name}: network {self.protocol.network!r} gives {gives}, not {self.rule.output!r}"
            )
        return outputs

    def _check_length(self, frames: int, real: bool) -> None:
        clip = self.protocol.cuts[0 if real else 1]
        fits = frames >= clip.frames if clip.offset == "whole" else frames == clip.frames
        if not fits:
            wanted = f"{'at least ' if clip.offset == 'whole' else ''}{clip.frames} frames"
            raise UsageError(
                f"{self.protocol.name} looks at clips of {wanted}; these have {frames}: cut them to length"
            )

    def _add(self, state: str, rows: Tensor) -> None:
        """Keep rows, one a video, on the metric's device and in its precision."""
        kept: list[Tensor] = getattr(self, state)
        if kept and kept[0].shape[1:] != rows.shape[1:]:
            before, now = tuple(kept[0].shape[1:]), tuple(rows.shape[1:])
            raise UsageError(
                f"{self.protocol.name}: videos gave {before} numbers each, and now {now}; keep to one length"
            )
        # A new list: metrics of one compute group hold the same one.
        setattr(self, state, [*kept, rows.detach().to(self.device, self.dtype)])

    def _evidence(self, state: str) -> Evidence:
        """A state as what measures read; where the videos come from is not known, so each counts for itself."""
        rows = _joined(getattr(self, state))
        return Evidence({self.rule.output: rows}, [f"{state} {i}" for i in range(len(rows))])

    def _scalar(self, value: float) -> Tensor:
        return torch.tensor(value, dtype=_widest(self.device), device=self.device)

    def _warn_once(self, about: str, notes: Sequence[str]) -> None:
        if notes and about not in self._warned:
            self._warned.add(about)
            rank_zero_warn(f"{self.protocol.name}: {'; '.join(notes)}", UserWarning)

    def _chosen(self, protocol: str | Protocol) -> Protocol:
        chosen = PROTOCOLS[protocol] if isinstance(protocol, str) else protocol
        if not self._takes(chosen):
            fitting = ", ".join(name for name in PROTOCOLS if self._takes(PROTOCOLS[name]))
            raise UsageError(
                f"protocol {chosen.name!r} is of measure {chosen.measure!r}; {type(self).__name__} takes {fitting}"
            )
        return chosen

    def _takes(self, protocol: Protocol) -> bool:
        return protocol.measure in MEASURES and issubclass(MEASURES[protocol.measure], self.measure)

    @contextmanager
    def sync_context(
        self,
        dist_sync_fn: Callable[..., Any] | None = None,
        process_group: Any | None = None,  # noqa: ANN401 - torch's own
        should_sync: bool = True,
        should_unsync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> Iterator[None]:
        """Gather the states of all processes for a while; they are taken back even if that while ends in an error."""
        self.sync(dist_sync_fn, process_group, should_sync, distributed_available)
        try:
            yield
        finally:
            self.unsync(self._is_synced and should_unsync)

    def _sync_dist(
        self,
        dist_sync_fn: Callable[..., list[Tensor]] = gather_all_tensors,
        process_group: Any | None = None,  # noqa: ANN401 - torch's own
    ) -> None:
        # A process that saw no video of a set holds nothing, where torchmetrics gathers tensors of one rank alone.
        for state in self._reductions:
            if isinstance(self._defaults[state], list):
                rows: list[Tensor] = getattr(self, state)
                own = torch.tensor([*rows[0].shape[1:], 0, 0][:2] if rows else [0, 0], device=self.device)
                everywhere = dist_sync_fn(own, group=process_group or self.process_group)
                shape = [size for size in torch.stack(everywhere).amax(dim=0).tolist() if size]
                setattr(self, state, rows or [torch.zeros(0, *shape, dtype=self.dtype, device=self.device)])
        super()._sync_dist(dist_sync_fn, process_group)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        saved = state_dict.get(f"{prefix}made_by")
        if saved is not None and not _alike(saved, self.made_by):
            error_msgs.append(f"{type(self).__name__}: the saved states are of another protocol or network")
            return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.tolist() == other.tolist()


def _all_alike(made_by: Tensor) -> Tensor:
    """Of stacked digests, the one that they all are."""
    if not all(_alike(one, made_by[0]) for one in made_by):
        raise UsageError("states of different protocols or networks cannot be put together")
    return made_by[0]


def _joined(rows: Tensor | Sequence[Tensor]) -> NDArray[np.float32]:
    """A list state, or the tensor that it is while synced, as one array; half precision is widened."""
    parts = [rows] if isinstance(rows, Tensor) else list(rows)
    if not parts:
        return np.zeros((0, 0), np.float32)
    joined = torch.cat([part.cpu() for part in parts])
    array: NDArray[np.float32] = (joined if joined.dtype == torch.float64 else joined.float()).numpy()
    return array


def _widest(device: torch.device) -> torch.dtype:
    """The precision of scores on a device: Apple's knows no float64."""
    return torch.float32 if device.type == "mps" else torch.float64
