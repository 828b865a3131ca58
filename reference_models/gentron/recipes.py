"""How GenTron is trained and sampled at the sizes that are ours: all stages, and what is chosen around them."""

from dataclasses import dataclass

from vidgauge.reference_models.autoencoders.sizes import IMAGE_SMALL, IMAGE_TINY, ImageSize
from vidgauge.reference_models.diffusion import Prediction
from vidgauge.reference_models.gentron.hyperparameters import SMALL as SMALL_NETWORK
from vidgauge.reference_models.gentron.hyperparameters import TINY as TINY_NETWORK
from vidgauge.reference_models.gentron.hyperparameters import Hyperparameters
from vidgauge.reference_models.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole system; defaults are the paper's, or ours where it is silent."""

    autoencoder: ImageSize
    """Of images: each frame of a video is encoded for itself. The paper's is that of latent diffusion, as published."""
    network: Hyperparameters
    plans: dict[str, Plan]
    """Of each phase: "autoencoder"; "images", without temporal layers (the paper: 500,000 steps of 2,048, 300,000 on
    larger ones); "clips", all parameters (the paper: 128 at once; how long is not stated). The paper's rate is 1e-4."""
    ema: float = 0.999
    """Not stated; ours."""
    stride: int = 1
    """Every how many frames of the data make a clip; the paper takes 4 of 24 in a second."""
    motion_free: float = 0.2
    """How often a clip is an image repeated, with the identity as the mask of temporal attention. Not stated; ours."""
    unconditional: float = 0.1
    """How often the text is left out. Not stated; ours."""
    target: Prediction = "eps"
    sampling_steps: int = 50
    """Of DDIM. Not stated; ours."""
    text_scale: float = 7.5
    """l_T."""
    motion_scale: float = 1.1
    """l_M; the paper has 1.0 to 1.3."""


SMALL = Recipe(
    autoencoder=IMAGE_SMALL,
    network=SMALL_NETWORK,
    plans={
        "autoencoder": Plan(40_000, 64, 3e-4),
        "images": Plan(100_000, 256, 1e-4),
        "clips": Plan(100_000, 32, 1e-4),
    },
    text_scale=3.0,
)
"""Ours, for one GPU. Steps and rates are first guesses: it has not been trained."""
TINY = Recipe(
    autoencoder=IMAGE_TINY,
    network=TINY_NETWORK,
    plans={"autoencoder": Plan(1_000, 16, 3e-3), "images": Plan(2_000, 32, 2e-3), "clips": Plan(3_000, 4, 2e-3)},
    ema=0.995,
    target="v",
    sampling_steps=16,
    text_scale=2.0,
)
"""Ours, for two cores of a CPU. v in the place of eps, whose colours a few steps of sampling do not settle."""
