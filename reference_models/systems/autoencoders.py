"""The autoencoders of the systems of latent space, as presets: "forward" encodes a video and decodes it again."""

from collections.abc import Callable

from vidgauge.reference_models.autoencoders import sizes
from vidgauge.reference_models.autoencoders.autoencoder import Autoencoder
from vidgauge.reference_models.autoencoders.causal import CausalAutoencoder
from vidgauge.reference_models.autoencoders.image import ImageAutoencoder
from vidgauge.reference_models.autoencoders.temporal_decoder import VideoAutoencoder
from vidgauge.reference_models.systems import SYSTEMS, Preset, Stated


def _register(name: str, summary: str, make: Callable[[], Autoencoder], stated: Stated | None = None) -> None:
    SYSTEMS.register(name)(Preset(summary, "video_bcthw", make, stated))


_84_MILLION = Stated(84e6, "secondary", "Align your Latents' table of sizes; Stable Diffusion's own has 83.65 M")

_register(
    "video-ldm/autoencoder",
    "Stable Diffusion's image autoencoder, f = 8: each frame for itself",
    lambda: ImageAutoencoder(sizes.STABLE_DIFFUSION),
    _84_MILLION,
)
_register(
    "video-ldm/video-autoencoder",
    "the same with temporal layers in its decoder",
    lambda: VideoAutoencoder(sizes.STABLE_DIFFUSION),
)
_register(
    "video-ldm/small-autoencoder",
    "images of 32x32 to 8x8x4 for one GPU",
    lambda: ImageAutoencoder(sizes.IMAGE_SMALL),
)
_register(
    "video-ldm/tiny-autoencoder",
    "images of 32x32 to 8x8x4 for two cores",
    lambda: ImageAutoencoder(sizes.IMAGE_TINY),
)
_register(
    "video-ldm/tiny-video-autoencoder",
    "the same with temporal layers in its decoder",
    lambda: VideoAutoencoder(sizes.IMAGE_TINY),
)
_register(
    "walt/autoencoder",
    "causal in time, 17x128x128 to 5x16x16x8, and images",
    lambda: CausalAutoencoder(sizes.WALT),  # no paper prints its size
)
_register(
    "walt/small-autoencoder",
    "causal in time, 17x32x32 to 5x8x8x8 for one GPU",
    lambda: CausalAutoencoder(sizes.CAUSAL_SMALL),
)
_register(
    "walt/tiny-autoencoder",
    "causal in time, 17x32x32 to 5x8x8x8 for two cores",
    lambda: CausalAutoencoder(sizes.CAUSAL_TINY),
)
