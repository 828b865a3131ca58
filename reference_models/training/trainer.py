"""Training a pipeline, phase after phase.

All that is random in a step follows from (seed, phase, step), so the weights, the optimiser and the average are all
that a run which was stopped needs to go on to the same numbers, on the same machine with as many threads.

A run may begin from trained weights. A phase that is in them goes on from what they are: ``Phase.begin``, by which it
would take over what earlier phases have learnt, is for phases that are not.
"""

import time
from collections.abc import Callable
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reference_models.pipeline import Data, Phase, Pipeline, Step
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.reference_models.training import checkpoint
from vidgauge.reference_models.training.average import Average
from vidgauge.reference_models.training.budget import affordable, chosen, shared
from vidgauge.reference_models.training.checkpoint import CHECKPOINT, Progress
from vidgauge.reference_models.training.curve import follow
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.seeds import seed_of
from vidgauge.reference_models.training.weights import WEIGHTS, Facts, load_weights, read_facts, save_weights

WARM_UP = 50
"""Steps, or a tenth of the phase if that is less."""
LARGEST_GRADIENT = 1.0
"""Norm that gradients are clipped to (no paper says so; ours)."""
SAVE_SECONDS = 15.0

Tell = Callable[[int, int, str], object]
"""Told how many steps are done, how many there are, and the phase with its loss."""


def train(
    request: Request,
    data: Data,
    folder: Path,
    device: str = "cpu",
    tell: Tell | None = None,
    begin: Path | None = None,
) -> Facts:
    """Train into a folder, or go on with what an earlier call of the same request began there.

    Args:
        request: what to train.
        data: what the request calls its data.
        folder: where the checkpoint is kept while training goes on, and ``weights.safetensors`` at its end.
        device: where to compute.
        tell: for progress.
        begin: the weights file whose digest the request has, if it has one.

    Returns:
        The header of the weights file.

    Raises:
        UsageError: where the folder has another request's run, there is no such phase, or the weights to begin from are
            not this system's.
        VidgaugeError: where the loss is no number any more.
    """
    weights = folder / WEIGHTS
    if weights.exists():
        facts = read_facts(weights)
        request.require(facts.request, weights)
    else:
        with torch.random.fork_rng(devices=[] if torch.device(device).type == "cpu" else None):
            facts = _Run(request, data, folder / CHECKPOINT, device, begin).finish(weights, tell or (lambda *_: None))
    for left in (folder / CHECKPOINT, *folder.glob(f".{CHECKPOINT}.*")):  # halves of one, from runs that were killed
        left.unlink(missing_ok=True)
    return facts


