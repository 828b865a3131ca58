"""W.A.L.T (Gupta et al., arXiv 2312.06662): a transformer with attention in windows, on latents of images and videos.

What the paper leaves open is marked "not stated; ours". Its sizes are in ``walt/hyperparameters.py``.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layers.window_attention import WindowAttention
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, Certainty, PipelinePreset, Preset, Stated
from vidgauge.reference_models.transformer.modulation import Last, bare_norm, modulated
from vidgauge.reference_models.transformer.patches import from_patches, patches
from vidgauge.reference_models.unet.embedding import Sinusoid, perceptron
from vidgauge.reference_models.walt import hyperparameters, recipes
from vidgauge.reference_models.walt.hyperparameters import Hyperparameters
from vidgauge.reference_models.walt.latent_video import LatentVideo
from vidgauge.reference_models.walt.modulation import AdaLn, AdaLnLora, first
from vidgauge.reference_models.walt.recipes import Recipe
from vidgauge.reference_models.walt.window_cross_attention import WindowCrossAttention

TOLD = 256
"""Cosines and sines of a step's number."""


class Given(NamedTuple):
    """What one call hands to every layer."""

    embedding_bkd: Tensor
    """c + t after its activation; k is 1, or T where frames are images with classes of their own."""
    shared_bke: Tensor | None
    """A_1, unless each layer has a map of its own."""
    text_bknd: Tensor | None
    text_mask_bkn: Tensor | None
    images: int
    """How many of the last rows are stacks of images."""


