"""The U-Nets of Make-A-Video: ADM's (Dhariwal and Nichol, arXiv 2105.05233), with layers over time added."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers.conv2d import Conv2d
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.make_a_video.frames import blended
from vidgauge.reference_models.make_a_video.pseudo import (
    Block,
    ContextAttention,
    Given,
    Middle,
    PseudoAttention,
    PseudoConv,
    TimeSwitch,
)
from vidgauge.reference_models.system import System
from vidgauge.reference_models.unet.embedding import Sinusoid, perceptron
from vidgauge.reference_models.unet.resampling import averaged, repeated
from vidgauge.reference_models.unet.residual import Resample, ResidualBlock
from vidgauge.reference_models.unet.skeleton import UNet

CONTEXT_TOKENS = 4
"""Made of the image embedding (unCLIP, arXiv 2204.06125, section 2.1)."""


@dataclass(frozen=True)
class Size:
    """Of one U-Net. The paper states none; those at its scale are unCLIP's (arXiv 2204.06125, table 3)."""

    grid: Grid
    """T, H, W that it is made for."""
    channels: int
    """At the input's resolution."""
    multipliers: tuple[float, ...]
    """Of the channels, one a resolution."""
    blocks: int
    """At each resolution on the way down; one more on the way up."""
    attention: tuple[int, ...] = ()
    """Levels, 0 the input's resolution, after whose residual blocks there is attention; in the middle if any has it."""
    head_channels: int = 64
    dimension: int = 0
    """Of the image embedding y_e that the network is given; 0 where it is given none."""
    embedding: int = 4
    """How many times the channels the embedding of the noise step has."""
    max_frames: int = 16
    """Up to which temporal attention knows relative positions (as in VDM: which there are is not stated; ours)."""
    dropout: float = 0.0
    over_time: bool = True
    """Whether it has layers over time."""

    @property
    def embedded(self) -> int:
        """E."""
        return self.embedding * self.channels

    @property
    def context_channels(self) -> int:
        """Of the four tokens, which together are as wide as y_e (not stated; ours)."""
        return self.dimension // CONTEXT_TOKENS

    @property
    def widths(self) -> list[int]:
        """Channels at each resolution."""
        return [round(self.channels * multiplier) for multiplier in self.multipliers]


class PseudoUNet(System):
    """What all of them share. Time is never down-sampled, so that any number of frames goes through convolutions.

    Args:
        size: of the network.
        more_channels: of the input, beside the noisy RGB: what the video is conditioned on.
    """

    takes = "video_bcthw"

    def __init__(self, size: Size, more_channels: int = 0) -> None:
        super().__init__()
        self.size, self.grid, self.in_channels = size, size.grid, 3
        self.time = TimeSwitch()
        self.step = nn.Sequential(Sinusoid(size.channels), *perceptron(size.channels, size.embedded, 2))
        self.unet = UNet((3 + more_channels, 3), size.widths, [size.blocks] * len(size.widths), _Parts(size, self.time))

    def restart_time(self) -> None:
        """Make the layers over time the identity again."""
        for module in self.modules():
            if isinstance(module, PseudoConv):
                module.start_as_identity()
            elif isinstance(module, PseudoAttention) and module.over_time is not None:
                for parameter in module.over_time.attention.project_out.parameters():
                    nn.init.zeros_(parameter)

    def layers_over_time(self) -> dict[str, nn.Module]:
        """All that an image model does not have, by name."""
        found: dict[str, nn.Module] = {}
        for name, module in self.named_modules():
            if isinstance(module, PseudoConv):
                found[f"{name}.time"] = module.time
            elif isinstance(module, PseudoAttention) and module.over_time is not None:
                found[f"{name}.over_time"] = module.over_time
            elif name in ("fps", "skip"):
                found[name] = module
        return found

    def image_parameters(self) -> int:
        """How many are left without the layers over time."""
        return _count(self) - sum(map(_count, self.layers_over_time().values()))