class _Run:
    def __init__(self, request: Request, data: Data, path: Path, device: str, begin: Path | None) -> None:
        self._request, self._data, self._path, self._device, self._begin = request, data, path, device, begin
        self._before = frozenset[str]() if begin is None else read_facts(begin).learnt
        saved = checkpoint.load(path, request)
        self._pipeline = self._built()
        self._phases = chosen(self._pipeline.phases(), request.phases)
        self._course: Course | None = None
        self._progress = saved[0] if saved else Progress(shared(self._phases, self._affordable()))
        self._started = time.monotonic() - self._progress.seconds
        if saved:
            self._restore(saved[1])
        else:
            self._save()  # a number of steps that was measured is kept from the start

    def finish(self, weights: Path, tell: Tell) -> Facts:
        """Train all that is left, and write the weights."""
        progress = self._progress
        while progress.phase < len(self._phases):
            self._phase(self._phases[progress.phase], tell)
            progress.phase, progress.done, self._course = progress.phase + 1, 0, None
            self._save()
        facts = self._facts()
        save_weights(self._pipeline, facts, weights)
        return facts

    def _phase(self, phase: Phase, tell: Tell) -> None:
        progress = self._progress
        before = sum(progress.steps[: progress.phase])
        steps = progress.steps[progress.phase]
        course = self._course = self._course or self._begun(self._pipeline, phase, steps)
        saved = time.monotonic()
        tell(before + progress.done, sum(progress.steps), phase.name)
        for number in range(progress.done, course.steps):
            loss = course.step(number, self._data, self._device)
            progress.losses[phase.name] = _smoothed(progress.losses.get(phase.name, 0.0), loss, number)
            curve = progress.curves.setdefault(phase.name, [])
            follow(curve, number, course.steps, round(time.monotonic() - self._started, 1), loss)
            progress.done = number + 1
            tell(before + number + 1, sum(progress.steps), f"{phase.name}: loss {progress.losses[phase.name]:.4f}")
            if time.monotonic() - saved > SAVE_SECONDS:
                self._save()
                saved = time.monotonic()
        course.average.give()

    def _begun(self, pipeline: Pipeline, phase: Phase, steps: int) -> "Course":
        torch.manual_seed(seed_of(self._request.seed, phase.name, "begin"))
        if phase.name not in self._before:
            phase.begin()
        return Course(pipeline, phase, steps, self._request.seed, self._request.learning_rate)

    def _affordable(self) -> int:
        """How many steps there are in all."""
        if self._request.seconds is None:
            return self._request.steps or sum(phase.steps for phase in self._phases)
        pipeline = self._built()  # thrown away: to be timed, it is trained a little
        courses: dict[str, Course] = {}

        def step(phase: Phase, number: int) -> None:
            if number == 0:
                courses[phase.name] = self._begun(pipeline, phase, phase.steps)
            courses[phase.name].step(number, self._data, self._device)

        return affordable(chosen(pipeline.phases(), self._request.phases), step, self._request.seconds)

    def _built(self) -> Pipeline:
        torch.manual_seed(seed_of(self._request.seed, "weights"))
        pipeline = build_pipeline(self._request.system, self._device)
        if self._begin is not None:
            load_weights(pipeline, self._request.system, self._begin, self._device)
        return pipeline

    def _save(self) -> None:
        self._progress.seconds = time.monotonic() - self._started
        course = self._course.state() if self._course else None
        tensors = {"pipeline": self._pipeline.state_dict(), "course": course}
        checkpoint.save(self._path, self._request, self._progress, tensors)

    def _restore(self, tensors: dict[str, Any]) -> None:
        try:
            self._pipeline.load_state_dict(tensors["pipeline"])
            if tensors["course"]:
                phase, steps = self._phases[self._progress.phase], self._progress.steps[self._progress.phase]
                self._course = Course(self._pipeline, phase, steps, self._request.seed, self._request.learning_rate)
                self._course.load(tensors["course"])
        except (RuntimeError, ValueError, IndexError) as error:
            reason = f"is of another version of {self._request.system}; remove it to begin anew"
            raise UsageError(f"{self._path}: {reason}") from error

    def _facts(self) -> Facts:
        here, pipeline = Environment.capture(), self._pipeline
        names = [phase.name for phase in self._phases]
        return Facts(
            request=self._request,
            steps=dict(zip(names, self._progress.steps, strict=True)),
            losses=self._progress.losses,
            curves=self._progress.curves,
            before=tuple(sorted(self._before)),
            seconds=round(self._progress.seconds, 1),
            parameters=sum(parameter.numel() for parameter in pipeline.parameters()),
            gives=(pipeline.frames, pipeline.height, pipeline.width),
            commit=here.code,
            torch=here.libraries["torch"],
            device=f"{here.cpu}, {here.threads} threads" if self._device == "cpu" else here.gpu or self._device,
        )


class Course:
    """One phase under way: what it trains, with the optimiser and the average.

    Args:
        pipeline: whose phase it is; all that the phase does not train is frozen.
        phase: which; it has begun.
        steps: how many it gets.
        seed: of the run.
        factor: on the phase's learning rate.
    """

    def __init__(self, pipeline: Pipeline, phase: Phase, steps: int, seed: int, factor: float = 1.0) -> None:
        self.steps, self._phase, self._seed, self._factor = steps, phase, seed, factor
        self._parameters = pipeline.learn(phase)
        self.average = Average(self._parameters, phase.ema)
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=phase.learning_rate, betas=phase.betas, weight_decay=phase.weight_decay, fused=True
        )

    def step(self, number: int, data: Data, device: str) -> float:
        """One step; returns its loss.

        Raises:
            VidgaugeError: where the loss is no finite number.
        """
        seed = seed_of(self._seed, self._phase.name, number)
        torch.manual_seed(seed)  # dropout draws from torch's default generator
        generator = torch.Generator().manual_seed(seed)
        loss = self._phase.loss(Step(number, self.steps, self._phase.batch, generator, data, device))
        value = loss.item()
        if not isfinite(value):
            raise VidgaugeError(f"phase {self._phase.name}: the loss of step {number} is {value}; training ends here")
        self._optimizer.param_groups[0]["lr"] = self._factor * rate(self._phase, number, self.steps)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves this one untyped
        nn.utils.clip_grad_norm_(self._parameters, LARGEST_GRADIENT)
        self._optimizer.step()
        self.average.update(number)
        return value

    def state(self) -> dict[str, Any]:
        """Beside the weights, all that the next step depends on."""
        return {"average": self.average.values, "optimizer": self._optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.average.load(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])


def rate(phase: Phase, number: int, steps: int) -> float:
    """Learning rate of a step: a linear warm-up, then constant or down a cosine."""
    warm_up = max(1, min(WARM_UP, steps // 10))
    decay = 0.5 + 0.5 * cos(pi * number / steps) if phase.decay == "cosine" else 1.0
    return phase.learning_rate * min(1.0, (number + 1) / warm_up) * decay


def _smoothed(before: float, loss: float, number: int) -> float:
    """The mean of the first hundred losses, then one that forgets them at that pace."""
    keep = min(0.99, number / (number + 1))
    return keep * before + (1 - keep) * loss
