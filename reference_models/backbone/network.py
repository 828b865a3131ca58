"""The backbone: a U-Net on patches of pixels, of which the design says the convolutions and the attention."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vidgauge.reference_models.backbone.attention import Given, attention
from vidgauge.reference_models.backbone.convolutions import convolution
from vidgauge.reference_models.backbone.design import Design
from vidgauge.reference_models.make_a_video.pseudo import TimeSwitch
from vidgauge.reference_models.system import System
from vidgauge.reference_models.transformer.patches import from_patches, patches
from vidgauge.reference_models.unet.embedding import LOG_SNR_SCALE, Sinusoid, perceptron
from vidgauge.reference_models.unet.parts import SpatialParts
from vidgauge.reference_models.unet.residual import ResidualBlock
from vidgauge.reference_models.unet.skeleton import InTurn, UNet


class Backbone(System):
    """x of a clip, or of an image: a clip of one frame, for which all that is over time alone is left out.

    What is over time alone is in submodules called ``time``, as in ``video_ldm``. Of ``conv3d``, ``conv2plus1d``, full
    and window attention no such part can be taken out; on one frame they have only that frame to see.

    Args:
        design: its layers and sizes.
    """

    takes = "video_bcthw"

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design, self.grid, self.in_channels = design, design.grid, 3
        self.switch = TimeSwitch()
        self.sinusoid = Sinusoid(design.embedding)
        self.embed, self.time = (perceptron(design.embedding, design.embedding, 2) for _ in range(2))
        widths, numbers = design.widths, 3 * design.patch**2
        self.unet = UNet((numbers, numbers), widths, [1] * len(widths), Parts(design, self.switch))

    def forward(
        self, z_bcthw: Tensor, log_snr_b: Tensor, text_be: Tensor | None = None, time_text_be: Tensor | None = None
    ) -> Tensor:
        """(B, 3, T, H, W) to the same, x.

        Args:
            z_bcthw: noisy frames; one alone is an image. Height and width are multiples of the patch.
            log_snr_b: how noisy.
            text_be: the caption as one vector; zeros, as without it, are the unconditional model.
            time_text_be: the same by the encoder of the layers over time.
        """
        self.split(z_bcthw.shape)
        level_be = self.sinusoid(LOG_SNR_SCALE * log_snr_b)
        embeddings = (
            embed(level_be if text is None else level_be + text)
            for embed, text in ((self.embed, text_be), (self.time, time_text_be))
        )
        tokens_bcthw = patches(z_bcthw, self.design.patch).movedim(-1, 1)
        with self.switch.set(z_bcthw.shape[2] > 1):
            found = self.unet(tokens_bcthw, Given(*embeddings))
        return from_patches(found.movedim(1, -1), self.design.patch)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """A log-SNR for each clip, and its caption twice."""
        log_snr_b = 40 * torch.rand(shape[0], generator=generator, device=generator.device) - 20
        size = (shape[0], self.design.embedding)
        texts = (torch.randn(size, generator=generator, device=generator.device) for _ in range(2))
        return log_snr_b, *texts


class Parts(SpatialParts):
    """Blocks with the design's convolutions and attention, and between them what all members share."""

    def __init__(self, design: Design, switch: TimeSwitch) -> None:
        self.design, self.switch = design, switch

    def block(self, level: int, channels: int, out_channels: int) -> nn.Module:
        """A residual block, and attention after it."""
        return Block(self.design, self.switch, channels, out_channels, level)

    def middle(self, channels: int) -> nn.Module:
        """Block, attention, block."""
        levels = (len(self.design.widths) - 1, None)
        return InTurn([Block(self.design, self.switch, channels, channels, level) for level in levels])


class Block(nn.Module):
    """A residual block and, with a level of attention, attention after it."""

    def __init__(
        self, design: Design, switch: TimeSwitch, channels: int, out_channels: int, attends_at: int | None
    ) -> None:
        super().__init__()
        convolve = convolution(design.convolutions, switch)
        self.residual = ResidualBlock(channels, out_channels, design.embedding, convolve)
        self.attention: nn.Module | None = None
        if attends_at is not None:
            side = design.grid[1] // design.patch >> attends_at
            self.attention = attention(design, out_channels, side, switch)

    def forward(self, video_bcthw: Tensor, given: Given) -> Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H, W)."""
        video_bcthw = self.residual(video_bcthw, given)
        return video_bcthw if self.attention is None else self.attention(video_bcthw, given)
