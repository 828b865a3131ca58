"""From pairs of files to evidence: both sides are decoded once, in step, for all measures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest

import numpy as np
import torch
from torch import Tensor, nn

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence, Failed
from vidgauge.metrics.paired import PairedMeasure
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.metrics.paired.pairing import Pair, pair_entries
from vidgauge.metrics.video_set import Side

_PIXELS = 2**18
"""Of a video that are compared at a time, or one frame: maps in float64 take some 300 bytes for each."""

Item = Clip | Failure | None


@dataclass(frozen=True)
class Comparison:
    """A paired measure, and the network that it looks through if it needs one."""

    rule: PairedMeasure
    network: nn.Module | None = None


def measure_pairs(
    real_entries: Sequence[Entry],
    generated_entries: Sequence[Entry],
    clip_rule: ClipRule,
    comparisons: Mapping[str, Comparison],
    *,
    workers: int,
    strict: bool,
    advance: Callable[[], None],
) -> dict[str, PairedEvidence]:
    """Decode each file once, and compare the clips of each pair frame by frame.

    Clips are compared by their number, and where one video has more of them the rest is left out and noted. Videos that
    cannot be compared are named among the failures of the generated ones. Memory holds two clips of either side, and
    what waits ahead in ``iterate_clips``, whatever the number of pairs.

    Args:
        real_entries: the real videos.
        generated_entries: the generated videos; ``pairing.pair_entries`` says which go together.
        clip_rule: how clips are cut on both sides; a random offset hangs on the name of the pair.
        comparisons: the measures, under names that the caller chooses.
        workers: files decoded ahead, half of them on either side.
        strict: fail at the first file that cannot be used or has no partner, instead of counting it.
        advance: called once for each file of both sides.

    Returns:
        The evidence of each comparison. All have the same failures, but for frames too small for one of them.

    Raises:
        UsageError: a side has two videos of one name; or the rule could take other frames of one video than of its
            partner: those of short videos made up, or a clip in time that lies where the video's length says.
        VidgaugeError: with ``strict``, a file that cannot be used.
    """
    _check(clip_rule)
    pairing = pair_entries(real_entries, generated_entries)
    failures = _Failures(strict)
    for side, alone in pairing.alone.items():
        for failed in alone:
            failures.add(side, failed)
            advance()
    lanes = {name: _Lane(comparison, strict) for name, comparison in comparisons.items()}
    steps = _Steps(clip_rule, failures)
    for pair, items in _side_by_side(pairing.pairs, clip_rule, workers, strict):
        for real, generated in steps.of(pair, items):
            for lane in lanes.values():
                lane.add(pair, real.frames_thwc, generated.frames_thwc)
        for _ in ("real", "generated"):
            advance()
    return {name: lane.finish(failures.of, steps.notes()) for name, lane in lanes.items()}


def _check(rule: ClipRule) -> None:
    if rule.short in ("loop", "pad"):
        raise UsageError(
            f"clip rule: short={rule.short!r} makes up frames, which pairs of videos must not have; take skip or fail"
        )
    if rule.fps is not None and rule.offset in ("centre", "random"):
        raise UsageError(
            f"clip rule: offset={rule.offset!r} with fps could begin at other times in a video than in its partner; "
            "take first, all or sliding"
        )


def _side_by_side(
    pairs: Sequence[Pair], rule: ClipRule, workers: int, strict: bool
) -> Iterator[tuple[Pair, Iterator[tuple[Item, Item]]]]:
    """Each pair with what comes of its videos, clip by clip; None where one has no more."""
    half = (workers + 1) // 2
    # Both go by the name of the pair, so that a random offset is the same.
    real = iterate_clips([replace(pair.real, id=pair.name) for pair in pairs], rule, half, strict)
    generated = iterate_clips([replace(pair.generated, id=pair.name) for pair in pairs], rule, half, strict)
    sides = groupby(real, key=_pair_name), groupby(generated, key=_pair_name)
    for pair, (_, of_real), (_, of_generated) in zip(pairs, *sides, strict=True):
        yield pair, zip_longest(of_real, of_generated)


def _pair_name(item: Clip | Failure) -> str:
    return item.id if isinstance(item, Failure) else item.entry.id


class _Failures:
    """What cannot be used, on either side."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self.of: dict[Side, list[Failed]] = {"real": [], "generated": []}

    def add(self, side: Side, failed: Failed) -> None:
        if self._strict:
            raise VidgaugeError(f"{side} {failed.file}: {failed.reason}")
        self.of[side].append(failed)


