"""A discriminator of 3-D convolutions that judges patches of a video, and how it teaches and is taught.

Align your Latents (arXiv 2304.08818, section 3.1.1) fine-tunes the image decoder against "a (patch-wise) temporal
discriminator built from 3D convolutions"; its size is not stated, nor its loss. Ours: the layers of the image
discriminator of latent diffusion (Isola et al., arXiv 1611.07004), with kernels of 3 x 3 x 3 and time never strided.
W.A.L.T. has MAGVIT-v2's discriminator in StyleGAN's manner, with blurred pooling, R1 and LeCam: not here.
"""

from typing import Literal

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.layers.conv3d import Conv3d
from vidgauge.reference_models.unet.norm import norm_groups

Adversary = Literal["hinge", "non-saturating"]
"""- ``hinge``: Lim and Ye, arXiv 1705.02894; what the code of latent diffusion trains its autoencoders with (its paper
  writes logarithms, appendix G), and so what we take for Align your Latents, which does not say.
- ``non-saturating``: Goodfellow et al., arXiv 1406.2661; MAGVIT-v2's and so W.A.L.T.'s, weight 0.1 (from summaries).
"""


class PatchDiscriminator(nn.Module):
    """(B, 3, T, H, W) to one logit for each patch, (B, 1, T, H / 2^n, W / 2^n): high where the video looks real.

    Args:
        base: channels after the first convolution; twice as many after each further one, up to eight times.
        layers: n, convolutions with stride 2 along height and width.
    """

    def __init__(self, base: int = 64, layers: int = 3) -> None:
        super().__init__()
        widths = [base * min(2**layer, 8) for layer in range(layers + 1)]
        parts: list[nn.Module] = [Conv3d(3, widths[0], stride=(1, 2, 2)), nn.LeakyReLU(0.2)]
        for layer in range(1, layers + 1):
            stride = (1, 2, 2) if layer < layers else (1, 1, 1)
            convolution = Conv3d(widths[layer - 1], widths[layer], stride=stride, bias=False)
            norm = nn.GroupNorm(norm_groups(widths[layer]), widths[layer])
            parts += [convolution, norm, nn.LeakyReLU(0.2)]
        self.parts = nn.Sequential(*parts, Conv3d(widths[-1], 1))

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """Judge whole clips.

        Raises:
            UsageError: where it is not given (B, 3, T, H, W), frames of images such as (B T, 3, H, W) above all.
        """
        if video_bcthw.ndim != 5 or video_bcthw.shape[1] != 3:
            raise UsageError(f"the discriminator takes video_bcthw (B, 3, T, H, W), not {tuple(video_bcthw.shape)}")
        logits: Tensor = self.parts(video_bcthw)
        return logits


def adversarial_loss(
    discriminator: PatchDiscriminator, real_bcthw: Tensor, found_bcthw: Tensor, kind: Adversary, weight: float
) -> Tensor:
    """One scalar that trains both sides at once, as ``Phase`` wants it: each side's gradient is its own loss's alone.

    Args:
        discriminator: learns from the unweighted loss, with the reconstruction taken as it is.
        real_bcthw: what was encoded.
        found_bcthw: its reconstruction, which learns from a discriminator that is taken as it is.
        kind: of loss.
        weight: of what the reconstruction is told. Latent diffusion's code adapts it to the gradients; ours is fixed.
    """
    as_it_is = {name: parameter.detach() for name, parameter in discriminator.named_parameters()}
    judged = functional_call(discriminator, as_it_is, (found_bcthw,))
    loss = discriminator_loss(discriminator(real_bcthw), discriminator(found_bcthw.detach()), kind)
    return weight * generator_loss(judged, kind) + loss


def discriminator_loss(real: Tensor, found: Tensor, kind: Adversary) -> Tensor:
    """From logits of real videos and of reconstructions."""
    if kind == "hinge":
        return (functional.relu(1 - real).mean() + functional.relu(1 + found).mean()) / 2
    return functional.softplus(-real).mean() + functional.softplus(found).mean()


def generator_loss(found: Tensor, kind: Adversary) -> Tensor:
    """From logits of reconstructions."""
    return -found.mean() if kind == "hinge" else functional.softplus(-found).mean()
