"""The tiny systems in the contest of learning: trained where they are not yet, and sampled with time and without."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from vidgauge.bench.contests import Announce
from vidgauge.bench.contests.learning_sets import PLAIN, Size, prompts
from vidgauge.files import sha256
from vidgauge.reference_models.pipeline import Sampling
from vidgauge.reference_models.systems import PIPELINES, build_pipeline
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.sampling import sample
from vidgauge.reference_models.training.trainer import Tell, train
from vidgauge.reference_models.training.weights import WEIGHTS, read_facts

SAMPLES = "samples"
NO_TIME = "samples, temporal layers off"
_SHARES = {"train": (0.02, 0.5), SAMPLES: (0.5, 0.7), NO_TIME: (0.7, 0.9)}
"""Of a system's progress."""
_BATCH = 16


class TimeUpError(Exception):
    """The sitting is over; what was begun goes on in the next one."""


class Contender:
    """A tiny system.

    Args:
        name: of its pipeline.
        work: folder in which it is trained, or lies trained, in a folder of its own such as ``vdm-tiny``.
    """

    style = PLAIN
    """Of the clips that it is trained on, in the end, and held against."""

    def __init__(self, name: str, work: Path) -> None:
        pipeline = build_pipeline(name, device="meta")
        self.name, self.size = name, Size(pipeline.frames, pipeline.height, pipeline.width)
        self._home = work / name.replace("/", "-")
        self._device = "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def weights(self) -> Path:
        """Where they are, or will be."""
        return self._home / WEIGHTS

    @property
    def trained(self) -> bool:
        """Whether its weights are there."""
        return self.weights.exists()

    def train(self, deadline: float, tell: Announce) -> None:
        """By its preset, or go on with it; weights that are there are taken as they are.

        Raises:
            TimeUpError: at the deadline.
        """
        if not self.trained:
            told = _until(deadline, "train", tell)
            self._train(lambda done, steps, said: told(done / steps, f"train {said}"))

    def _train(self, tell: Tell) -> None:
        data = Shapes(self.style)
        train(Request(system=self.name, data=data.facts), data, self._home, self._device, tell)

    def sample(self, clips: int, deadline: float, tell: Announce) -> None:
        """Two videos for each prompt, of the same noise, but for those that are there.

        Raises:
            TimeUpError: at the deadline.
        """
        for kind in (SAMPLES, NO_TIME):
            self._sample(kind, clips, _until(deadline, kind, tell))

    def _sample(self, kind: str, clips: int, told: Callable[[float, str], None]) -> None:
        sample(
            self.weights,
            self.folder(kind),
            clips,
            prompts(clips),
            options=Sampling(temporal=kind == SAMPLES),
            batch=_BATCH,
            device=self._device,
            advance=lambda done, total: told(done / total, f"{done:.0f} of {total} {kind}"),
        )

    def folder(self, kind: str) -> Path:
        """Where its samples lie: other weights have others."""
        return self._home / f"{kind.replace(', ', ' ').replace(' ', '-')}-{self.digest()[:8]}"

    def others(self) -> dict[str, Path]:
        """Videos for the same prompts by other systems, or by itself in another way."""
        return {NO_TIME: self.folder(NO_TIME)}

    def more_findings(self, real: Path) -> Iterator[dict[str, Any]]:
        """What is to be said of it beside the distances, as fields of records; nothing."""
        del real
        yield from ()

    def digest(self) -> str:
        """Of the weights."""
        return sha256(self.weights)

    def facts(self) -> dict[str, Any]:
        """How it was trained."""
        return read_facts(self.weights).model_dump(mode="json")


def contenders(work: Path) -> list[Contender]:
    """Whatever is registered as a pipeline at the size ``tiny``; those that are trained come first."""
    found = [Contender(name, work) for name in PIPELINES if name.endswith("/tiny")]
    return sorted(found, key=lambda contender: not contender.trained)


def _until(deadline: float, stage: str, tell: Announce) -> Callable[[float, str], None]:
    """Tells of the progress of a stage, and ends it when it is time: all that is done so far is kept."""
    start, end = _SHARES[stage]

    def told(share: float, what: str) -> None:
        tell(start + share * (end - start), what)
        if time.monotonic() > deadline:
            raise TimeUpError

    return told
