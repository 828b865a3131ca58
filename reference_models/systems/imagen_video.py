"""Imagen Video (Ho et al., arXiv 2210.02303): text to 128 frames of 1280 x 768 by a cascade of seven models.

Read beside the paper's section 2. The networks are this file; around them, in ``reference_models/imagen_video``:

- ``cascade.py``: text and seven models in a row;
- ``stage.py``: one of them, v and its loss, noise on the low resolution, images beside videos and guidance
  that oscillates;
- ``block.py``: what mixes frames, and how images in the place of frames are kept apart;
- ``distilling.py``: half as many steps;
- ``sizes.py``: all numbers.

The paper prints sizes of networks and shapes of videos, but no widths, no depths, no rates. Channels and blocks are
reconstructions: Imagen's networks at the widths at which the published sizes come out.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import nn

from vidgauge.reference_models.imagen_video.block import Block, Given
from vidgauge.reference_models.imagen_video.cascade import Cascade
from vidgauge.reference_models.imagen_video.place_norm import norm_places
from vidgauge.reference_models.imagen_video.sizes import PAPER, SMALL, TINY, Plan, Size
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, PipelinePreset, Preset, Stated
from vidgauge.reference_models.text import TextEncoder, WordEncoder
from vidgauge.reference_models.unet.embedding import LOG_SNR_SCALE, Sinusoid, perceptron
from vidgauge.reference_models.unet.parts import SpatialParts
from vidgauge.reference_models.unet.residual import ResidualBlock
from vidgauge.reference_models.unet.skeleton import InTurn, UNet


class ImagenVideoUNet(System):
    """The video U-Net, one for all seven models.

    Args:
        size: of this one.
    """

    takes = "video_bcthw"
    in_channels = 3

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size, self.grid = size, size.grid
        embedding = 4 * size.base
        self.sinusoid = Sinusoid(size.base)
        self.embed_level = perceptron(size.base, embedding, 2)
        self.embed_text = nn.Sequential(nn.LayerNorm(size.words), nn.Linear(size.words, embedding))
        self.embed_augmentation = perceptron(size.base, embedding, 2) if size.low else None
        self.unet = UNet(
            (6 if size.low else 3, 3),
            [width for width, _ in size.levels],
            [count for _, count in size.levels],
            _Parts(size, embedding),
            skip_scale=0.5**0.5 if size.efficient else 1.0,
        )
        if size.places:
            norm_places(self.unet)

    def forward(
        self,
        z_bcthw: torch.Tensor,
        told_b: torch.Tensor,
        tokens_bnc: torch.Tensor,
        mask_bn: torch.Tensor,
        pooled_bc: torch.Tensor,
        low_bcthw: torch.Tensor | None = None,
        augmentation_b: torch.Tensor | None = None,
        images_b: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Predict v, of the shape of z.

        All that is told of a clip comes once for each clip, or once for each frame: images packed into a sequence have
        a noise level and a caption of their own.
        """
        batch, _ = self.split(z_bcthw.shape)
        embedding = self.embed_level(self.sinusoid(LOG_SNR_SCALE * told_b)) + self.embed_text(pooled_bc)
        if self.embed_augmentation is not None:
            assert low_bcthw is not None
            assert augmentation_b is not None
            embedding = embedding + self.embed_augmentation(self.sinusoid(LOG_SNR_SCALE * augmentation_b))
            z_bcthw = torch.cat([z_bcthw, low_bcthw], dim=1)
        given = Given(embedding.unflatten(0, (batch, -1)), tokens_bnc, mask_bn, images_b)
        out: torch.Tensor = self.unet(z_bcthw, given)
        return out

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Log-SNR, 128 words and their mean; low resolution and its log-SNR where it takes one."""
        batch, words = shape[0], 128

        def drawn(*size: int) -> torch.Tensor:
            return torch.randn(size, generator=generator, device=generator.device)

        mask = torch.ones(batch, words, dtype=torch.bool, device=generator.device)
        given = (drawn(batch), drawn(batch, words, self.size.words), mask, drawn(batch, self.size.words))
        return (*given, drawn(*shape), drawn(batch)) if self.size.low else given


class _Parts(SpatialParts):
    """Of the U-Net: Imagen's, with what mixes frames at the end of each block."""

    def __init__(self, size: Size, embedding: int) -> None:
        self.size, self.embedding = size, embedding

    def block(self, level: int, channels: int, out_channels: int) -> Block:
        """Fig. 7."""
        size = self.size
        level -= size.efficient
        mixes = size.time == "convolution" or level in size.space
        return Block(
            channels,
            out_channels,
            self.embedding,
            text_channels=size.words if level in size.text else 0,
            head_channels=size.head,
            space=level in size.space,
            time=size.time if mixes else None,
            max_frames=size.grid[0],
        )

    def middle(self, channels: int) -> nn.Module:
        """A block as those of the lowest level and a residual block (not stated; ours, as ADM)."""
        lowest = len(self.size.levels) - 1
        last = ResidualBlock(channels, channels, self.embedding, scale_shift=True)
        return InTurn([self.block(lowest, channels, channels), last])


def cascade(plans: Mapping[str, Plan], encoder: TextEncoder, fps: float, *, distilled: bool = False) -> Cascade:
    """Any of those in ``imagen_video.sizes``; the paper's is ``cascade(PAPER, t5("google/t5-v1_1-xxl"), 24)``."""
    stages = {name: (ImagenVideoUNet(size), recipe, training) for name, (size, recipe, training) in plans.items()}
    return Cascade(stages, encoder, fps, distilled=distilled)


def _of_words(plans: Mapping[str, Plan], *, distilled: bool = False) -> Cascade:
    """With a text encoder of our own, trained with the first model."""
    return cascade(plans, WordEncoder(plans["base"].size.words), fps=8.0, distilled=distilled)


def _register(name: str, size: Size, stated: Stated | None = None) -> None:
    frames, height, width = size.grid
    summary = f"Imagen Video, {name}: {frames} frames of {width} x {height}"
    preset = Preset(summary, "video_bcthw", partial(ImagenVideoUNet, size), stated)
    SYSTEMS.register(f"imagen-video/{name}")(preset)


_STATED = {"base": 5.6e9, "tsr1": 1.7e9, "ssr1": 1.4e9, "ssr2": 1.2e9, "tsr2": 780e6, "tsr3": 630e6, "ssr3": 340e6}
for _name, _plan in PAPER.items():
    _register(
        _name, _plan.size, Stated(_STATED[_name], "secondary", "the paper's size; widths and depths reconstructed")
    )
for _system, _plans in (("small", SMALL), ("tiny", TINY)):
    for _name, _plan in _plans.items():
        _register(f"{_system}-{_name}", _plan.size)

PIPELINES.register("imagen-video/small")(
    PipelinePreset("Imagen Video, four models: 16 frames of 64 x 64", partial(_of_words, SMALL))
)
PIPELINES.register("imagen-video/tiny")(
    PipelinePreset("Imagen Video, three models: 16 frames of 32 x 32", partial(_of_words, TINY))
)
PIPELINES.register("imagen-video/tiny-distilled")(
    PipelinePreset("the same, with half the steps learnt at last", partial(_of_words, TINY, distilled=True))
)
