"""How W.A.L.T is trained and sampled at the sizes that are ours: both stages, and all that is chosen around them."""

from dataclasses import dataclass

from vidgauge.reference_models.autoencoders.sizes import CAUSAL_SMALL, CAUSAL_TINY, CausalSize
from vidgauge.reference_models.walt.hyperparameters import SMALL_TEXT, Hyperparameters
from vidgauge.reference_models.walt.hyperparameters import TINY as TINY_NETWORK


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole system."""

    autoencoder: CausalSize
    network: Hyperparameters
    text_layers: int = 1
    """Of our own text encoder, which stands where the paper has T5-XL; it is trained with the transformer."""

    autoencoder_steps: int
    autoencoder_batch: int
    autoencoder_learning_rate: float
    steps: int
    batch: int
    """Videos; stacks of images come on top."""
    stacks: int
    """Of 1 + t images each, trained on together with the videos. How many is not stated; ours."""
    learning_rate: float
    ema: float = 0.999
    self_conditioning: float = 0.9
    """p_sc: how often the model is given its own estimate in training."""
    frame_prediction: float = 0.5
    """p_fp: how often it is given the first frames of a video. Not stated; ours."""
    unconditional: float = 0.1
    """How often captions are left out. Not stated; ours."""
    sampling_steps: int = 50
    guidance: float = 1.0
    """s = 1 + w of classifier-free guidance; 1 is none."""


SMALL = Recipe(
    autoencoder=CAUSAL_SMALL,
    network=SMALL_TEXT,
    autoencoder_steps=40_000,
    autoencoder_batch=16,
    autoencoder_learning_rate=3e-4,
    steps=100_000,
    batch=32,
    stacks=8,
    learning_rate=5e-4,
    guidance=2.0,
)
"""Ours, for one GPU. Steps and rates are first guesses: it has not been trained."""
TINY = Recipe(
    autoencoder=CAUSAL_TINY,
    network=TINY_NETWORK,
    autoencoder_steps=1_000,
    autoencoder_batch=4,
    autoencoder_learning_rate=3e-3,
    steps=2_000,
    batch=8,
    stacks=2,
    learning_rate=2e-3,
    ema=0.995,
    frame_prediction=0.2,
    sampling_steps=16,
)
"""Ours, for two cores of a CPU; steps and rates are first guesses. Frames are given less often: it has few steps."""
