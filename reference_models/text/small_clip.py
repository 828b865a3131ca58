"""A small pair of image and text encoders in one space, for Make-A-Video: what CLIP is to it, at toy size.

Not the CLIP that measures: another architecture, other weights, other seeds.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vidgauge.reference_models.text.encoder import Text
from vidgauge.reference_models.text.word_encoder import WordEncoder


class SmallClip(nn.Module):
    """Images and captions as unit vectors that lie together where they belong together (arXiv 2103.00020, figure 3).

    Args:
        dimension: d of the vectors.
        side: images are brought to that many pixels, squeezed to a square.
        length: most words of a caption.
    """

    def __init__(self, dimension: int = 32, *, side: int = 32, length: int = 16) -> None:
        super().__init__()
        self.dimension, self.side = dimension, side
        self.words = WordEncoder(32, dimension, length=length)
        self.pixels = nn.Sequential(*_halving(3, 24), *_halving(24, 40), *_halving(40, 64))
        self.project = nn.Linear(64, dimension)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # CLIP's own start

    @property
    def scale(self) -> float:
        """What diffusion priors multiply unit vectors by, so that entries have about unit variance.

        unCLIP has 17.2 for its CLIP [P]; sqrt(d) is ours.
        """
        return math.sqrt(self.dimension)

    def image(self, images_bchw: Tensor) -> Tensor:
        """Unit vectors (B, d) of images, float in [-1, 1], of any size."""
        size = (self.side, self.side)
        if images_bchw.shape[2:] != size:
            images_bchw = F.interpolate(images_bchw, size, mode="bilinear", antialias=True)
        return F.normalize(self.project(self.pixels(images_bchw).mean((2, 3))), dim=1)

    def text(self, captions: Sequence[str]) -> Text:
        """Captions: ``pooled_bc`` is the unit vector (B, d), ``tokens_bnc`` what the prior may see of their words."""
        text: Text = self.words(captions)
        return Text(text.tokens_bnc, text.mask_bn, F.normalize(text.pooled_bc, dim=1))

    def nothing(self, batch: int) -> Text:
        """The null text."""
        return self.words.nothing(batch)

    def loss(self, images_bchw: Tensor, captions: Sequence[str]) -> Tensor:
        """Symmetric contrastive loss: which caption is the image's, and which image the caption's, among the batch."""
        scale = self.log_scale.exp().clamp(max=100)  # as in CLIP's section 2.5
        similarity = scale * self.image(images_bchw) @ self.text(captions).pooled_bc.T
        own = torch.arange(len(captions), device=similarity.device)
        return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2


def _halving(into: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(into, out, 3, stride=2, padding=1), nn.GroupNorm(8, out), nn.SiLU()]
