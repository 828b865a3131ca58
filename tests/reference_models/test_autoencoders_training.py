"""What autoencoders are trained for: divergence, adversaries, normalisation of latents, and phases of a pipeline."""

import hashlib
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.autoencoder import Autoencoder, Posterior
from vidgauge.reference_models.autoencoders.causal import CausalAutoencoder
from vidgauge.reference_models.autoencoders.discriminator import (
    PatchDiscriminator,
    adversarial_loss,
    discriminator_loss,
    generator_loss,
)
from vidgauge.reference_models.autoencoders.image import ImageAutoencoder
from vidgauge.reference_models.autoencoders.normalisation import LatentNormalisation
from vidgauge.reference_models.autoencoders.objective import autoencoder_loss, decoder_loss, divergence
from vidgauge.reference_models.autoencoders.sizes import CausalSize, ImageSize
from vidgauge.reference_models.autoencoders.temporal_decoder import VideoAutoencoder
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.trainer import Course

IMAGE = ImageSize(grid=(3, 16, 16), base=8, multipliers=(1, 2, 2), blocks=1, groups=2, scale=None)
CAUSAL = CausalSize(grid=(5, 16, 16), base=8, multipliers=(1, 2, 2), blocks=1, latent_channels=4, groups=2, up_kernel=1)


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_divergence_is_that_of_normal_distributions() -> None:
    moments = drawn(2, 6, 1, 4, 4).double()
    posterior = Posterior.of(moments)
    normal = Normal(moments[:, :3], (moments[:, 3:] / 2).exp())
    expected = kl_divergence(normal, Normal(0.0, 1.0))
    torch.testing.assert_close(posterior.divergence(), expected, rtol=1e-10, atol=1e-10)
    video = torch.zeros(2, 3, 1, 8, 8)
    torch.testing.assert_close(divergence(posterior, video), expected.sum() / video.numel())
    assert Posterior.of(torch.full((1, 2, 1, 1, 1), 1e9)).sample(seeded()).isfinite().all()


def test_draws_follow_from_the_generator_and_have_the_moments() -> None:
    posterior = Posterior(torch.full((1, 1, 1, 100, 100), 2.0), torch.full((1, 1, 1, 100, 100), -1.0))
    latents = posterior.sample(seeded())
    assert torch.equal(latents, posterior.sample(seeded()))
    assert latents.mean().item() == pytest.approx(2, abs=0.03)
    assert latents.std().item() == pytest.approx(torch.tensor(-0.5).exp().item(), abs=0.03)
    network = ImageAutoencoder(IMAGE)
    video = drawn(1, 3, 2, 8, 8)
    draw = network.posterior(video).sample(seeded(3))
    assert torch.equal(network.encode(video, seeded(3)), network.normalisation(draw))


