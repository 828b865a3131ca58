"""Align your Latents (Blattmann et al., arXiv 2304.08818): temporal layers in the U-Net of a frozen image model.

The image model is Stable Diffusion's; all it lacks is time. What the paper leaves open is marked "not stated; ours".
The temporal layers are in ``video_ldm/temporal.py``, which frames are known to a network in ``video_ldm/masks.py``,
what becomes of weights (frozen, moved to another image model, taken over from one) in ``video_ldm/weights.py`` and
``video_ldm/stable_diffusion.py``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.pattern import within
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, PipelinePreset, Preset, Stated
from vidgauge.reference_models.unet.embedding import Sinusoid, perceptron
from vidgauge.reference_models.unet.parts import SpatialParts
from vidgauge.reference_models.unet.residual import ResidualBlock
from vidgauge.reference_models.unet.skeleton import InTurn, UNet
from vidgauge.reference_models.video_ldm import recipes, sizes
from vidgauge.reference_models.video_ldm.given import Call, Given, Words
from vidgauge.reference_models.video_ldm.latent_video import LatentVideo
from vidgauge.reference_models.video_ldm.recipes import Recipe, UpscalingRecipe
from vidgauge.reference_models.video_ldm.sizes import Size
from vidgauge.reference_models.video_ldm.temporal import TemporalResidual
from vidgauge.reference_models.video_ldm.transformer import SpatialTransformer
from vidgauge.reference_models.video_ldm.upscaling import Upscaling

STEPS = 1000
"""Of the discrete diffusion, whose number the network is told."""
CONTEXT_CHANNELS = 8
"""Of c_S at the lower resolutions (not stated; ours): the interpolation model's 1509 M leave no room for more."""


VIDEO = Call()


