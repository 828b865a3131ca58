"""One file and one task, all decoders in the same rounds, in a process of its own, which alone a crash ends.

``python -m vidgauge.bench.contests.decoding_job`` takes a ``Job`` as JSON and prints an ``Outcome``.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from vidgauge.bench.contests.decoders import DECODERS, Decoder, version
from vidgauge.bench.timing.comparison import Comparison, compare
from vidgauge.bench.timing.statistics import Estimate
from vidgauge.record import Frozen

OURS = "vidgauge"
CLIP = 16
_WORST = 255
"""The difference between a frame and none."""


class Job(Frozen):
    """What to decode, and how."""

    path: Path
    task: Literal["whole", "clips"]
    """All frames, or clips of 16 neighbouring frames, the file opened anew for each."""
    firsts: tuple[int, ...] = ()
    """Where the clips begin."""
    budget_seconds: float
    """Of timing; nine rounds are run whatever they cost."""


class Agreement(Frozen):
    """How a decoder's frames compare to ours."""

    frames: int
    """How many it gave."""
    largest: int
    """Difference of any value, from 0 to 255; 255 also where one has a frame that the other has not."""
    mean: float
    """Of the absolute differences."""


class Timed(Frozen):
    """What a decoder took."""

    version: str | None
    agreement: Agreement
    seconds: Estimate
    """CPU time of one call, over all threads."""
    ratio: Estimate
    """To our time; of ours to its own second run, which is the noise floor."""
    verdict: str
    """How its time stands to ours."""
    cpu_share: float
    """CPU time by wall time: at most 1 for a single thread, less where it had to wait."""
    samples: list[float]


class Outcome(Frozen):
    """By decoder: what it took, or why that is not known."""

    timed: dict[str, Timed]
    missing: dict[str, str]
    failed: dict[str, str]


def run(job: Job) -> Outcome:
    """See which decoders give frames, and whether the same; then time those that do."""
    missing: dict[str, str] = {}
    failed: dict[str, str] = {}
    agreed: dict[str, Agreement] = {}
    for name, decoder in DECODERS.items():
        if version(name) is None:
            missing[name] = f"{decoder.package} is not installed"
            continue
        try:
            agreed[name] = _compared(_frames(decoder, job), _frames(DECODERS[OURS], job))
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is its result
            # With these words torchcodec says that there is no FFmpeg for it.
            found = missing if isinstance(error, ImportError) or "Could not load" in str(error) else failed
            found[name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if OURS not in agreed:
        failed |= dict.fromkeys(agreed, "ours failed, so there is nothing to compare with")
        return Outcome(timed={}, missing=missing, failed=failed)
    calls = {name: _call(DECODERS[name], job) for name in agreed}
    # Over all threads, so that one that a decoder starts unasked is counted, and what else the machine does is not.
    times = compare(calls, budget_seconds=job.budget_seconds, clock="cpu")
    return Outcome(
        timed={name: _timed(name, agreement, times) for name, agreement in agreed.items()},
        missing=missing,
        failed=failed,
    )


def _call(decoder: Decoder, job: Job) -> Callable[[], None]:
    def call() -> None:
        for _ in _batches(decoder, job):
            pass

    return call


def _batches(decoder: Decoder, job: Job) -> Iterator[NDArray[np.uint8]]:
    if job.task == "whole":
        return decoder.whole(job.path)
    return (decoder.clip(job.path, first, CLIP) for first in job.firsts)


def _frames(decoder: Decoder, job: Job) -> Iterator[NDArray[np.uint8]]:
    return (frame_hwc for batch_thwc in _batches(decoder, job) for frame_hwc in batch_thwc)


def _compared(its: Iterator[NDArray[np.uint8]], ours: Iterator[NDArray[np.uint8]]) -> Agreement:
    frames, largest, means = 0, 0, []
    for theirs_hwc, ours_hwc in zip_longest(its, ours):
        frames += theirs_hwc is not None
        if theirs_hwc is None or ours_hwc is None or theirs_hwc.shape != ours_hwc.shape:
            largest = _WORST
            means.append(float(_WORST))
        else:
            apart = np.abs(theirs_hwc.astype(np.int16) - ours_hwc)
            largest = max(largest, int(apart.max()))
            means.append(float(apart.mean()))
    return Agreement(frames=frames, largest=largest, mean=float(np.mean(means or [0.0])))


def _timed(name: str, agreement: Agreement, times: Comparison) -> Timed:
    samples = times.samples[name]
    return Timed(
        version=version(name),
        agreement=agreement,
        seconds=times.latency(name),
        ratio=times.noise_floor() if name == OURS else times.ratio(name, OURS),
        verdict="" if name == OURS else str(times.verdict(name, OURS)),
        cpu_share=float(np.median(samples.cpu_shares)),
        samples=samples.seconds,
    )


def main() -> None:
    """Run the job that the argument describes."""
    torch.set_num_threads(1)
    sys.stdout.write(run(Job.model_validate_json(sys.argv[1])).model_dump_json())


if __name__ == "__main__":
    main()
