"""The process in which one case runs: ``python -m vidgauge.bench.worker``, a job on stdin, messages on stdout."""

import gc
import os
import sys
import time
from collections.abc import Callable
from typing import Literal, TextIO, cast

import numpy as np
import torch
from torch import nn

from vidgauge.bench import passes
from vidgauge.bench.backend import compiled_backends, observe
from vidgauge.bench.construct import construct
from vidgauge.bench.memory import Peak, peak
from vidgauge.bench.messages import Built, Done, Failed, Job, Message, Probed, Step, Timed, Weighed
from vidgauge.bench.suite import WHOLE, Direction, Variant
from vidgauge.bench.timing.comparison import again, against
from vidgauge.bench.timing.rounds import Action, run_rounds
from vidgauge.errors import UsageError
from vidgauge.limits import die_with_parent, limit_memory
from vidgauge.reference_models.layouts import LAYOUTS
from vidgauge.reference_models.measured import Measured

_IN_MEMORY = {"tf32": "float32"}
_NO_LIMIT = 2**20
Send = Callable[[Message], None]
Announce = Callable[[str, str, float], None]
"""Told the variant, what is done with it, and the fraction of the time budget that is spent."""


def run(job: Job, send: Send) -> None:
    """Do the task with every variant, telling what comes of it; tell of the first failure, and stop there."""
    torch.set_num_threads(job.threads)
    allow_tf32(job.dtype == "tf32")
    doing = Step(variant=job.baseline, doing="start")

    def step(variant: str, what: str, fraction: float) -> None:
        nonlocal doing
        doing = Step(variant=variant, doing=what, fraction=fraction)
        send(doing)

    try:
        _TASKS[job.task](job, step, send)
    except Exception as error:  # noqa: BLE001 - a layer may raise anything, and it becomes a record
        reason = f"{doing.doing}: {type(error).__name__}: {' '.join(str(error).split())}"
        send(Failed(variant=doing.variant, status=_status(error), reason=reason[:500]))
    else:
        send(Done())


def _time(job: Job, step: Announce, send: Send) -> None:
    """All variants in interleaved rounds."""
    actions = {variant.name: prepare(variant, job, step, send) for variant in job.variants}
    send(_rounds(actions, job, step))


def _weigh(job: Job, step: Announce, send: Send) -> None:
    """The memory of each variant in turn; nothing of one is left when the next is built."""
    for variant in job.variants:
        send(Weighed(variant=variant.name, peak=_peak(variant, job, step)))


def _peak(variant: Variant, job: Job, step: Announce) -> Peak:
    step(variant.name, "memory: build", 1.0)
    layer, inputs = _build(variant, job)
    action = passes.action(_called(layer, variant), inputs, job.direction)
    step(variant.name, "memory: first call", 1.0)
    passes.whole_call(action)
    step(variant.name, "memory", 1.0)
    return peak(lambda: passes.whole_call(action), job.device, job.memory_runs)


def _fit(job: Job, step: Announce, send: Send) -> None:
    """One call of each variant, which memory allows or not."""
    for variant in job.variants:
        step(variant.name, "build", 0.0)
        layer, inputs = _build(variant, job)
        send(Built(variant=variant.name, cost=layer.cost(job.shape)))
        step(variant.name, "first call", 0.0)
        passes.whole_call(passes.action(_called(layer, variant), inputs, job.direction))


def prepare(variant: Variant, job: Job, step: Announce, send: Send) -> Action:
    """Build a variant and call it once: tell what it costs (Built) and how it ran (Probed), return what is timed."""
    step(variant.name, "build", 0.0)
    layer, inputs = _build(variant, job)
    send(Built(variant=variant.name, cost=layer.cost(job.shape)))
    called = _called(layer, variant)
    action = passes.action(called, inputs, job.direction, waits=not job.rule.clock.startswith("cuda"))
    if variant.compiles:
        step(variant.name, "compile", 0.0)
        seconds, breaks = _compile(action, job.device)
        found = ["flex_attention"] if _is_flex(layer) else []
        if variant.compile:
            found += compiled_backends(lambda: passes.whole_call(action))
        send(Probed(variant=variant.name, backends=found, compile_seconds=seconds, graph_breaks=breaks))
    else:
        step(variant.name, "first call", 0.0)
        _visible_call(
            layer, inputs, job.direction
        )  # unobserved: the first call also makes masks and tables, which stay
        seen = observe(lambda: _visible_call(layer, inputs, job.direction))
        count = _operators(seen.operators, action, job.direction)
        send(Probed(variant=variant.name, backends=seen.backends, operators=count))
    return action


def _called(layer: Measured, variant: Variant) -> nn.Module:
    """It, or what torch.compile makes of it: for this shape alone, and never silently un-compiled again."""
    if not variant.compile:
        return layer
    torch._dynamo.config.recompile_limit = _NO_LIMIT  # layers of one class share the count
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    return cast("nn.Module", torch.compile(layer, dynamic=False))


