"""What is timed of a layer: its forward pass, or its backward pass."""

import torch

from vidgauge.bench.suite import Direction
from vidgauge.bench.timing.rounds import Action
from vidgauge.reference_models.layer import Layer


def action(layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> Action:
    """The pass as something to time; it returns when the device has finished."""
    return forward(layer, inputs) if direction == "forward" else backward(layer, inputs)


def forward(layer: Layer, inputs: tuple[torch.Tensor, ...]) -> Action:
    """One call in inference mode."""

    def run() -> torch.Tensor:
        with torch.inference_mode():
            out: torch.Tensor = layer(*inputs)
            _finish(out)
            return out

    return Action(run)


def backward(layer: Layer, inputs: tuple[torch.Tensor, ...]) -> Action:
    """Gradients of the output's sum for all inputs and parameters; the graph is built anew before each, not timed.

    The gradient handed in is a full tensor of ones: that of ``sum()`` has stride 0, which kernels treat apart.
    """
    given = [x.detach().requires_grad_() for x in inputs]
    leaves = [*given, *layer.parameters()]

    def prepare() -> tuple[torch.Tensor, torch.Tensor]:
        out: torch.Tensor = layer(*given)
        gradient = torch.ones_like(out)
        _finish(out)
        return out, gradient

    def run(prepared: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        out, gradient = prepared
        gradients = torch.autograd.grad(out, leaves, gradient)
        _finish(out)
        return gradients

    return Action(run, prepare)


def whole_call(timed: Action) -> object:
    """Preparation and run as one call, for memory: a backward pass needs what the forward pass saved for it."""
    return timed.run() if timed.prepare is None else timed.run(timed.prepare())


def _finish(x: torch.Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
