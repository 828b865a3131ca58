"""What autoencoders are trained for: losses that the phases of a pipeline use.

No perceptual loss (LPIPS) is among them, which all the papers have: it needs the weights of another network.
"""

import torch
from torch import Tensor

from vidgauge.reference_models.autoencoders.autoencoder import Autoencoder, Posterior
from vidgauge.reference_models.autoencoders.discriminator import Adversary, PatchDiscriminator, adversarial_loss
from vidgauge.reference_models.autoencoders.temporal_decoder import VideoAutoencoder

KL_WEIGHT = 1e-6
"""Of the divergence: latent diffusion's, for losses summed over a video (arXiv 2112.10752, appendix G)."""


def divergence(posterior: Posterior, video_bcthw: Tensor) -> Tensor:
    """KL in nats for each number of the video, so that its weight beside a mean error is that of the sums."""
    return posterior.divergence().sum() / video_bcthw.numel()


def autoencoder_loss(
    autoencoder: Autoencoder,
    video_bcthw: Tensor,
    generator: torch.Generator,
    *,
    kl_weight: float = KL_WEIGHT,
    discriminator: PatchDiscriminator | None = None,
    adversary: Adversary = "hinge",
    adversarial_weight: float = 0.1,
) -> Tensor:
    """Mean absolute error of the reconstruction from drawn latents, a little divergence and, if there is one, a judge.

    Args:
        autoencoder: any.
        video_bcthw: what it is to encode, in [-1, 1].
        generator: draws latents.
        kl_weight: of ``divergence``.
        discriminator: must be trained in the same phase; without it there is no adversarial loss.
        adversary: its kind of loss.
        adversarial_weight: MAGVIT-v2's 0.1, from summaries.
    """
    posterior = autoencoder.posterior(video_bcthw)
    found = autoencoder.reconstruct(posterior.sample(generator))
    loss = (found - video_bcthw).abs().mean() + kl_weight * divergence(posterior, video_bcthw)
    if discriminator is not None:
        loss = loss + adversarial_loss(discriminator, video_bcthw, found, adversary, adversarial_weight)
    return loss


def decoder_loss(
    autoencoder: VideoAutoencoder,
    video_bcthw: Tensor,
    generator: torch.Generator,
    *,
    discriminator: PatchDiscriminator | None = None,
    adversary: Adversary = "hinge",
    adversarial_weight: float = 0.1,
) -> Tensor:
    """Of the decoder that is taught time: no gradient reaches the encoder, and there is no divergence to keep small.

    Its phase trains ``autoencoder.temporal`` ("additional temporal layers for the autoencoder's decoder, which we
    finetune on video data") and the discriminator. Arguments are those of ``autoencoder_loss``.
    """
    with torch.no_grad():
        z_bcthw = autoencoder.posterior(video_bcthw).sample(generator)
    found = autoencoder.reconstruct(z_bcthw)
    loss = (found - video_bcthw).abs().mean()
    if discriminator is not None:
        loss = loss + adversarial_loss(discriminator, video_bcthw, found, adversary, adversarial_weight)
    return loss