class LatentUNet(System):
    """Section 3.1: the image model with temporal layers after each of its residual and spatial transformer blocks.

    Any number of frames, any height and width.

    Args:
        size: one of ``video_ldm.sizes``.
        temporal: whether it has temporal layers; without them its parameters are the image model's.
        given_channels: of frames that come with the latents, joined to their channels.
        context_channels: of c_S.
    """

    takes = "video_bcthw"

    def __init__(
        self, size: Size, *, temporal: bool = True, given_channels: int = 0, context_channels: int = 0
    ) -> None:
        super().__init__()
        self.size, self.grid, self.in_channels, self.temporal = size, size.grid, size.channels, temporal
        self.sinusoid, self.embed = Sinusoid(size.base), perceptron(size.base, size.embedding, 2)
        widths = [size.base * multiplier for multiplier in size.multipliers]
        parts = Parts(size, temporal, context_channels)
        self.unet = UNet((size.channels + given_channels, size.channels), widths, [size.blocks] * len(widths), parts)

    def run(
        self,
        z_bcthw: Tensor,
        embedding_be: Tensor,
        text_bnc: Tensor | None,
        call: Call,
        *,
        regime_be: Tensor | None = None,
        context: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """What all networks do: (B, C, T, H, W) to (B, ``size.channels``, T, H, W)."""
        if text_bnc is None:
            text_bnc = z_bcthw.new_zeros(len(z_bcthw), 0, self.size.text_channels)
        time_text_bnc = text_bnc if call.time_text_bnc is None else call.time_text_bnc
        given = Given(
            embedding_be,
            Words(text_bnc, call.text_mask_bn),
            embedding_be if regime_be is None else embedding_be + regime_be,
            Words(time_text_bnc, call.text_mask_bn),
            call.temporal,
            call.images_b,
            self.frame_mask(z_bcthw.shape[2], z_bcthw.device),
            context,
        )
        out: Tensor = self.unet(z_bcthw, given)
        return out

    def frame_mask(self, frames: int, device: torch.device) -> Tensor | None:
        """(T, T): frames at most ``frame_distance`` apart see each other, so that a model can make longer videos."""
        if frames <= self.size.frame_distance + 1:
            return None
        return within(frames, self.size.frame_distance).to(device)

    def told(self, step_b: Tensor) -> Tensor:
        """(B, E) from the numbers of diffusion steps."""
        embedding_be: Tensor = self.embed(self.sinusoid(step_b))
        return embedding_be

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """A step for each clip, and CLIP's 77 words."""
        step_b = torch.randint(STEPS, shape[:1], generator=generator, device=generator.device)
        size = (shape[0], 77, self.size.text_channels)
        return step_b, torch.randn(size, generator=generator, device=generator.device)


class VideoLdm(LatentUNet):
    """The model of key frames, and, without temporal layers, the image model."""

    def forward(self, z_bcthw: Tensor, step_b: Tensor, text_bnc: Tensor | None = None, call: Call = VIDEO) -> Tensor:
        """(B, C, T, H, W) to the same: the noise in it (Stable Diffusion 1.4), or whatever it is trained for.

        Args:
            z_bcthw: noisy latents.
            step_b: how noisy: numbers of steps, from 0.
            text_bnc: the words of each caption, n of them; none are 0 words.
            call: how.
        """
        self.split(z_bcthw.shape)
        return self.run(z_bcthw, self.told(step_b), text_bnc, call)


class MaskedVideoLdm(LatentUNet):
    """Section 3.2: prediction from frames before, or interpolation between key frames; both know some frames by a mask.

    c_S, made by ``masks.conditioning``, goes through learned down-sampling to each resolution and there
    to the temporal layers alone (how is not stated; ours: convolutions of stride 2). These have no biases, so that
    c_S = 0, no frame known, is the model without it: what context guidance needs.

    Args:
        size: one of ``video_ldm.sizes``.
        regimes: of interpolation, each with an embedding of its own, zero at first; told to temporal layers alone.
    """

    def __init__(self, size: Size, regimes: int = 0) -> None:
        super().__init__(size, context_channels=size.channels + 1)
        self.time = Conditioning(size, regimes)

    def forward(
        self,
        z_bcthw: Tensor,
        step_b: Tensor,
        text_bnc: Tensor | None = None,
        context_bcthw: Tensor | None = None,
        regime_b: Tensor | None = None,
        call: Call = VIDEO,
    ) -> Tensor:
        """As of ``VideoLdm``.

        Args:
            z_bcthw: noisy latents of all frames, known ones too.
            step_b: how noisy.
            text_bnc: words.
            context_bcthw: c_S, (B, C + 1, T, H, W); None where no frame is known.
            regime_b: int, which frame rates are interpolated; first come key frames.
            call: how.
        """
        self.split(z_bcthw.shape)
        if (self.time.regime is None) != (regime_b is None):
            raise UsageError("regime_b is for networks with regimes, which need it")
        context, regime_be = self.time(context_bcthw, regime_b)
        return self.run(z_bcthw, self.told(step_b), text_bnc, call, regime_be=regime_be, context=context)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """With a c_S, and a regime where there are any."""
        step_b, text_bnc = super().more_inputs(shape, generator)
        context = torch.randn(shape[0], shape[1] + 1, *shape[2:], generator=generator, device=generator.device)
        if self.time.regime is None:
            return step_b, text_bnc, context
        return step_b, text_bnc, context, torch.zeros(shape[0], dtype=torch.long, device=generator.device)


class Upscaler(LatentUNet):
    """Section 3.4: four times the height and width, frame by frame from the small video, and temporally aligned.

    It is trained on patches and, being convolutional, applied to whole frames. The small frames have noise, whose level
    it is told.

    Args:
        size: one of ``video_ldm.sizes``.
        temporal: as of every network here.
        levels: of the noise in the small frames.
    """

    small_channels = 3

    def __init__(self, size: Size, *, temporal: bool = True, levels: int = STEPS) -> None:
        super().__init__(size, temporal=temporal, given_channels=self.small_channels)
        self.embed_level = nn.Embedding(levels, size.embedding)

    def forward(
        self,
        z_bcthw: Tensor,
        step_b: Tensor,
        text_bnc: Tensor | None,
        small_bcthw: Tensor,
        level_b: Tensor,
        call: Call = VIDEO,
    ) -> Tensor:
        """As of ``VideoLdm``.

        Args:
            z_bcthw: noisy latents of the large video.
            step_b: how noisy.
            text_bnc: words.
            small_bcthw: the small video's noisy pixels, (B, 3, T, H, W): as many as there are latents.
            level_b: int, how noisy they are: numbers of steps.
            call: how.
        """
        self.split(z_bcthw.shape)
        embedding_be = self.told(step_b) + self.embed_level(level_b)
        return self.run(torch.cat([z_bcthw, small_bcthw], 1), embedding_be, text_bnc, call)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """With small frames and their noise level."""
        step_b, text_bnc = super().more_inputs(shape, generator)
        size = (shape[0], self.small_channels, *shape[2:])
        small = torch.randn(size, generator=generator, device=generator.device)
        levels = self.embed_level.num_embeddings
        return step_b, text_bnc, small, torch.randint(levels, shape[:1], generator=generator, device=generator.device)


class Parts(SpatialParts):
    """The parts of Stable Diffusion's U-Net with temporal layers between them, for ``unet.skeleton``."""

    def __init__(self, size: Size, temporal: bool, context_channels: int) -> None:
        self.size, self.temporal, self.context_channels = size, temporal, context_channels

    def context_at(self, level: int) -> int:
        """Channels of c_S at that resolution."""
        return CONTEXT_CHANNELS if self.context_channels and level else self.context_channels

    def block(self, level: int, channels: int, out_channels: int) -> nn.Module:
        """A residual block, and a transformer after it at some resolutions."""
        attends = 2**level in self.size.attention_at
        return Block(self, level, channels, out_channels, attends=attends)

    def middle(self, channels: int) -> nn.Module:
        """Block, transformer, block."""
        level = len(self.size.multipliers) - 1
        return InTurn([Block(self, level, channels, channels, attends=attends) for attends in (True, False)])


class Block(nn.Module):
    """Figure 4: residual block over space, then over time; with ``attends``, a transformer over space and time."""

    def __init__(self, parts: Parts, level: int, channels: int, out_channels: int, *, attends: bool) -> None:
        super().__init__()
        size, self.level = parts.size, level
        self.residual = ResidualBlock(channels, out_channels, size.embedding, dropout=size.dropout)
        self.time: TemporalResidual | None = None
        if parts.temporal:
            context = parts.context_at(level)
            self.time = TemporalResidual(out_channels, size.embedding, context, size.dropout)
        self.transformer: SpatialTransformer | None = None
        if attends:
            self.transformer = SpatialTransformer(
                out_channels,
                size.heads_of(out_channels),
                size.text_channels,
                text_twice=2**level in size.text_twice_at,
                temporal=parts.temporal,
            )

    def forward(self, video_bcthw: Tensor, given: Given) -> Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H, W)."""
        video_bcthw = self.residual(video_bcthw, given)
        if self.time is not None and given.temporal:
            video_bcthw = self.time(video_bcthw, given, self.level)
        if self.transformer is not None:
            video_bcthw = self.transformer(video_bcthw, given)
        return video_bcthw


class Conditioning(nn.Module):
    """What temporal layers alone are told of known frames: c_S at each resolution of the U-Net, and the regime."""

    def __init__(self, size: Size, regimes: int) -> None:
        super().__init__()
        below = len(size.multipliers) - 1
        into = [size.channels + 1, *[CONTEXT_CHANNELS] * below][:below]
        self.downs = nn.ModuleList(SpatialConv(wide, CONTEXT_CHANNELS, stride=(1, 2, 2), bias=False) for wide in into)
        self.activation = nn.SiLU()
        self.regime = nn.Embedding(regimes, size.embedding) if regimes else None
        if self.regime is not None:
            nn.init.zeros_(self.regime.weight)

    def forward(
        self, context_bcthw: Tensor | None, regime_b: Tensor | None
    ) -> tuple[list[Tensor] | None, Tensor | None]:
        """One (B, c, T, h, w) for each resolution, c_S itself first; and (B, E)."""
        regime_be = None if self.regime is None else self.regime(regime_b)
        if context_bcthw is None:
            return None, regime_be
        levels = [context_bcthw]
        for down in self.downs:
            levels.append(self.activation(down(levels[-1])))
        return levels, regime_be


def key_model(recipe: Recipe) -> VideoLdm:
    """The network of key frames of a whole system."""
    return VideoLdm(recipe.network)


def interpolation_model(recipe: Recipe) -> MaskedVideoLdm:
    """The network of the frames from one key frame to the next."""
    _, height, width = recipe.network.grid
    return MaskedVideoLdm(replace(recipe.network, grid=(recipe.every + 1, height, width)))


def upscaler(recipe: UpscalingRecipe) -> Upscaler:
    """The network of the last stage."""
    return Upscaler(recipe.network, levels=recipe.noised)


def whole(recipe: Recipe) -> LatentVideo:
    """The system itself; its networks work with channels last."""
    upscaling = None if recipe.upscaling is None else Upscaling(recipe.upscaling, upscaler(recipe.upscaling))
    system = LatentVideo(recipe, key_model(recipe), interpolation_model(recipe), upscaling)
    for network in system.modules():
        if isinstance(network, LatentUNet):
            network.to_layout("channels_last_3d")
    return system


def _register(name: str, summary: str, make: Callable[[], LatentUNet], stated: Stated | None = None) -> None:
    SYSTEMS.register(f"video-ldm/{name}")(Preset(summary, "video_bcthw", make, stated))


_register(
    "sd1.4",
    "key frames 8x320x512 as latents, on Stable Diffusion 1.4",
    lambda: VideoLdm(sizes.SD1_4),
    Stated(1509e6, "paper", "860 M of the image model and 649 M of temporal layers"),
)
_register(
    "sd2.1",
    "key frames 8x320x512 as latents, on Stable Diffusion 2.1",
    lambda: VideoLdm(sizes.SD2_1),
    Stated(1521e6, "paper", "865 M of the image model and 656 M of temporal layers"),
)
_register(
    "interpolation",
    "three frames between two, twice: 8 to 29 to 113 frames",
    lambda: MaskedVideoLdm(sizes.INTERPOLATION, regimes=2),
    Stated(1509e6, "paper", "all of it trained; how known frames get in is not stated, and takes 0.2 M here"),
)
_register(
    "upscaler",
    "latents 8x80x80 of four times the height and width",
    lambda: Upscaler(sizes.UPSCALER),
    Stated(922e6, "secondary", "473 M of the image model and 449 M of temporal layers"),
)


def _small(recipe: Recipe) -> str:
    """Videos as they are before the upscaler."""
    return "x".join(map(str, (recipe.frames, *recipe.autoencoder.grid[1:])))


for _name, _recipe, _gives, _machine in (
    ("small", recipes.SMALL, "29x128x128", "one GPU"),
    ("tiny", recipes.TINY, "16x32x32", "two cores"),
):
    _register(_name, f"key frames of {_small(_recipe)} as latents for {_machine}", partial(key_model, _recipe))
    _register(f"{_name}-interpolation", "three frames between two of them", partial(interpolation_model, _recipe))
    PIPELINES.register(f"video-ldm/{_name}")(
        PipelinePreset(f"text to {_gives} for {_machine}", partial(whole, _recipe))
    )
assert recipes.SMALL.upscaling is not None
_register("small-upscaler", "latents 8x32x32 of twice the height and width", partial(upscaler, recipes.SMALL.upscaling))
