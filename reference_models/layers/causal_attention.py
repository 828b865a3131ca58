"""Causal attention: every token against all tokens of its own frame and of those before."""

import math

import torch

from vidgauge.reference_models.attention import Attention, Heads
from vidgauge.reference_models.attention_work import Work
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, everything, up_to_now


@LAYERS.register("causal_attention")
class CausalAttention(Attention):
    """Causal in time, full in space: the mask of models that make a video frame by frame.

    Folded, each frame is one call over the frames so far: exactly (H W)^2 T (T + 1) / 2 pairs, and no mask.
    """

    def pattern(self, grid: Grid) -> Pattern:
        """Frames see themselves and those before."""
        time, height, width = grid
        return Pattern(up_to_now(time), everything(height), everything(width))

    def attend_folded(self, heads: Heads, frame_mask: torch.Tensor | None) -> torch.Tensor:
        """One call a frame."""
        batch, frames, height, width = heads[0].shape[:4]
        query, key, value = (x.flatten(2, 3) for x in heads)  # (B, T, H W, heads, d)
        mixed = []
        for frame in range(frames):
            so_far = key[:, : frame + 1].flatten(1, 2), value[:, : frame + 1].flatten(1, 2)
            mask = None
            if frame_mask is not None:
                row = frame_mask.reshape(-1, frames, frames)[:, frame, : frame + 1]
                mask = row.repeat_interleave(height * width, -1)[:, None, None]
            mixed.append(self.attend((query[:, frame], *so_far), mask))
        return torch.stack(mixed, 1).reshape(batch, frames, height, width, -1)

    def folded_work(self, batch: int, grid: Grid) -> Work:
        """Exactly the pairs of the pattern; each call reads the keys so far, which are views."""
        tokens, pairs = batch * math.prod(grid), batch * self.pattern(grid).pairs()
        return Work(
            queries=tokens,
            keys=pairs // (grid[1] * grid[2]),
            pairs=pairs,
            sequences=batch,
            moved=2 * tokens,
            output_copied=True,
        )
