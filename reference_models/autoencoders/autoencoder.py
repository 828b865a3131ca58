"""What every autoencoder is: a video in, a distribution of latents; latents in, a video."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.normalisation import LatentNormalisation
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layer import check_counts
from vidgauge.reference_models.system import System

LOG_VARIANCES = (-30.0, 20.0)
"""What log-variances are kept between, as in the code of latent diffusion (the paper does not say)."""


@dataclass(frozen=True)
class Posterior:
    """q(z | x): a normal distribution for each number of the latents, all independent (arXiv 1312.6114, section 3)."""

    mean: Tensor
    """(B, c, T', h, w)."""
    log_variance: Tensor
    """The same shape."""

    @classmethod
    def of(cls, moments: Tensor) -> "Posterior":
        """From an encoder's output (B, 2 c, T', h, w): means, then log-variances."""
        mean, log_variance = moments.chunk(2, dim=1)
        return cls(mean, log_variance.clamp(*LOG_VARIANCES))

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw latents. The noise is drawn on the generator's device, so it is the same wherever the latents are."""
        noise = torch.randn(self.mean.shape, generator=generator, device=generator.device).to(self.mean)
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def divergence(self) -> Tensor:
        """KL(q || N(0, I)) in nats of each number of the latents: 1/2 (mean^2 + variance - 1 - log variance)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)


class Autoencoder(System):
    """Latents are taken and given as diffusion models want them: ``normalisation`` brings each channel to unit scale.

    ``posterior`` and ``reconstruct`` work on the latents before that; training needs no more.
    """

    takes = "video_bcthw"
    in_channels = 3
    latent_channels: int
    """c."""
    normalisation: LatentNormalisation

    @abstractmethod
    def latent_grid(self, grid: Grid) -> Grid:
        """T', h, w of the latents of a video of T, H, W.

        Raises:
            UsageError: where it cannot take that grid.
        """

    @abstractmethod
    def posterior(self, video_bcthw: Tensor) -> Posterior:
        """Encode (B, 3, T, H, W) in [-1, 1]; latents before normalisation."""

    @abstractmethod
    def reconstruct(self, z_bcthw: Tensor) -> Tensor:
        """Decode latents before normalisation, (B, c, T', h, w), to (B, 3, T, H, W)."""

    def encode(self, video_bcthw: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Normalised latents (B, c, T', h, w) of a video (B, 3, T, H, W) in [-1, 1]: means, or draws of a generator."""
        posterior = self.posterior(video_bcthw)
        latents: Tensor = self.normalisation(posterior.mean if generator is None else posterior.sample(generator))
        return latents

    def decode(self, latents_bcthw: Tensor) -> Tensor:
        """Normalised latents to a video (B, 3, T, H, W), about [-1, 1]."""
        return self.reconstruct(self.normalisation.undone(latents_bcthw))

    @abstractmethod
    def reconstruct_slices(self, z_bcthw: Tensor, at_once: int) -> Iterator[Tensor]:
        """What ``reconstruct`` gives, so many latent frames at a time: videos (B, 3, t, H, W), one after the other."""

    def decode_slices(self, latents_bcthw: Tensor, at_once: int) -> Iterator[Tensor]:
        """What ``decode`` gives (but for rounding), so many latent frames at a time: memory for those alone is needed.

        Raises:
            UsageError: where that is less than one.
        """
        check_counts(at_once=at_once)
        return self.reconstruct_slices(self.normalisation.undone(latents_bcthw), at_once)

    @property
    def measured(self) -> bool:
        """Whether the normalisation was fitted to latents; then it stays, for what is trained on them rests on it."""
        return bool(self.normalisation.count)

    def forget_(self) -> None:
        """Have them measured again: before the autoencoder itself is trained."""
        self.normalisation.count.zero_()

    @torch.no_grad()
    def measure_(self, videos: Iterable[Tensor]) -> None:
        """Fit the normalisation to the latents of some videos, (B, 3, T, H, W) each."""
        self.normalisation.fit_([self.posterior(video_bcthw).mean for video_bcthw in videos])

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, 3, T, H, W) to the same: encoded to means, decoded again."""
        return self.reconstruct(self.posterior(video_bcthw).mean)


def halved(name: str, extent: int, factor: int) -> int:
    """Extent of the latents along height or width.

    Raises:
        UsageError: where the factor does not divide it.
    """
    if extent % factor:
        nearest = max(1, extent // factor) * factor
        raise UsageError(f"{name} is {extent}; this autoencoder divides it by {factor}: use {nearest}, say")
    return extent // factor
