"""Estimates of the video brought back into its range, [-1, 1]."""

import math

from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.prediction import Denoise, Estimate, from_x


def clipped(denoise: Denoise) -> Denoise:
    """Cut x off at -1 and 1, the noise estimated anew from it (Ho et al., arXiv 2006.11239; also where not stated)."""

    def inside(z: Tensor, level: Level) -> Estimate:
        return from_x(denoise(z, level).x.clamp(-1, 1), z, level)

    return inside


def dynamically_thresholded(denoise: Denoise, percentile: float = 99.5) -> Denoise:
    """Cut x off at -s and s and divide it by s: Saharia et al., Imagen, arXiv 2205.11487, section 2.3.

    s is 1, or the percentile of |x| in the sample if that is more. Strong guidance drives x out of its range; this
    brings it back with fewer saturated pixels than clipping leaves. 99.5 is Imagen's; Imagen Video does not state its.
    """

    def inside(z: Tensor, level: Level) -> Estimate:
        x = denoise(z, level).x
        size = spread(percentile_of(x.abs().flatten(1), percentile).clamp(min=1), x)
        return from_x(x.clamp(-size, size) / size, z, level)

    return inside


def percentile_of(values_bn: Tensor, percentile: float) -> Tensor:
    """The smallest value that so many per cent of a row do not exceed: (B,). ``torch.quantile`` refuses long rows."""
    count = values_bn.shape[1]
    return values_bn.kthvalue(max(1, math.ceil(count * percentile / 100)), dim=1).values
