"""What a network predicts of z = alpha x + sigma eps: the noise, the video, or v = alpha eps - sigma x.

v is Salimans and Ho's (arXiv 2202.00512, section 4). Any of the three gives the other two, so that everything after the
network speaks of an ``Estimate`` of both video and noise.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.layer import check_choice

Prediction = Literal["eps", "x", "v"]


class Estimate(NamedTuple):
    """What is thought to be in z: ``z = alpha x + sigma eps`` holds for the two."""

    x: Tensor
    eps: Tensor


Denoise = Callable[[Tensor, Level], Estimate]
"""From z and its level to an estimate. Guidance and clipping turn one into another."""


def estimate(kind: Prediction, output: Tensor, z: Tensor, level: Level) -> Estimate:
    """The estimate from a network's output.

    Raises:
        UsageError: where there is no such prediction, or noise was predicted where noise is all there is.
    """
    check_choice("prediction", kind, get_args(Prediction))
    if kind == "x":
        return from_x(output, z, level)
    alpha, sigma = spread(level.alpha_b, z), spread(level.sigma_b, z)
    if kind == "v":
        return Estimate(alpha * z - sigma * output, sigma * z + alpha * output)
    if bool((level.alpha_b == 0).any()):
        raise UsageError("at zero terminal SNR the noise says nothing about the video; predict v or x")
    return Estimate((z - sigma * output) / alpha, output)


def from_x(x: Tensor, z: Tensor, level: Level) -> Estimate:
    """The estimate from the video alone: ``eps = (z - alpha x) / sigma``, and 0 where there is no noise in z."""
    per_noise = torch.where(level.sigma_b > 0, 1 / level.sigma_b, 0.0)
    return Estimate(x, (z - spread(level.alpha_b, z) * x) * spread(per_noise, z))


def target(kind: Prediction, x: Tensor, eps: Tensor, level: Level) -> Tensor:
    """What a network is to predict.

    Raises:
        UsageError: where there is no such prediction.
    """
    check_choice("prediction", kind, get_args(Prediction))
    if kind == "v":
        return spread(level.alpha_b, x) * eps - spread(level.sigma_b, x) * x
    return x if kind == "x" else eps


def denoiser(network_call: Callable[[Tensor, Level], Tensor], kind: Prediction) -> Denoise:
    """A network that is given z and its level, on z's device, as a ``Denoise``."""

    def denoise(z: Tensor, level: Level) -> Estimate:
        return estimate(kind, network_call(z, level.on(z.device)), z, level)

    return denoise
