"""Diffusion: schedules, predictions, losses, samplers and guidance, for all reference systems."""

from vidgauge.reference_models.diffusion.augmentation import Augmentation
from vidgauge.reference_models.diffusion.discrete import (
    DiscreteSchedule,
    cosine_betas,
    linear_betas,
    scaled_linear_betas,
    zero_terminal_snr,
)
from vidgauge.reference_models.diffusion.distillation import distilled_estimate, draw_halves
from vidgauge.reference_models.diffusion.guidance import guided, guided_together, oscillating, scale_of_weight
from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.loss import Space, loss
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import (
    Denoise,
    Estimate,
    Prediction,
    denoiser,
    estimate,
    from_x,
    target,
)
from vidgauge.reference_models.diffusion.reconstruction import Known, extended, superresolved
from vidgauge.reference_models.diffusion.samplers.ancestral import Ancestral
from vidgauge.reference_models.diffusion.samplers.ddim import Ddim
from vidgauge.reference_models.diffusion.samplers.distilled import Distilled
from vidgauge.reference_models.diffusion.samplers.langevin import Langevin
from vidgauge.reference_models.diffusion.samplers.sampling import Sampler, sample
from vidgauge.reference_models.diffusion.schedule import CosineSchedule, Schedule, levels
from vidgauge.reference_models.diffusion.thresholding import clipped, dynamically_thresholded

__all__ = [
    "Ancestral",
    "Augmentation",
    "CosineSchedule",
    "Ddim",
    "Denoise",
    "DiscreteSchedule",
    "Distilled",
    "Estimate",
    "Known",
    "Langevin",
    "Level",
    "Noise",
    "Prediction",
    "Sampler",
    "Schedule",
    "Space",
    "clipped",
    "cosine_betas",
    "denoiser",
    "distilled_estimate",
    "draw_halves",
    "dynamically_thresholded",
    "estimate",
    "extended",
    "from_x",
    "guided",
    "guided_together",
    "levels",
    "linear_betas",
    "loss",
    "oscillating",
    "sample",
    "scale_of_weight",
    "scaled_linear_betas",
    "spread",
    "superresolved",
    "target",
    "zero_terminal_snr",
]
