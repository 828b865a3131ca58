"""GenTron (Chen, Xu, Ren et al., arXiv 2312.04557): DiT with text by cross-attention, and with attention over time.

What the paper leaves open is marked "not stated; ours". Its sizes are in ``gentron/hyperparameters.py``, motion-free
guidance is in ``gentron/motion.py``, training and sampling in ``gentron/text_to_video.py``.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.gentron import hyperparameters, recipes
from vidgauge.reference_models.gentron.hyperparameters import Hyperparameters
from vidgauge.reference_models.gentron.places import places_in_frame, places_in_time
from vidgauge.reference_models.gentron.recipes import Recipe
from vidgauge.reference_models.gentron.text_to_video import TextToVideo
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, PipelinePreset, Preset, Stated
from vidgauge.reference_models.transformer.modulation import Last, bare_norm, modulated
from vidgauge.reference_models.transformer.patches import from_patches, patches
from vidgauge.reference_models.unet.embedding import Sinusoid, perceptron

TOLD = 256
"""Cosines and sines of a step's number, as DiT."""


class Given(NamedTuple):
    """What one call hands to every block."""

    condition_bd: Tensor
    """The step's embedding and the pooled text's, added, after their activation."""
    texts: tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
    """Tokens and mask of CLIP, then of T5."""
    places: Tensor
    """Of the frames in time."""
    frame_mask: Tensor | None
    """(T, T) or (B, T, T) bool, True where a frame may see another; all see all without it."""
    temporal: bool
    """Whether the temporal layers are there; the image model is the video model without them."""


class GenTron(System):
    """The denoising network: eps of latents, (B, C, T, H, W); with a learned sigma, its variance's numbers after it.

    There may be any number of frames, and frames of any size that patches divide: positions are sines and cosines.

    Args:
        model: one of ``gentron.hyperparameters``.
    """

    takes = "video_bcthw"

    def __init__(self, model: Hyperparameters) -> None:
        super().__init__()
        self.model, self.grid, self.in_channels = model, model.grid, model.channels
        width, patch = model.width, model.patch**2
        self.sinusoid = Sinusoid(TOLD)
        self.embed_step = perceptron(TOLD, width, 2)
        self.embed_text = perceptron(model.pooled_channels, width, 2)
        self.activation = nn.SiLU()
        self.patchify = nn.Linear(model.channels * patch, width)
        self.blocks = nn.ModuleList(Block(model, number) for number in range(model.layers))
        self.last = Last(width, model.channels * patch * (1 + model.learned_sigma))
        self._initialise()

    def forward(
        self,
        z_bcthw: Tensor,
        step_b: Tensor,
        clip_bnc: Tensor,
        t5_bnc: Tensor,
        pooled_bc: Tensor,
        clip_mask_bn: Tensor | None = None,
        t5_mask_bn: Tensor | None = None,
        frame_mask: Tensor | None = None,
        *,
        temporal: bool = True,
    ) -> Tensor:
        """(B, C, T, H, W) to the same, or to twice the channels with a learned sigma.

        Args:
            z_bcthw: noisy latents.
            step_b: the step of the discrete schedule.
            clip_bnc: the caption's tokens from CLIP.
            t5_bnc: and from T5.
            pooled_bc: the caption as one vector.
            clip_mask_bn: True where a token is real; all are unless given. A caption without any is the null text.
            t5_mask_bn: the same of T5's.
            frame_mask: True where temporal attention may look, (T, T) or (B, T, T): the identity is "motion-free".
            temporal: False leaves the temporal layers out: the model of images.

        Raises:
            UsageError: where shapes do not fit.
        """
        _, grid = self.split(z_bcthw.shape)
        tokens = self.patchify(patches(z_bcthw, self._checked(grid)))
        time, height, across, width = tokens.shape[1:]
        tokens = tokens + places_in_frame(height, across, width, z_bcthw.device).to(tokens)
        condition_bd = self.embed_step(self.sinusoid(step_b)) + self.embed_text(pooled_bc)
        given = Given(
            self.activation(condition_bd),
            ((clip_bnc, clip_mask_bn), (t5_bnc, t5_mask_bn)),
            places_in_time(time, frame_mask, width, z_bcthw.device).to(tokens),
            frame_mask,
            temporal,
        )
        for block in self.blocks:
            tokens = block(tokens, given)
        return from_patches(self.last(tokens, given.condition_bd[:, None, None, None]), self.model.patch)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """A step, and a caption as tokens of two kinds and as a vector."""

        def drawn(*size: int) -> Tensor:
            return torch.randn(shape[0], *size, generator=generator, device=generator.device)

        step_b = torch.randint(1000, (shape[0],), generator=generator, device=generator.device).float()
        clip, t5 = zip(self.model.text_tokens, self.model.text_channels, strict=True)
        return step_b, drawn(*clip), drawn(*t5), drawn(self.model.pooled_channels)

    def begin_from(self, image_model: "GenTron") -> None:
        """The weights of the image model; temporal layers, which it does not have, stay as they are.

        Raises:
            UsageError: where the models differ in more than those.
        """
        own, theirs = self.state_dict(), image_model.state_dict()
        temporal = all(".time." in name for name in own.keys() - theirs.keys())
        if not temporal or any(name not in own or own[name].shape != x.shape for name, x in theirs.items()):
            raise UsageError(
                "the models differ in more than temporal layers; a video model begins from one of its size"
            )
        self.load_state_dict(theirs, strict=False)

    def _checked(self, grid: Grid) -> int:
        """The patch, if it divides the frames."""
        patch = self.model.patch
        if grid[1] % patch or grid[2] % patch:
            raise UsageError(f"frames are {grid[1]} x {grid[2]}; patches of {patch} must divide both")
        return patch

    def _initialise(self) -> None:
        """As DiT; and of what DiT does not have, nothing can be heard at the start."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for embed in (self.embed_step, self.embed_text):
            for module in embed:
                if isinstance(module, nn.Linear):
                    nn.init.normal_(module.weight, std=0.02)
        silent = [self.last.modulation, self.last.project]
        for block in self.blocks:
            assert isinstance(block, Block)
            silent += block.silent()
        for linear in silent:
            nn.init.zeros_(linear.weight)


class Block(nn.Module):
    """Attention in the frame, to the caption, over time; then an MLP. Even blocks read CLIP's tokens, odd ones T5's.

    The step is told through modulation ("adaLN-Zero") around attention in the frame and the MLP, the caption's words
    through cross-attention. Whether the norm before that has scale and shift is not stated; ours has none, as DiT's.

    Args:
        model: the whole transformer's.
        number: of the block, from 0.
    """

    def __init__(self, model: Hyperparameters, number: int) -> None:
        super().__init__()
        width, self.reads = model.width, number % 2
        channels, tokens = model.text_channels[self.reads], model.text_tokens[self.reads]
        self.norm = bare_norm(width)
        self.modulation = nn.Linear(width, 6 * width)
        self.space = SpatialAttention(width, model.heads)
        self.cross = CrossAttention(width, model.heads, channels, context_tokens=tokens)
        self.time = OverTime(width, model.heads) if model.video else None
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def forward(self, tokens_bthwd: Tensor, given: Given) -> Tensor:
        """(B, T, h, w, d) to the same."""
        x, chunks = tokens_bthwd, self.modulation(given.condition_bd)[:, None, None, None].chunk(6, -1)
        shift_space, scale_space, gate_space, shift_mlp, scale_mlp, gate_mlp = chunks
        x = x + gate_space * self.space(modulated(self.norm(x), shift_space, scale_space))
        x = x + self.cross(self.norm(x), *given.texts[self.reads])
        if self.time is not None and given.temporal:
            x = x + self.time(x, given)
        out: Tensor = x + gate_mlp * self.mlp(modulated(self.norm(x), shift_mlp, scale_mlp))
        return out

    def silent(self) -> list[nn.Linear]:
        """Maps that start at zero.

        Modulation, as in DiT, which shuts the gates; the last one over time, so that a video model starts as the image
        model; and that of cross-attention (not stated; ours).
        """
        maps = [self.modulation, self.cross.project_out]
        return maps if self.time is None else [*maps, self.time.attention.project_out]


class OverTime(nn.Module):
    """Self-attention of each place over all frames.

    Positions, and a norm with scale and shift, are not stated; ours. Positions are on the input of attention alone: in
    x they would change the image model.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.attention = TemporalAttention(width, heads)

    def forward(self, tokens_bthwd: Tensor, given: Given) -> Tensor:
        """(B, T, h, w, d) to the same: what is added to the input."""
        out: Tensor = self.attention(self.norm(tokens_bthwd) + given.places, given.frame_mask)
        return out


