"""VideoMAE v2 with ViT-g/14, fine-tuned on Something-Something v2: the network of content-debiased FVD.

Wang et al., arXiv 2303.16727; Ge et al. (arXiv 2404.12391) read its features because they see motion. Modules are named
as in the published checkpoint.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics.networks import NETWORKS, InputSpec

_EPS = 1e-6
_TUBELET = 2
_NUDGE = 0.1


@NETWORKS.register("videomae-g")
class VideoMAE(nn.Module):
    """Clips to 1408 features; 1,011,855,918 parameters with the head of 174 classes, 1,011,610,752 without.

    The published features are those of clips left in [0, 1], though the network was trained on clips less ImageNet's
    mean: so this one scales nothing. The arguments are for smaller networks of the same kind; no published protocol
    changes them.

    Args:
        frames: that the positions are laid out for; clips of other lengths stretch them in time.
        size: height and width.
        patch: height and width of a token, which spans two frames.
        width: of a token.
        depth: in blocks.
        heads: of attention.
        hidden: width of a block's two-layer perceptron, 48/11 of ``width``.
        classes: of the head.
    """

    def __init__(
        self,
        frames: int = 16,
        size: int = 224,
        patch: int = 14,
        width: int = 1408,
        depth: int = 40,
        heads: int = 16,
        hidden: int = 6144,
        classes: int = 174,
    ) -> None:
        super().__init__()
        self.input = InputSpec(frames=frames, height=size, width=size)
        self._grid = (frames // _TUBELET, size // patch, size // patch)
        tubelet = (_TUBELET, patch, patch)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, width, tubelet, stride=tubelet)})
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        self.fc_norm = nn.LayerNorm(width, _EPS)
        self.head = nn.Linear(width, classes)

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read of clips in [0, 1], (B, 3, T, 224, 224) with even T; published numbers have T of 16.

        Returns:
            ``features_nd`` (B, 1408), the normalised mean of all tokens, which content-debiased FVD compares;
            ``logits_nd`` (B, 174), the head's answer.

        Raises:
            UsageError: for another size or an odd number of frames.
        """
        size = self.input.height
        _, channels, frames, height, width = video_bcthw.shape
        if channels != 3 or frames % _TUBELET or not frames or (height, width) != (size, size):
            raise UsageError(
                f"videomae-g was given clips of {channels} channels, {frames} frames and {height}x{width}; "
                f"it needs 3 channels, an even number of frames and {size}x{size}"
            )
        tokens_bnd = self.patch_embed["proj"](video_bcthw).flatten(2).transpose(1, 2)
        tokens_bnd = tokens_bnd + self.positions(frames // _TUBELET).to(tokens_bnd)
        for block in self.blocks:
            tokens_bnd = block(tokens_bnd)
        features_nd = self.fc_norm(tokens_bnd.mean(dim=1))
        return {"features_nd": features_nd, "logits_nd": self.head(features_nd)}

    def positions(self, steps: int) -> Tensor:
        """Of all tokens of a clip of that many tubelets, (N, D): sines and cosines of their place in the row of all."""
        table_nd = sines_and_cosines(self._grid[0] * self._grid[1] * self._grid[2], self.fc_norm.weight.numel())
        if steps == self._grid[0]:
            return table_nd
        grid = table_nd.T.reshape(1, -1, *self._grid)
        # cd-fvd asks for 0.1 of a step too many, lest rounding lose one, and so also samples a little closer together.
        scale = ((steps + _NUDGE) / self._grid[0], 1.0, 1.0)
        return F.interpolate(grid, scale_factor=scale, mode="trilinear").flatten(2)[0].T

    @staticmethod
    def from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a checkpoint, which have our names; of training in parallel a prefix may be left.

        Raises:
            UsageError: for a file of something else, such as the pre-trained network with its decoder.
        """
        found = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
        if "fc_norm.weight" not in found:
            raise UsageError(
                "the file is no fine-tuned VideoMAE (it has no fc_norm.weight): "
                f"it holds {', '.join(sorted(tensors)[:3])} and so on"
            )
        return found


class Block(nn.Module):
    """Attention, then a perceptron, each on the normalised tokens and added to them."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, _EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, _EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, tokens_bnd: Tensor) -> Tensor:
        """(B, N, D) to the same."""
        tokens_bnd = tokens_bnd + self.attn(self.norm1(tokens_bnd))
        mixed: Tensor = tokens_bnd + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(tokens_bnd))))
        return mixed


class Attention(nn.Module):
    """Of all tokens to all; queries and values have a bias, keys have none, for softmax would cancel it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens_bnd: Tensor) -> Tensor:
        """(B, N, D) to the same."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        qkv = F.linear(tokens_bnd, self.qkv.weight, bias).reshape(*tokens_bnd.shape[:2], 3, self._heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, D / heads)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        projected: Tensor = self.proj(mixed)
        return projected


def sines_and_cosines(places: int, width: int) -> Tensor:
    """The table of arXiv 1706.03762, section 3.5, (places, width), in float64: sines in even columns, else cosines."""
    column = torch.arange(width, dtype=torch.float64)
    rate = 10000 ** (-(column - column % 2) / width)
    angle = torch.arange(places, dtype=torch.float64)[:, None] * rate
    return torch.where(column % 2 == 0, angle.sin(), angle.cos())