def test_normalised_latents_have_unit_scale() -> None:
    z = drawn(6, 3, 2, 4, 4) * torch.tensor([0.1, 5.0, 1.0]).view(3, 1, 1, 1) + 7
    at_once, piecewise = LatentNormalisation(3).fit_([z]), LatentNormalisation(3).fit_([z[:1], z[1:5], z[5:]])
    torch.testing.assert_close(piecewise.state_dict(), at_once.state_dict(), rtol=1e-5, atol=1e-5)
    latents = at_once(z)
    torch.testing.assert_close(latents.mean((0, 2, 3, 4)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(latents.std((0, 2, 3, 4), correction=0), torch.ones(3), rtol=1e-5, atol=0)
    torch.testing.assert_close(at_once.undone(latents), z)
    torch.testing.assert_close(at_once.fit_([z[:2]]).state_dict(), LatentNormalisation(3).fit_([z[:2]]).state_dict())
    torch.testing.assert_close(LatentNormalisation.scaled(3, 0.18215)(z), 0.18215 * z)


def test_losses_of_adversaries() -> None:
    real, found = torch.tensor([2.0, -1.0]), torch.tensor([-2.0, 0.5])
    assert discriminator_loss(real, found, "hinge").item() == pytest.approx((2 / 2 + 1.5 / 2) / 2)
    assert generator_loss(found, "hinge").item() == pytest.approx(0.75)
    judged_real, judged_found = torch.sigmoid(real), torch.sigmoid(found)
    expected = -judged_real.log().mean() - (1 - judged_found).log().mean()
    torch.testing.assert_close(discriminator_loss(real, found, "non-saturating"), expected)
    torch.testing.assert_close(generator_loss(found, "non-saturating"), -judged_found.log().mean())


def test_each_side_learns_from_its_own_loss_alone() -> None:
    discriminator, real = PatchDiscriminator(4, 2), drawn(2, 3, 3, 8, 8)
    found = drawn(2, 3, 3, 8, 8, seed=2).requires_grad_()
    parameters = list(discriminator.parameters())
    loss = adversarial_loss(discriminator, real, found, "hinge", 0.5)
    of_found, *of_parameters = torch.autograd.grad(loss, [found, *parameters])
    (expected,) = torch.autograd.grad(0.5 * generator_loss(discriminator(found), "hinge"), found)
    torch.testing.assert_close(of_found, expected)
    own = discriminator_loss(discriminator(real), discriminator(found), "hinge")
    torch.testing.assert_close(of_parameters, list(torch.autograd.grad(own, parameters)))


def test_the_discriminator_judges_patches_of_clips() -> None:
    discriminator = PatchDiscriminator(4, 2)
    video = drawn(2, 3, 5, 16, 16).requires_grad_()
    logits = discriminator(video)
    assert logits.shape == (2, 1, 5, 4, 4)
    first, norms = nn.Sequential(*list(discriminator.parts)[:2]), discriminator.parts[3]
    assert isinstance(norms, nn.GroupNorm)
    (gradient,) = torch.autograd.grad(first(video)[:, :, 2].sum(), video)
    assert (gradient.abs().amax((0, 1, 3, 4)) > 0).tolist() == [False, True, True, True, False]
    for wrong in (drawn(10, 3, 16, 16), drawn(2, 5, 3, 16, 16)):
        with pytest.raises(UsageError, match=r"video_bcthw \(B, 3, T, H, W\)"):
            discriminator(wrong)


@pytest.mark.parametrize("network", [ImageAutoencoder(IMAGE), CausalAutoencoder(CAUSAL)], ids=["image", "causal"])
def test_every_part_learns_and_reconstructions_get_better(network: Autoencoder) -> None:
    video = Shapes().draw(1, 5, 16, 16, 1, seeded()).video_bcthw
    optimizer, unseen = torch.optim.Adam(network.parameters(), lr=1e-2), set(dict(network.named_parameters()))
    losses = []
    for step in range(15):
        optimizer.zero_grad()
        loss = autoencoder_loss(network, video, seeded(step), kl_weight=1e-4)
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves this one untyped
        unseen -= {name for name, x in network.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
        optimizer.step()
    assert not unseen
    assert losses[-1] < 0.7 * losses[0]


class Trained(Pipeline):
    """An image autoencoder that is then taught time."""

    frames, height, width, fps = 3, 16, 16, 8.0

    def __init__(self) -> None:
        super().__init__()
        self.autoencoder, self.discriminator = VideoAutoencoder(IMAGE), PatchDiscriminator(4, 2)

    def phases(self) -> Sequence[Phase]:
        whole, judge = ("autoencoder.encoder", "autoencoder.moments", "autoencoder.decoder"), "discriminator"
        return (
            Phase("images", (*whole, "autoencoder.unfolding", judge), self._image_loss, 3, 4, 1e-2),
            Phase("decoder", ("autoencoder.temporal", judge), self._decoder_loss, 3, 2, 1e-2),
        )

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        raise NotImplementedError

    def _image_loss(self, step: Step) -> Tensor:
        video = step.images(height=16, width=16).video_bcthw
        return autoencoder_loss(self.autoencoder, video, step.generator, discriminator=self.discriminator)

    def _decoder_loss(self, step: Step) -> Tensor:
        video = step.clips(frames=3, height=16, width=16).video_bcthw
        judge = self.discriminator
        return decoder_loss(self.autoencoder, video, step.generator, discriminator=judge, adversary="non-saturating")


def digests(module: nn.Module) -> dict[str, str]:
    return {name: hashlib.sha256(x.numpy().tobytes()).hexdigest() for name, x in module.state_dict().items()}


def test_phases_and_the_decoders_leaves_all_but_time_as_it_is() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = Trained()
        images, decoder = pipeline.phases()
        changed = []
        for phase in (images, decoder):
            before, course = digests(pipeline), Course(pipeline, phase, phase.steps, seed=0)
            for number in range(phase.steps):
                course.step(number, Shapes(), "cpu")
            after = digests(pipeline)
            changed.append({name for name in before if before[name] != after[name]})
    trained = {name.split(".")[0 if name.startswith("discriminator") else 1] for name in changed[0]}
    assert trained == {"encoder", "moments", "decoder", "unfolding", "discriminator"}
    assert changed[1] == {name for name, _ in pipeline.named_parameters() if "temporal" in name or "discr" in name}
