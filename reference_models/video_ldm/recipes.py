"""How Align your Latents is trained and sampled at the sizes that are ours: all stages, and what is around them."""

from dataclasses import dataclass, replace

from vidgauge.reference_models.autoencoders.sizes import IMAGE_LARGE, IMAGE_SMALL, IMAGE_TINY, ImageSize
from vidgauge.reference_models.diffusion import Prediction
from vidgauge.reference_models.plan import Plan
from vidgauge.reference_models.video_ldm.sizes import SMALL as SMALL_NETWORK
from vidgauge.reference_models.video_ldm.sizes import SMALL_UPSCALER, Size
from vidgauge.reference_models.video_ldm.sizes import TINY as TINY_NETWORK


@dataclass(frozen=True, kw_only=True)
class UpscalingRecipe:
    """The last stage of a system."""

    autoencoder: ImageSize
    """Of the large video; its latents are as large as the small video."""
    network: Size
    """Its grid is that of the clips and patches that it is trained on."""
    noised: int = 350
    """Below which step small frames are noised in training: Stable Diffusion's upscaler's, not stated here."""
    noise: int = 20
    """At which step they are in sampling; likewise."""
    sampling_steps: int = 50


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole system."""

    autoencoder: ImageSize
    network: Size
    """Of the key frames; interpolation's is the same for ``every + 1`` frames."""
    every: int = 4
    """From one key frame to the next."""
    frames: int
    """Of what comes out; those of the last gap that are too many are left out."""
    discriminator: int
    """Channels of the decoder's judge after its first convolution."""
    plans: dict[str, Plan]
    """Of each phase."""
    target: Prediction = "v"
    """The paper's of its driving model; its text-to-video model predicts eps. In few steps v does better (ours)."""
    noised: int = 250
    """Up to which step known key frames are noised in training; from summaries of the paper."""
    unconditional: float = 0.1
    """How often captions are left out. Not stated; ours."""
    ema: float = 0.999
    sampling_steps: int = 50
    """Of each stage, by DDIM."""
    guidance: float = 1.0
    """s = 1 + w of classifier-free guidance; 1 is none."""
    upscaling: UpscalingRecipe | None = None

    @property
    def keys(self) -> int:
        """How many key frames there are."""
        return self.network.grid[0]


SMALL = Recipe(
    autoencoder=replace(IMAGE_SMALL, grid=(29, 64, 64)),
    network=SMALL_NETWORK,
    frames=29,
    discriminator=32,
    plans={
        "autoencoder": Plan(40_000, 32, 3e-4),
        "images": Plan(60_000, 128, 2e-4),
        "temporal layers": Plan(40_000, 16, 2e-4),
        "decoder": Plan(10_000, 4, 1e-4),
        "interpolation": Plan(40_000, 16, 1e-4),
        "upscaler autoencoder": Plan(20_000, 16, 3e-4),
        "upscaler images": Plan(40_000, 64, 2e-4),
        "upscaler temporal layers": Plan(20_000, 8, 2e-4),
    },
    guidance=2.0,
    upscaling=UpscalingRecipe(autoencoder=IMAGE_LARGE, network=SMALL_UPSCALER),
)
"""Ours, for one GPU. Steps and rates are first guesses: it has not been trained."""
TINY = Recipe(
    autoencoder=IMAGE_TINY,
    network=TINY_NETWORK,
    frames=16,
    discriminator=6,
    plans={
        "autoencoder": Plan(1_000, 16, 3e-3),
        "images": Plan(1_500, 32, 2e-3),
        "temporal layers": Plan(1_000, 8, 2e-3),
        "decoder": Plan(200, 2, 1e-3),
        "interpolation": Plan(1_000, 8, 2e-3),
    },
    noised=50,
    ema=0.995,
    sampling_steps=16,
)
"""Ours, for two cores of a CPU; steps and rates are first guesses. Known frames have little noise: nothing tells how
much, and there are few steps to find out in."""