def _compile(action: Action, device: str) -> tuple[float, int]:
    """Make the first call; how long it took, and how many graph breaks there were."""
    counter = torch._dynamo.utils.counters["graph_break"]
    breaks, start = sum(counter.values()), time.perf_counter()
    passes.whole_call(action)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, sum(counter.values()) - breaks


def _is_flex(layer: Measured) -> bool:
    """Whether it runs FlexAttention, which neither modes nor the profiler see once it is compiled."""
    return getattr(layer, "form", None) == "flex"


def _rounds(actions: dict[str, Action], job: Job, step: Announce) -> Timed:
    """Interleave all variants, the baseline twice."""
    contenders, owners = dict(actions), {name: name for name in actions}
    compared = job.baseline in actions
    if compared:
        twice = again(job.baseline)
        contenders[twice], owners[twice] = actions[job.baseline], job.baseline
    rounds = run_rounds(
        contenders,
        job.rule,
        job.budget,
        np.random.default_rng(job.seed),
        pairs=against(job.baseline, actions) if compared else (),
        device=job.device,
        announce=lambda name, fraction: step(owners[name], "time", fraction),
    )
    load = list(os.getloadavg()) if hasattr(os, "getloadavg") else []
    return Timed(samples=rounds.samples, stopped=rounds.stopped, seconds=rounds.seconds, load=load)


def _build(variant: Variant, job: Job) -> tuple[Measured, tuple[torch.Tensor, ...]]:
    """The layer or system and all that it takes, from the job's seed: the same for every run of the job."""
    torch.manual_seed(job.seed)  # they draw their weights from the global generator, which this process owns
    layer = construct(variant, job.device, job.direction)
    dtype: torch.dtype = getattr(torch, _IN_MEMORY.get(job.dtype, job.dtype))
    layer = layer.to(device=job.device, dtype=dtype).eval()
    generator = torch.Generator().manual_seed(job.seed)
    x = torch.randn(job.shape, generator=generator).to(job.device, dtype)
    more = [
        each.to(job.device, dtype if each.is_floating_point() else each.dtype)
        for each in layer.more_inputs(job.shape, generator)
    ]
    layer.to_layout(variant.layout)
    return layer, (x.to(memory_format=LAYOUTS[variant.layout]), *more)


def _visible_call(layer: Measured, inputs: tuple[torch.Tensor, ...], direction: Direction) -> None:
    """One forward pass with gradients as in the timed one, yet outside inference mode, which hides convolutions.

    Of a whole system, all that is timed.
    """
    if direction in WHOLE:
        passes.whole_call(passes.action(layer, inputs, direction))
        return
    with_gradients = direction != "inference"
    with torch.set_grad_enabled(with_gradients):
        layer(*(x.detach().requires_grad_(with_gradients and x.is_floating_point()) for x in inputs))


_TASKS: dict[str, Callable[[Job, Announce, Send], None]] = {"time": _time, "weigh": _weigh, "fit": _fit}


def _operators(forward: int, action: Action, direction: Direction) -> int:
    """How many the timed pass dispatches; alone a backward pass cannot run, so those of the forward pass are taken off.

    Args:
        forward: how many a forward pass dispatches, or all that is timed of a whole system.
        action: the timed pass.
        direction: of the timed pass.
    """
    if direction in ("inference", "forward") or direction in WHOLE:
        return forward
    filled = 1  # the gradient that is handed in, which is made outside the timed pass or only in its first call
    both = observe(lambda: passes.whole_call(action)).operators - filled
    return both - forward if direction == "backward" else both


def allow_tf32(allow: bool) -> None:
    """Whether float32 may be multiplied as TF32 on a GPU: by default torch lets convolutions and not matrices."""
    torch.set_float32_matmul_precision("high" if allow else "highest")
    torch.backends.cudnn.allow_tf32 = allow


def _status(error: Exception) -> Literal["failed", "oom", "skipped"]:
    """Refusals (an unsupported kernel, say) are no failures."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
        return "oom"
    return "skipped" if isinstance(error, UsageError | NotImplementedError) else "failed"


def _own_stdout() -> TextIO:
    """Keep stdout for messages: whatever a layer prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def main() -> None:
    """Read a job, run it, tell what happens."""
    die_with_parent()
    gc.freeze()  # what is imported stays: collections need not walk through it
    with _own_stdout() as channel:

        def send(message: Message) -> None:
            channel.write(message.model_dump_json() + "\n")
            channel.flush()

        job = Job.model_validate_json(sys.stdin.read())
        if job.memory_limit is not None and job.device == "cpu":
            limit_memory(job.memory_limit)
        run(job, send)


if __name__ == "__main__":
    main()
