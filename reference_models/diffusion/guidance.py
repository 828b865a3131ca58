"""Classifier-free guidance (Ho and Salimans, arXiv 2207.12598), with one convention: ``f(0) + s (f(c) - f(0))``.

Papers by Ho et al. write ``(1 + w) f(c) - w f(0)``, so that s = 1 + w; ``scale_of_weight`` converts where a
configuration states w. f may be eps, x or v: for the same z all three are affine in one another, with the same result.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.diffusion.prediction import Denoise, Estimate

Scale = float | Callable[[Level], float]
"""s: 1 is the conditional model, 0 the unconditional one. Or s for each level."""


def scale_of_weight(weight: float) -> float:
    """The scale s = 1 + w."""
    return 1 + weight


def guided(conditional: Denoise, unconditional: Denoise, scale: Scale) -> Denoise:
    """Guidance in two passes; in one where the scale is 1, for that is the conditional model."""

    def denoise(z: Tensor, level: Level) -> Estimate:
        s = _at(scale, level)
        known = conditional(z, level)
        return known if s == 1 else _mixed(known, unconditional(z, level), s)

    return denoise


def guided_together(both: Denoise, scale: Scale) -> Denoise:
    """Guidance in one pass.

    Args:
        both: is given every sample twice, (2 B, ...): the first B are to be conditional, the rest unconditional.
        scale: s.
    """

    def denoise(z: Tensor, level: Level) -> Estimate:
        found = both(torch.cat([z, z]), level.repeated(2))
        (known_x, free_x), (known_eps, free_eps) = found.x.chunk(2), found.eps.chunk(2)
        return _mixed(Estimate(known_x, known_eps), Estimate(free_x, free_eps), _at(scale, level))

    return denoise


def oscillating(high: float, low: float, first: int) -> Callable[[Level], float]:
    """High for the ``first`` steps, then low, high, low, ...: Imagen Video, arXiv 2210.02303 (15 and 1).

    How many come first, and that the low scale follows them, is not stated; ours.
    """

    def scale(level: Level) -> float:
        return low if level.step >= first and (level.step - first) % 2 == 0 else high

    return scale


def _at(scale: Scale, level: Level) -> float:
    return scale(level) if callable(scale) else scale


def _mixed(known: Estimate, free: Estimate, s: float) -> Estimate:
    """``s f(c) + (1 - s) f(0)``: exactly f(c) where s = 1."""
    return Estimate(s * known.x + (1 - s) * free.x, s * known.eps + (1 - s) * free.eps)
