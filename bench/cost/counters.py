"""FLOP counters side by side: our formulas, enumeration, and the counters that people use. All in FLOPs, 2 a MAC."""

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.bench.cost.enumeration import enumerate_macs
from vidgauge.errors import VidgaugeError
from vidgauge.reference_models.layer import Layer

Direction = Literal["forward", "forward+backward"]
Counter = Callable[[Layer, tuple[torch.Tensor, ...], Direction], int]
"""Told a layer, all that its forward pass takes, and what of it to count."""


class NotCountedError(VidgaugeError):
    """A counter that cannot count this, with the reason."""


def analytic(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> int:
    """The layer's own formula, padding counted as it is computed."""
    cost = layer.cost(inputs[0].shape)
    return cost.forward_flops + (cost.backward_flops if direction == "forward+backward" else 0)


def enumerated(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> int:
    """Every multiply-accumulate carried out on ones and summed."""
    return 2 * enumerate_macs(_pass(layer, inputs, direction)).computed


def torch_counter(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> int:
    """``torch.utils.flop_counter.FlopCounterMode``."""
    with FlopCounterMode(display=False) as counter:
        _pass(layer, inputs, direction)()
    return int(counter.get_total_flops())


def fvcore(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> int:
    """``FlopCountAnalysis`` of fvcore, doubled, since what it calls a flop is a multiply-accumulate."""
    if direction != "forward":
        raise NotCountedError("fvcore counts forward passes only")
    if not is_installed("fvcore"):
        raise NotCountedError("fvcore is not installed")
    with _quiet():
        from fvcore.nn import FlopCountAnalysis

        with torch.no_grad():
            analysis = FlopCountAnalysis(layer, inputs)
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
            return 2 * int(analysis.total())


COUNTERS: dict[str, Counter] = {
    "analytic": analytic,
    "enumerated": enumerated,
    "torch_counter": torch_counter,
    "fvcore": fvcore,
}


def count(counter: Counter, layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> int:
    """What a counter says.

    Raises:
        NotCountedError: with the reason, whatever the counter raised: many of them do not know all operators.
    """
    try:
        return counter(layer, inputs, direction)
    except NotCountedError:
        raise
    except Exception as error:  # other people's counters may raise anything
        text = " ".join(str(error).split())
        raise NotCountedError(f"{type(error).__name__}: {text}"[:200]) from error


def is_installed(package: str) -> bool:
    """Whether a package can be imported; nothing here needs other people's counters."""
    return importlib.util.find_spec(package) is not None


def _pass(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> Callable[[], object]:
    def forward() -> None:
        with torch.no_grad():
            layer(*inputs)

    def forward_and_backward() -> None:
        layer(*(x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs)).sum().backward()
        layer.zero_grad()

    return forward if direction == "forward" else forward_and_backward


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns of a dozen things that change no count."""
    logger = logging.getLogger("fvcore")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
