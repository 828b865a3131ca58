"""How W.A.L.T is trained and sampled at the sizes that are ours: all stages, and all that is chosen around them."""

from dataclasses import dataclass, replace

from vidgauge.datasets.moving_shapes import class_names
from vidgauge.reference_models.autoencoders.sizes import CAUSAL_SMALL, CAUSAL_TINY, CausalSize
from vidgauge.reference_models.plan import Plan
from vidgauge.reference_models.walt.hyperparameters import SMALL_CLASSES, SMALL_SR, SMALL_TEXT, Hyperparameters
from vidgauge.reference_models.walt.hyperparameters import TINY as TINY_NETWORK


@dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """One transformer."""

    network: Hyperparameters
    plan: Plan
    """Its batch is of videos; stacks of images come on top."""
    stacks: int = 0
    """Of 1 + t images each, trained on together with the videos. How many is not stated; ours."""
    self_conditioning: float = 0.9
    """p_sc: how often the model is given its own estimate in training."""
    frame_prediction: float = 0.5
    """p_fp: how often it is given the first frames of a video, if it takes any. Not stated; ours."""
    low_noises: int = 300
    """t_max, in steps: noise of the stage before in training is at steps below it. Not stated; ours."""
    low_noise: int = 50
    """The step when sampling. Not stated; ours."""
    sampling_steps: int = 50
    guidance: float = 1.0
    """s = 1 + w of classifier-free guidance; 1 is none."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole system."""

    autoencoder: CausalSize
    autoencoder_plan: Plan
    stages: tuple[StageRecipe, ...]
    """The first makes latents of the autoencoder's grid; each other starts from those of the one before."""
    text_layers: int = 1
    """Of our own text encoder, which stands where the paper has T5-XL; it is trained with the first stage."""
    class_names: tuple[str, ...] = ()
    """Where the stages take classes and no text: what captions call them."""
    ema: float = 0.999
    unconditional: float = 0.1
    """How often captions are left out. Not stated; ours."""


SMALL = Recipe(
    autoencoder=CAUSAL_SMALL,
    autoencoder_plan=Plan(40_000, 16, 3e-4),
    stages=(
        StageRecipe(network=SMALL_TEXT, plan=Plan(100_000, 32, 5e-4), stacks=8, guidance=2.0),
        StageRecipe(network=SMALL_SR, plan=Plan(60_000, 32, 5e-4), stacks=8),
    ),
)
"""Ours, for one GPU. Steps and rates are first guesses: it has not been trained."""
SMALL_OF_CLASSES = replace(
    SMALL,
    stages=(StageRecipe(network=SMALL_CLASSES, plan=Plan(100_000, 32, 5e-4)),),
    class_names=tuple(class_names()),
)
"""The same with classes, videos alone, as the paper's of UCF-101, for Moving Shapes."""
TINY = Recipe(
    autoencoder=CAUSAL_TINY,
    autoencoder_plan=Plan(1_000, 4, 3e-3),
    stages=(
        StageRecipe(
            network=TINY_NETWORK,
            plan=Plan(2_000, 8, 2e-3),
            stacks=2,
            frame_prediction=0.2,
            sampling_steps=16,
        ),
    ),
    ema=0.995,
)
"""Ours, for two cores of a CPU; steps and rates are first guesses. Frames are given less often: it has few steps."""
