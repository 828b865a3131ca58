"""What is timed of a layer: a forward pass for its own sake, one that can be walked back, the way back, or both."""

import torch
from torch import nn

from vidgauge.bench.suite import Direction
from vidgauge.bench.timing.rounds import Action
from vidgauge.bench.whole_pipeline import WholePipeline


def action(layer: nn.Module, inputs: tuple[torch.Tensor, ...], direction: Direction, *, waits: bool = True) -> Action:
    """The pass as something to time.

    Args:
        layer: as it is called: compiled or not.
        inputs: all that it takes.
        direction: which pass.
        waits: whether the timed call returns only when a GPU has finished. CUDA clocks need it not to.
    """
    match direction:
        case "inference":
            return inference(layer, inputs, waits=waits)
        case "forward":
            return forward(layer, inputs, waits=waits)
        case "backward":
            return backward(layer, inputs, waits=waits)
        case "forward+backward":
            return there_and_back(layer, inputs, waits=waits)
        case "training-step":
            return training_step(layer, inputs, waits=waits)
        case "sample" | "first-frame":
            return sample(layer, inputs, waits=waits)


def inference(layer: nn.Module, inputs: tuple[torch.Tensor, ...], *, waits: bool = True) -> Action:
    """One call in inference mode."""

    def run() -> torch.Tensor:
        with torch.inference_mode():
            out: torch.Tensor = layer(*inputs)
            _finish(out, waits)
            return out

    return Action(run)


def forward(layer: nn.Module, inputs: tuple[torch.Tensor, ...], *, waits: bool = True) -> Action:
    """One call that keeps what a backward pass wants, for all inputs and parameters."""
    given = _leaves(inputs)

    def run() -> torch.Tensor:
        out: torch.Tensor = layer(*given)
        _finish(out, waits)
        return out

    return Action(run)


def backward(layer: nn.Module, inputs: tuple[torch.Tensor, ...], *, waits: bool = True) -> Action:
    """Gradients of the output's sum for all inputs and parameters; the graph is built anew before each, not timed.

    The gradient handed in is a full tensor of ones: that of ``sum()`` has stride 0, which kernels treat apart.
    """
    given = _leaves(inputs)
    leaves = _wanting(given, layer)

    def prepare() -> tuple[torch.Tensor, torch.Tensor]:
        out: torch.Tensor = layer(*given)
        gradient = torch.ones_like(out)
        _finish(out, waits=True)
        return out, gradient

    def run(prepared: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        out, gradient = prepared
        gradients = torch.autograd.grad(out, leaves, gradient)
        _finish(out, waits)
        return gradients

    return Action(run, prepare)


def there_and_back(layer: nn.Module, inputs: tuple[torch.Tensor, ...], *, waits: bool = True) -> Action:
    """A forward pass and its backward pass, as training has them."""
    given = _leaves(inputs)
    leaves = _wanting(given, layer)
    ones: list[torch.Tensor] = []  # the ones that are handed in, made in the first call

    def run() -> tuple[torch.Tensor, ...]:
        out: torch.Tensor = layer(*given)
        if not ones:
            ones.append(torch.ones_like(out))
        gradients = torch.autograd.grad(out, leaves, ones[0])
        _finish(out, waits)
        return gradients

    return Action(run)


def training_step(layer: nn.Module, inputs: tuple[torch.Tensor, ...], *, waits: bool = True) -> Action:
    """Losses and gradients of one step of each phase of a pipeline, without the optimiser."""
    assert isinstance(layer, WholePipeline)
    (x,) = inputs

    def run() -> list[torch.Tensor]:
        gradients = [gradient for phase in layer.phases for gradient in layer.gradients(phase, x)]
        _finish(gradients[-1], waits)
        return gradients

    return Action(run)


def sample(layer: nn.Module, inputs: tuple[torch.Tensor, ...], *, waits: bool = True) -> Action:
    """All denoising steps of all stages of a pipeline, or those before its first frames come out."""

    def run() -> torch.Tensor:
        with torch.no_grad():  # not inference mode, which hides convolutions, and which some guidance could not leave
            out: torch.Tensor = layer(*inputs)
            _finish(out, waits)
            return out

    return Action(run)


def whole_call(timed: Action) -> object:
    """Preparation and run as one call, for memory: a backward pass needs what the forward pass saved for it."""
    return timed.run() if timed.prepare is None else timed.run(timed.prepare())


def _leaves(inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """The inputs, those of floats asking for gradients."""
    return [x.detach().requires_grad_(x.is_floating_point()) for x in inputs]


def _wanting(given: list[torch.Tensor], layer: nn.Module) -> list[torch.Tensor]:
    """What gradients are for: frozen parameters get none."""
    return [x for x in (*given, *layer.parameters()) if x.requires_grad]


def _finish(x: torch.Tensor, waits: bool) -> None:
    if waits and x.is_cuda:
        torch.cuda.synchronize(x.device)