def whole(recipe: Recipe) -> TextToVideo:
    """The system itself."""
    return TextToVideo(recipe, GenTron(recipe.network))


def _register(name: str, summary: str, model: Hyperparameters, stated: Stated | None = None) -> None:
    SYSTEMS.register(f"gentron/{name}")(Preset(summary, "video_bcthw", lambda: GenTron(model), stated))


_MISSED = "XL/2 and G/2 both miss it by 22.8 M: a module of one size beside the text encoders that no source tells of"
_XL2_VIDEO = Stated(
    1078.8e6, "reconstructed", f"930.0 M as stated and temporal layers of 148.8 M, not stated; {_MISSED}"
)
_G2_VIDEO = Stated(
    3615.9e6, "reconstructed", f"3083.8 M as stated and temporal layers of 532.1 M, not stated; {_MISSED}"
)

_register("xl2", "text to 8x64x64 latents", hyperparameters.XL2, _XL2_VIDEO)
_register(
    "xl2-image", "text to images of 32x32 latents", hyperparameters.XL2_IMAGE, Stated(930.0e6, "secondary", _MISSED)
)
_register("g2", "text to 8x64x64 latents", hyperparameters.G2, _G2_VIDEO)
_register(
    "g2-image", "text to images of 32x32 latents", hyperparameters.G2_IMAGE, Stated(3083.8e6, "secondary", _MISSED)
)
for _name, _recipe, _machine in (("small", recipes.SMALL, "one GPU"), ("tiny", recipes.TINY, "two cores")):
    _register(_name, f"text to 16x8x8 latents for {_machine}", _recipe.network)
    PIPELINES.register(f"gentron/{_name}")(PipelinePreset(f"text to 16x32x32 for {_machine}", partial(whole, _recipe)))