class Walt(System):
    """The denoising network of section 3: v of latents, (B, c, 1 + t, h, w).

    Args:
        model: one of ``walt.hyperparameters``.
    """

    takes = "video_bcthw"

    def __init__(self, model: Hyperparameters) -> None:
        super().__init__()
        self.model, self.grid, self.in_channels = model, model.grid, model.channels
        width, (time, height, across) = model.width, model.tokens
        self.sinusoid = Sinusoid(TOLD)
        self.embed = perceptron(TOLD * (1 + self.upscales), width, 2)
        self.label = nn.Embedding(model.classes + 1, width) if model.classes else None
        self.text = nn.Linear(model.text_channels, width) if model.text_channels else None
        self.activation = nn.SiLU()
        self.first = first(width) if model.rank is not None else None

        # Section 3.2: patches of each latent frame, learned positions in space and in time.
        channels = model.channels * (1 + self.upscales) + self.beside_channels
        self.patchify = nn.Linear(channels * model.patch**2, width)
        self.space = nn.Parameter(0.02 * torch.randn(height, across, width))
        self.time = nn.Parameter(0.02 * torch.randn(time, width))
        self.enlarge = SpatialConv(model.channels, model.channels * model.upscale**2) if self.upscales else None
        # "Each block has two layers", one of each window.
        self.layers = nn.ModuleList(WindowLayer(model, model.windows[number % 2]) for number in range(model.layers))
        self.last = Last(width, model.channels * model.patch**2)

    def forward(
        self,
        z_bcthw: Tensor,
        step_b: Tensor,
        beside_bcthw: Tensor | None = None,
        condition: Tensor | None = None,
        text_mask: Tensor | None = None,
        low_bcthw: Tensor | None = None,
        low_step_b: Tensor | None = None,
        *,
        images: int = 0,
    ) -> Tensor:
        """(B, c, T, h, w) to the same.

        Args:
            z_bcthw: noisy latents, 1 + t frames. Stacks of images may have fewer.
            step_b: the step of the discrete schedule.
            beside_bcthw: what stands beside z on the channels, from ``conditioning.beside``: the model's own estimate,
                and given frames. Zeros without it.
            condition: classes, (B,) whole numbers, or the tokens of captions, (B, n, text_channels). With an axis more,
                (B, T) or (B, T, n, text_channels), each frame has its own, as the images of a stack do. Without it, the
                class that stands for none, or no text.
            text_mask: (B, n) or (B, T, n) bool, True where the text is real; all of it unless given.
            low_bcthw: noisy latents of the stage before.
            low_step_b: how noisy those are, in steps.
            images: how many of the last rows are stacks of independent images in the place of videos.

        Raises:
            UsageError: where shapes do not fit, or the model does not take what is given.
        """
        batch, grid = self.split(z_bcthw.shape)
        self._check(grid, condition, images)
        if beside_bcthw is None:
            beside_bcthw = z_bcthw.new_zeros(batch, self.beside_channels, *grid)
        told = [z_bcthw, beside_bcthw]
        if self.enlarge is not None:
            assert low_bcthw is not None, "a super-resolution stage needs latents to start from"
            told.append(from_patches(self.enlarge(low_bcthw).movedim(1, -1), self.model.upscale))
        given = self._given(step_b, low_step_b, condition, text_mask, images)
        tokens = self.patchify(patches(torch.cat(told, 1), self.model.patch))
        tokens = tokens + self._places(batch, grid[0], images)
        for layer in self.layers:
            tokens = layer(tokens, given)
        return from_patches(self.last(tokens, given.embedding_bkd[:, :, None, None]), self.model.patch)

    @property
    def upscales(self) -> bool:
        """Whether it is a super-resolution stage."""
        return self.model.upscale > 1

    @property
    def beside_channels(self) -> int:
        """The estimate has those of the latents; given frames have them too, and one that says which are given."""
        return self.model.channels + (self.model.channels + 1) * self.model.prediction

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """A step, an estimate and, where the model takes them, a class or caption and latents of the stage before."""

        def drawn(*size: int) -> Tensor:
            return torch.randn(size, generator=generator, device=generator.device)

        def below(end: int) -> Tensor:
            return torch.randint(end, (batch,), generator=generator, device=generator.device)

        (batch, channels, time, height, width), model = shape, self.model
        inputs = [below(1000).float(), drawn(batch, self.beside_channels, time, height, width)]
        if model.classes:
            inputs.append(below(model.classes))
        if model.text_channels:
            inputs.append(drawn(batch, model.text_tokens, model.text_channels))
            inputs.append(torch.ones(batch, model.text_tokens, dtype=torch.bool, device=generator.device))
        if self.upscales:
            inputs.append(drawn(batch, channels, time, height // model.upscale, width // model.upscale))
            inputs.append(below(300).float())
        return tuple(inputs)

    def _given(
        self,
        step_b: Tensor,
        low_step_b: Tensor | None,
        condition: Tensor | None,
        text_mask: Tensor | None,
        images: int,
    ) -> Given:
        """What follows from c + t for all layers; the noise of the stage before is told with t."""
        steps = [self.sinusoid(step_b)]
        if self.upscales:
            assert low_step_b is not None, "a super-resolution stage is told how noisy its latents are"
            steps.append(self.sinusoid(low_step_b))
        embedding = self.embed(torch.cat(steps, 1))[:, None]
        if self.label is not None:
            none = step_b.new_full((len(step_b),), self.model.classes, dtype=torch.long)
            embedding = embedding + self.label(_of_frames(none if condition is None else condition, 1))
        embedding = self.activation(embedding)
        shared = None if self.first is None else self.first(embedding)
        if self.text is None:
            return Given(embedding, shared, None, None, images)
        if condition is None:
            condition = embedding.new_zeros(len(step_b), 0, self.model.text_channels)
        if text_mask is None:
            text_mask = torch.ones(condition.shape[:-1], dtype=torch.bool, device=condition.device)
        return Given(embedding, shared, _of_frames(self.text(condition), 3), _of_frames(text_mask, 2), images)

    def _places(self, batch: int, frames: int, images: int) -> Tensor:
        """Positions, (B, T, h, w, d). An image is where the first frame of a video is."""
        frame_bt = torch.arange(frames, device=self.time.device).repeat(batch, 1)
        frame_bt[batch - images :] = 0
        return self.space + self.time[frame_bt][:, :, None, None]

    def _check(self, grid: Grid, condition: Tensor | None, images: int) -> None:
        """Refuse what learned positions do not reach, and conditions without a place."""
        if grid[0] > self.grid[0] or grid[1:] != self.grid[1:]:
            raise UsageError(f"the model was built for latents of {self.grid}, not {grid}")
        if condition is not None and self.label is None and self.text is None:
            raise UsageError("the model takes neither classes nor captions; build it with classes or text_channels")
        if images and self.text is not None and self.model.cross_windows == "own":
            raise UsageError(
                "cross-attention in windows over several frames would mix images; use cross_windows 'space'"
            )


class WindowLayer(nn.Module):
    """Attention in windows and an MLP, both modulated; with text, cross-attention between them (figure 2).

    Args:
        model: the whole transformer's.
        window: extents along time, height and width; frames mix where it has several.
    """

    def __init__(self, model: Hyperparameters, window: Grid) -> None:
        super().__init__()
        width = model.width
        self.mixes = window[0] > 1
        self.modulation = AdaLn(width) if model.rank is None else AdaLnLora(width, model.rank)
        self.norm_attention = bare_norm(width)
        self.attention = WindowAttention(width, model.heads, window, relative_bias=True, qk_norm=True)
        self.norm_cross, self.cross = bare_norm(width), None
        if model.text_channels:
            looks = model.windows[0] if model.cross_windows == "space" else window
            self.cross = WindowCrossAttention(width, model.heads, looks, model.text_tokens)
        self.norm_mlp = bare_norm(width)
        self.mlp = nn.Sequential(nn.Linear(width, model.mlp_width), nn.GELU("tanh"), nn.Linear(model.mlp_width, width))

    def forward(self, tokens_bthwd: Tensor, given: Given) -> Tensor:
        """(B, T, h, w, d) to the same. Where cross-attention stands, with a norm of its own, is not stated; ours."""
        told = self.modulation(given.embedding_bkd, given.shared_bke)
        seen = modulated(self.norm_attention(tokens_bthwd), told.shift_attention, told.scale_attention)
        tokens_bthwd = tokens_bthwd + told.gate_attention * self._attended(seen, given.images)
        if self.cross is not None and given.text_bknd is not None and given.text_mask_bkn is not None:
            read = self.cross(self.norm_cross(tokens_bthwd), given.text_bknd, given.text_mask_bkn)
            tokens_bthwd = tokens_bthwd + read
        seen = modulated(self.norm_mlp(tokens_bthwd), told.shift_mlp, told.scale_mlp)
        out: Tensor = tokens_bthwd + told.gate_mlp * self.mlp(seen)
        return out

    def _attended(self, tokens_bthwd: Tensor, images: int) -> Tensor:
        """Attention; in layers over space and time, the mask of images is the identity (section 3.2)."""
        if not (self.mixes and images):
            mixed: Tensor = self.attention(tokens_bthwd)
            return mixed
        clips = len(tokens_bthwd) - images
        alone = to_itself(self.attention, tokens_bthwd[clips:])
        return torch.cat([self.attention(tokens_bthwd[:clips]), alone]) if clips else alone


def to_itself(attention: WindowAttention, tokens_bthwd: Tensor) -> Tensor:
    """Attention whose mask is the identity: each token has its own value and nothing else, W_o W_v x."""
    width = tokens_bthwd.shape[-1]
    into = attention.project_in
    value = functional.linear(tokens_bthwd, into.weight[2 * width :], into.bias[2 * width :])
    out: Tensor = attention.project_out(value)
    return out


def _of_frames(of_rows: Tensor, rank: int) -> Tensor:
    """(B, ...), of that many axes, to (B, 1, ...): the same for all frames; what has one more axis is left as it is."""
    return of_rows[:, None] if of_rows.ndim == rank else of_rows


def _register(
    name: str, summary: str, model: Hyperparameters, millions: float = 0, certainty: Certainty = "paper", note: str = ""
) -> None:
    stated = Stated(millions * 1e6, certainty, note) if millions else None
    SYSTEMS.register(f"walt/{name}")(Preset(summary, "video_bcthw", lambda: Walt(model), stated))


_L = hyperparameters.L
_RANKS = "table 3: the rank of AdaLN-LoRA"

_register("l", "UCF-101, 5x16x16 latents, windows 1x16x16 and 5x8x8, AdaLN-LoRA of rank 2", _L, 313, note=_RANKS)
for _rank, _millions in ((4, 314), (16, 316), (64, 324), (256, 357)):
    _register(f"l-r{_rank}", f"the same with rank {_rank}", replace(_L, rank=_rank), _millions, note=_RANKS)
_register("l-separate", "the same with a map for each layer, as DiT", replace(_L, rank=None), 458, note=_RANKS)
for _name, _summary, _windows in (  # table 3b, which the suite "windows" measures again
    ("", "space-time windows of 5x8x8", _L.windows),
    ("-5x4x4", "space-time windows of 5x4x4", ((1, 16, 16), (5, 4, 4))),
    ("-5x16x16", "space-time windows of all latents", ((1, 16, 16), (5, 16, 16))),
    ("-full", "full attention in all layers", ((5, 16, 16), (5, 16, 16))),
):
    if _name:
        _register(f"l{_name}", _summary, replace(_L, windows=_windows))
    _register(
        f"l-block{_name}", f"two layers of walt/l{_name}, one of each window", replace(_L, layers=2, windows=_windows)
    )
_register(
    "k600", "Kinetics-600, the same latents, frame prediction", hyperparameters.K600, 313, note="its layers are L's"
)
_register("xl", "UCF-101, 28 layers of 1152 channels", hyperparameters.XL, 460)
_register("imagenet", "images of 32x32 latents", hyperparameters.IMAGENET, 460, note="windows are ours")
_register("t2v-l", "text to 5x16x16 latents", hyperparameters.T2V_L, 419)
_register(
    "base", "text to 5x16x16 latents, the first of a cascade", hyperparameters.T2V_BASE, 3000, note="the width is ours"
)
_register(
    "base-wide", "the same fine-tuned for 5x16x28 latents", hyperparameters.T2V_WIDE, 3000, note="the width is ours"
)
_register("sr1", "5x16x28 latents to 5x32x56", hyperparameters.T2V_SR1, 1300, note="windows are ours")
_register("sr2", "5x32x56 latents to 5x64x112", hyperparameters.T2V_SR2, 419, note="windows are ours")
_register("small", "5x8x8 latents for one GPU", hyperparameters.SMALL)
_register("small-text", "the same with captions and frame prediction", hyperparameters.SMALL_TEXT)
_register("small-sr", "5x8x8 latents to 5x16x16", hyperparameters.SMALL_SR)
_register("small-classes", "5x8x8 latents of a class", hyperparameters.SMALL_CLASSES)
_register("tiny", "text to 5x8x8 latents for two cores", hyperparameters.TINY)


def whole(recipe: Recipe) -> LatentVideo:
    """The system itself."""
    return LatentVideo(recipe, [Walt(stage.network) for stage in recipe.stages])


for _name, _summary, _recipe in (
    ("small", "text to 16x64x64 for one GPU: walt/small-text on its autoencoder, then walt/small-sr", recipes.SMALL),
    ("small-classes", "a class to 16x32x32 for one GPU", recipes.SMALL_OF_CLASSES),
    ("tiny", "text to 16x32x32 for two cores", recipes.TINY),
):
    PIPELINES.register(f"walt/{_name}")(PipelinePreset(_summary, partial(whole, _recipe)))