class Decoder(PseudoUNet):
    """D^t: key frames from an image embedding and a frame rate (section 3.2.1). Without layers over time, D.

    unCLIP's decoder: y_e is projected and added to the embedding of the noise step, and projected to four tokens that
    spatial attention sees beside the frame. No text comes in but through y_e. The frame rate comes in as the noise step
    does (the exact form is not stated; ours), its last layer zero, so that it changes nothing before video is seen.
    """

    def __init__(self, size: Size, more_channels: int = 0) -> None:
        super().__init__(size, more_channels)
        self.embed_image = nn.Linear(size.dimension, size.embedded)
        self.context = nn.Linear(size.dimension, CONTEXT_TOKENS * size.context_channels)
        self.fps = _told(size) if size.over_time else None

    def forward(
        self,
        z_bcthw: torch.Tensor,
        told_b: torch.Tensor,
        image_bd: torch.Tensor,
        fps_b: torch.Tensor | None = None,
        *,
        enable_time: bool = True,
    ) -> torch.Tensor:
        """What is predicted of z: v.

        Args:
            z_bcthw: noisy video in [-1, 1].
            told_b: noise steps, 0 to 999.
            image_bd: y_e, scaled; zeros for none.
            fps_b: frames per second.
            enable_time: False leaves out every layer over time and the frame rate: D on each frame.
        """
        return self.run(z_bcthw, self.given(told_b, image_bd, fps_b, enable_time=enable_time), enable_time=enable_time)

    def given(
        self, told_b: torch.Tensor, image_bd: torch.Tensor, fps_b: torch.Tensor | None, *, enable_time: bool
    ) -> Given:
        """Embedding and context."""
        embedding_be = self.step(told_b) + self.embed_image(image_bd)
        if self.fps is not None and fps_b is not None and enable_time:
            embedding_be = embedding_be + self.fps(fps_b)
        return Given(embedding_be, self.context(image_bd).unflatten(1, (CONTEXT_TOKENS, -1)))

    def run(self, video_bcthw: torch.Tensor, given: Given, *, enable_time: bool) -> torch.Tensor:
        """The U-Net, with or without layers over time."""
        with self.time.set(enable_time):
            out: torch.Tensor = self.unet(video_bcthw, given)
        return out

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Noise step, image embedding, frame rate."""
        batch = shape[0]
        image_bd = torch.randn(batch, self.size.dimension, generator=generator)
        told_b = torch.randint(1000, (batch,), generator=generator)
        return (told_b, image_bd, torch.full((batch,), 8.0)) if self.size.over_time else (told_b, image_bd)


class Interpolator(Decoder):
    """F: fills in the frames between key frames, or after or before one (section 3.2.3).

    D^t with four more channels of input, the known frames' RGB and whether a frame is known, and with the frame skip as
    a further condition beside the frame rate. It predicts the video as a difference from a blend of the frames that are
    known (not stated; ours): from nothing, where none is.
    """

    def __init__(self, size: Size) -> None:
        super().__init__(size, more_channels=4)
        self.skip = _told(size)

    def forward(  # type: ignore[override]  # more is given to F than to D^t
        self,
        z_bcthw: torch.Tensor,
        told_b: torch.Tensor,
        image_bd: torch.Tensor,
        fps_b: torch.Tensor,
        known_bcthw: torch.Tensor,
        mask_bt: torch.Tensor,
        skip_b: torch.Tensor,
        *,
        enable_time: bool = True,
    ) -> torch.Tensor:
        """The video in z.

        Args:
            z_bcthw: noisy video in [-1, 1].
            told_b: noise steps.
            image_bd: y_e, scaled.
            fps_b: frames per second of what comes out.
            known_bcthw: video; frames that are not known may hold anything.
            mask_bt: float, 1 where a frame is known, 0 elsewhere.
            skip_b: steps from one known frame to the next.
            enable_time: as of D^t; False leaves out the frame skip as well.
        """
        mask = mask_bt[:, None, :, None, None].to(z_bcthw)
        mask_bcthw = mask.expand(-1, 1, -1, *z_bcthw.shape[-2:])
        given = self.given(told_b, image_bd, fps_b, enable_time=enable_time)
        if enable_time:
            given = replace(given, embedding_be=given.embedding_be + self.skip(skip_b))
        inputs = torch.cat([z_bcthw, known_bcthw * mask, mask_bcthw], 1)
        start = blended(known_bcthw, mask_bt) if enable_time else known_bcthw * mask
        return start + self.run(inputs, given, enable_time=enable_time)

    @torch.no_grad()
    def start_from(self, decoder: Decoder) -> None:
        """Become D^t where no frame is known: its weights, zeros where new channels and the frame skip come in."""
        weights = decoder.state_dict()
        stem = "unet.stem.space.weight"
        wider = torch.zeros_like(self.state_dict()[stem])
        wider[:, :3] = weights[stem]
        left_out = self.load_state_dict(weights | {stem: wider}, strict=False)
        assert all(name.startswith("skip.") for name in left_out.missing_keys)
        for parameter in self.skip[-1].parameters():
            nn.init.zeros_(parameter)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """What D^t is given, then known frames, every fifth of them, and their distance."""
        batch, _, frames, height, width = shape
        known_bcthw = torch.randn(batch, 3, frames, height, width, generator=generator)
        mask_bt = (torch.arange(frames) % 5 == 0).float().expand(batch, -1)
        return *super().more_inputs(shape, generator), known_bcthw, mask_bt, torch.full((batch,), 5.0)


class SuperResolution(PseudoUNet):
    """SR_l^t with layers over time and SR_h without (section 3.2.2): unCLIP's upsamplers.

    The low-resolution video is brought to the size of z, bilinearly, and joined to its channels. Neither text nor y_e.
    What the network predicts is the video, as a difference from that (not stated; ours): before it has learnt anything
    it interpolates.
    """

    def __init__(self, size: Size) -> None:
        super().__init__(size, more_channels=3)

    def forward(
        self,
        z_bcthw: torch.Tensor,
        told_b: torch.Tensor,
        low_bcthw: torch.Tensor,
        *,
        enable_time: bool = True,
    ) -> torch.Tensor:
        """The video in z.

        Args:
            z_bcthw: noisy video in [-1, 1].
            told_b: noise steps.
            low_bcthw: the same frames at any other size.
            enable_time: False leaves out the layers over time.
        """
        size = (z_bcthw.shape[2], *z_bcthw.shape[3:])
        low = functional.interpolate(low_bcthw, size, mode="trilinear")  # as many frames: bilinear in each
        with self.time.set(enable_time):
            difference: torch.Tensor = self.unet(torch.cat([z_bcthw, low], 1), Given(self.step(told_b)))
        return low + difference

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Noise step, and a video of a quarter of the height and width."""
        batch, _, frames, height, width = shape
        low = torch.randn(batch, 3, frames, -(-height // 4), -(-width // 4), generator=generator)
        return torch.randint(1000, (batch,), generator=generator), low


Image = TypeVar("Image", Decoder, SuperResolution)


@torch.no_grad()
def inflate(image_model: Image) -> Image:
    """The video model that starts as an image model on every frame (section 3.2).

    Each 2-D convolution is followed by the identity along time, each spatial attention by a temporal one whose output
    projection is zero, and the frame rate is told through a last layer of zeros.
    """
    video_model = type(image_model)(replace(image_model.size, over_time=True))
    weights = video_model.state_dict()
    for name, weight in image_model.state_dict().items():
        place = weights[name] if name in weights else weights[name.replace(".convolution.", ".space.")]
        place.copy_(weight.view_as(place))  # kernels of one frame
    return video_model


class _Parts:
    """Residual blocks that go down and up themselves (BigGAN's, arXiv 1809.11096), attention, pseudo-3-D layers."""

    def __init__(self, size: Size, time: TimeSwitch) -> None:
        self.size, self.time = size, time

    def block(self, level: int, channels: int, out_channels: int) -> Block:
        attention = self._attention(out_channels) if level in self.size.attention else None
        return Block(self._residual(channels, out_channels), attention)

    def middle(self, channels: int) -> Middle:
        attention = self._attention(channels) if self.size.attention else None
        first = Block(self._residual(channels, channels), attention)
        return Middle(first, Block(self._residual(channels, channels), None))

    def down(self, level: int, channels: int) -> nn.Module:
        del level
        return self._residual(channels, channels, averaged)

    def up(self, level: int, channels: int) -> nn.Module:
        del level
        return self._residual(channels, channels, repeated)

    def end(self, channels: int, out_channels: int) -> Convolution:
        return self._convolution(channels, out_channels)

    def _convolution(self, channels: int, out_channels: int) -> Convolution:
        """After every 2-D convolution one over time, but for skips' 1 x 1 ones: those are fully connected layers."""
        if self.size.over_time:
            return PseudoConv(channels, out_channels, self.time)
        return Conv2d(channels, out_channels)

    def _residual(self, channels: int, out_channels: int, resample: Resample | None = None) -> ResidualBlock:
        return ResidualBlock(
            channels,
            out_channels,
            self.size.embedded,
            self._convolution,
            scale_shift=True,
            dropout=self.size.dropout,
            resample=resample,
            skip=lambda into, out: Conv2d(into, out, 1),
        )

    def _attention(self, channels: int) -> PseudoAttention:
        heads = channels // self.size.head_channels
        space = ContextAttention(channels, heads, self.size.context_channels, context_tokens=CONTEXT_TOKENS)
        time = TemporalAttention(channels, heads, max_frames=self.size.max_frames) if self.size.over_time else None
        return PseudoAttention(space, time, self.time)


def _told(size: Size) -> nn.Sequential:
    """A number's embedding, which starts at zero."""
    embed = nn.Sequential(Sinusoid(size.channels), *perceptron(size.channels, size.embedded, 2))
    for parameter in embed[-1].parameters():
        nn.init.zeros_(parameter)
    return embed


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
