"""Cross-attention of a window's tokens to the caption and to themselves (section 3.3)."""

import math

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.boxes import Boxes
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers.cross_attention import CrossAttention


class WindowCrossAttention(nn.Module):
    """Queries from the tokens of a window; keys and values from those tokens and the text, one after the other.

    Every token so finds something to attend to, even where there is no text. The output starts at zero (not stated;
    ours), so that a new layer leaves its input as it is.

    Args:
        width: d, of tokens and of the projected text.
        heads: attention heads.
        window: extents along time, height and width.
        text_tokens: usual length of the text, for costs.
    """

    def __init__(self, width: int, heads: int, window: Grid, text_tokens: int) -> None:
        super().__init__()
        self.window = window
        context = math.prod(window) + text_tokens
        self.attention = CrossAttention(width, heads, width, context_tokens=context, qk_norm=True)
        nn.init.zeros_(self.attention.project_out.weight)
        nn.init.zeros_(self.attention.project_out.bias)

    def forward(self, tokens_bthwd: Tensor, text_bknd: Tensor, mask_bkn: Tensor) -> Tensor:
        """(B, T, H, W, d) to the same.

        Args:
            tokens_bthwd: float.
            text_bknd: n tokens for the whole clip (k = 1) or for each frame (k = T).
            mask_bkn: True where the text is real.

        Raises:
            UsageError: where frames have texts of their own, but a window is over several of them.
        """
        boxes = Boxes((tokens_bthwd.shape[1], tokens_bthwd.shape[2], tokens_bthwd.shape[3]), self.window)
        if text_bknd.shape[1] not in {1, boxes.counts[0]}:
            raise UsageError(
                f"{text_bknd.shape[1]} texts for {boxes.counts[0]} windows along time; give each one, or one"
            )
        own = boxes.cut(tokens_bthwd).flatten(0, 3)
        text, mask = (_of_windows(x, boxes.counts) for x in (text_bknd, mask_bkn))
        itself = mask.new_ones(len(own), math.prod(self.window))
        context = torch.cat([own.flatten(1, 3), text], 1)
        seen = self.attention(own, context, torch.cat([itself, mask], 1))
        return boxes.join(seen.flatten(1, 3)[:, :, None])


def _of_windows(of_text: Tensor, counts: Grid) -> Tensor:
    """(B, k, ...) repeated for every window: (B n_t n_h n_w, ...)."""
    time, height, width = counts
    rest = of_text.shape[2:]
    every = of_text[:, :, None, None].expand(-1, time, height, width, *rest)
    return every.flatten(0, 3)
