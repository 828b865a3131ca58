"""How far a prediction is off: squared error in the space of the noise, the video or v, one number a sample.

Errors in these spaces differ by a factor alone (Salimans and Ho, arXiv 2202.00512, section 4):
``|eps^ - eps|^2 = (alpha^2 / sigma^2) |x^ - x|^2`` and ``|v^ - v|^2 = |x^ - x|^2 / sigma^2``, so that the choice is one
of weights over noise levels.
"""

from typing import Literal, get_args

from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.diffusion.prediction import Prediction, target
from vidgauge.reference_models.layer import check_choice

Space = Literal["eps", "x", "v", "truncated_snr"]
"""``truncated_snr`` is the error of x weighted by max(SNR, 1): what distillation uses."""


def loss(kind: Prediction, output: Tensor, x: Tensor, eps: Tensor, level: Level, space: Space | None = None) -> Tensor:
    """Mean squared error of each sample: (B,), over all its numbers.

    Args:
        kind: what the network predicts.
        output: what it predicted.
        x: the video.
        eps: the noise in z.
        level: of z.
        space: in which the error counts; None for the prediction's own.

    Raises:
        UsageError: where there is no such prediction or space.
    """
    own = (output - target(kind, x, eps, level)).square().flatten(1).mean(1)
    if space is None or space == kind:
        return own
    check_choice("space", space, get_args(Space))
    return own * (_size(space, level) / _size(kind, level)).square().to(own)


def _size(space: Space, level: Level) -> Tensor:
    """How large the same error is in a space, times sigma; times sigma, so that no space divides by 0."""
    return {
        "x": level.sigma_b,
        "eps": level.alpha_b,
        "v": level.alpha_b.square() + level.sigma_b.square(),
        "truncated_snr": level.alpha_b.maximum(level.sigma_b),
    }[space]
