"""The process in which one case runs: ``python -m vidgauge.bench.worker``, a job on stdin, messages on stdout."""

import gc
import os
import sys
from collections.abc import Callable
from typing import TextIO

import numpy as np
import torch

from vidgauge.bench import passes
from vidgauge.bench.backend import backends
from vidgauge.bench.memory import NotMeasurableError, peak_bytes
from vidgauge.bench.messages import Built, Done, Failed, Job, Message, Probed, Step, Timed, Weighed
from vidgauge.bench.suite import Direction, Variant
from vidgauge.bench.timing.comparison import again
from vidgauge.bench.timing.rounds import Action, interleave
from vidgauge.errors import UsageError
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import build

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the number of a kernel's dimensions; kernels along one axis have no such layout."""
Send = Callable[[Message], None]
Announce = Callable[[str, str, float], None]
"""Told the variant, what is done with it, and the fraction of the time budget that is spent."""


def run(job: Job, send: Send) -> None:
    """Build every variant, time all in interleaved rounds, weigh each; tell of the first failure, and stop there."""
    torch.set_num_threads(job.threads)
    doing = Step(variant=job.baseline, doing="start")

    def step(variant: str, what: str, fraction: float) -> None:
        nonlocal doing
        doing = Step(variant=variant, doing=what, fraction=fraction)
        send(doing)

    try:
        actions = {variant.name: _prepare(variant, job, step, send) for variant in job.variants}
        send(_time(actions, job, step))
        for name, action in actions.items():  # after time: it changes how memory is allocated
            step(name, "memory", 1.0)
            send(_weigh(name, action, job))
    except Exception as error:  # noqa: BLE001 - a layer may raise anything, and it becomes a record
        status = "oom" if _is_out_of_memory(error) else "failed"
        reason = f"{doing.doing}: {type(error).__name__}: {' '.join(str(error).split())}"
        send(Failed(variant=doing.variant, status=status, reason=reason[:500]))
    else:
        send(Done())


def _prepare(variant: Variant, job: Job, step: Announce, send: Send) -> Action:
    step(variant.name, "build", 0.0)
    layer, inputs = _build(variant, job)
    send(Built(variant=variant.name, cost=layer.cost(job.shape)))
    step(variant.name, "first call", 0.0)
    send(Probed(variant=variant.name, backends=backends(lambda: _visible_call(layer, inputs, job.direction))))
    return passes.action(layer, inputs, job.direction)


def _time(actions: dict[str, Action], job: Job, step: Announce) -> Timed:
    """Interleave all variants, the baseline twice."""
    contenders, owners = dict(actions), {name: name for name in actions}
    if job.baseline in actions:
        twice = again(job.baseline)
        contenders[twice], owners[twice] = actions[job.baseline], job.baseline
    samples = interleave(
        contenders,
        job.rule,
        job.budget,
        np.random.default_rng(job.seed),
        announce=lambda name, fraction: step(owners[name], "time", fraction),
    )
    return Timed(samples=samples, load=list(os.getloadavg()) if hasattr(os, "getloadavg") else [])


def _weigh(name: str, action: Action, job: Job) -> Weighed:
    try:
        peaks = peak_bytes(lambda: passes.whole_call(action), job.device, job.memory_runs)
    except NotMeasurableError as error:
        return Weighed(variant=name, peaks=[], no_peak=str(error))
    return Weighed(variant=name, peaks=peaks)


def _build(variant: Variant, job: Job) -> tuple[Layer, tuple[torch.Tensor, ...]]:
    """The layer and all that it takes, from the job's seed: the same for every run of the job."""
    torch.manual_seed(job.seed)  # layers draw their weights from the global generator, which this process owns
    layer = build(variant.layer, **variant.config)
    dtype: torch.dtype = getattr(torch, job.dtype)
    layer = layer.to(device=job.device, dtype=dtype).eval()
    generator = torch.Generator().manual_seed(job.seed)
    x = torch.randn(job.shape, generator=generator).to(job.device, dtype)
    more = [each.to(job.device, dtype) for each in layer.more_inputs(job.shape, generator)]
    if variant.layout == "channels_last_3d":
        if layer.takes != "video_bcthw":
            raise UsageError(f"channels_last_3d is a layout of video_bcthw, but {variant.layer} takes {layer.takes}")
        x = x.to(memory_format=torch.channels_last_3d)
        for parameter in layer.parameters():
            if parameter.ndim in _CHANNELS_LAST:
                parameter.data = parameter.data.to(memory_format=_CHANNELS_LAST[parameter.ndim])
    return layer, (x, *more)


def _visible_call(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> None:
    """One forward pass with gradients as in the timed one, yet outside inference mode, which hides convolutions."""
    with torch.set_grad_enabled(direction == "backward"):
        layer(*(x.detach().requires_grad_(direction == "backward") for x in inputs))


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _own_stdout() -> TextIO:
    """Keep stdout for messages: whatever a layer prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def main() -> None:
    """Read a job, run it, tell what happens."""
    gc.freeze()  # what is imported stays: collections need not walk through it
    with _own_stdout() as channel:

        def send(message: Message) -> None:
            channel.write(message.model_dump_json() + "\n")
            channel.flush()

        run(Job.model_validate_json(sys.stdin.read()), send)


if __name__ == "__main__":
    main()