class _Steps:
    """Through the clips of pairs: which of them can be compared."""

    def __init__(self, rule: ClipRule, failures: _Failures) -> None:
        self._rule, self._failures = rule, failures
        self._longer: set[str] = set()
        self._left_out = 0

    def of(self, pair: Pair, items: Iterator[tuple[Item, Item]]) -> Iterator[tuple[Clip, Clip]]:
        """The clips of a pair that can be compared; what cannot is remembered."""
        usable = True
        for real, generated in items:  # to the end, so that what is wrong with the other file is named too
            usable = self._look_for_failures(pair, real, generated) and usable
            if not usable:
                continue
            if not (isinstance(real, Clip) and isinstance(generated, Clip)):
                self._longer.add(pair.name)
                self._left_out += 1
                continue
            difference = _difference(real, generated, self._rule)
            if difference:
                self._failures.add("generated", Failed(pair.generated.id, difference))
                usable = False
                continue
            yield real, generated

    def notes(self) -> list[str]:
        """What of the longer videos was not compared."""
        if not self._left_out:
            return []
        where = f"{self._left_out} in {len(self._longer)} of the pairs"
        return [f"where a video is longer than its partner, its last clips are left out: {where}"]

    def _look_for_failures(self, pair: Pair, real: Item, generated: Item) -> bool:
        found: list[tuple[Side, Item]] = [("real", real), ("generated", generated)]
        failed = [(side, item) for side, item in found if isinstance(item, Failure)]
        for side, item in failed:
            self._failures.add(side, Failed(pair.of(side).id, item.reason))
        return not failed


def _difference(real: Clip, generated: Clip, rule: ClipRule) -> str:
    """Why two clips cannot be compared; empty where they can."""
    (frames, height, width), (own_frames, own_height, own_width) = (
        clip.frames_thwc.shape[:3] for clip in (real, generated)
    )
    if (height, width) != (own_height, own_width):
        return f"has frames of {own_width}x{own_height}, the real video of {width}x{height}; make them equal first"
    if frames != own_frames:
        return f"has {own_frames} frames, the real video {frames}; take clips of a fixed length"
    if rule.fps is None and real.start != generated.start:  # in time, equal clips may begin at other frames
        return (
            f"has its clip at frame {generated.start}, the real video at frame {real.start}: with the offset "
            f"{rule.offset!r} that hangs on the length; take first, all or sliding"
        )
    return ""


class _Lane:
    """One measure's way through the pairs."""

    def __init__(self, comparison: Comparison, strict: bool) -> None:
        self._rule, self._network = comparison.rule, comparison.network
        self._smallest = self._rule.smallest(self._network)
        self._strict = strict
        self._frames: list[Array] = []
        self._sources: dict[Side, list[str]] = {"real": [], "generated": []}
        self._names: list[str] = []
        self._too_small: dict[str, Failed] = {}

    def add(self, pair: Pair, real_thwc: Tensor, generated_thwc: Tensor) -> None:
        height, width = real_thwc.shape[1:3]
        if min(height, width) < self._smallest:
            self._leave_out(
                pair, f"has frames of {width}x{height}; {self._rule.measure.name} needs {self._smallest} pixels"
            )
            return
        self._frames.append(self._compare(real_thwc, generated_thwc))
        self._names.append(pair.name)
        for side, paths in self._sources.items():
            paths.append(str(pair.of(side).path))

    def finish(self, failed: Mapping[Side, Sequence[Failed]], notes: list[str]) -> PairedEvidence:
        sides = {
            side: Evidence({}, paths, failed=list(failed[side]), names=list(self._names))
            for side, paths in self._sources.items()
        }
        sides["generated"].failed.extend(self._too_small.values())
        values_n = np.array([self._rule.clip(frames_t) for frames_t in self._frames])
        return PairedEvidence(values_n, self._frames, sides, notes)

    @torch.inference_mode()
    def _compare(self, real_thwc: Tensor, generated_thwc: Tensor) -> Array:
        frames, height, width, _ = real_thwc.shape
        step = max(1, _PIXELS // (height * width))
        parts = [slice(start, start + step) for start in range(0, frames, step)]
        both = ([clip[part].permute(0, 3, 1, 2).contiguous() for clip in (real_thwc, generated_thwc)] for part in parts)
        return np.concatenate([self._rule.frames(real, generated, self._network) for real, generated in both])

    def _leave_out(self, pair: Pair, reason: str) -> None:
        if self._strict:
            raise VidgaugeError(f"generated {pair.generated.id}: {reason}")
        self._too_small.setdefault(pair.name, Failed(pair.generated.id, reason))
