"""What adaptive layer normalisation is made of (DiT: Peebles and Xie, arXiv 2212.09748, section 3.2)."""

from torch import Tensor, nn


def bare_norm(width: int) -> nn.LayerNorm:
    """Without scale and shift of its own: those come from the modulation."""
    return nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)


def modulated(tokens_bthwd: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Scaled around one and shifted."""
    return tokens_bthwd * (1 + scale) + shift


class Last(nn.Module):
    """Norm, modulation, and a map from d to a patch; the maps are zero at the start, as DiT."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.norm, self.modulation = bare_norm(width), zeroed(nn.Linear(width, 2 * width))
        self.project = zeroed(nn.Linear(width, channels))

    def forward(self, tokens_bthwd: Tensor, condition: Tensor) -> Tensor:
        """(B, T, h, w, d) to (B, T, h, w, C p^2); the condition is (..., d) and broadcasts to the tokens."""
        shift, scale = self.modulation(condition).chunk(2, -1)
        out: Tensor = self.project(modulated(self.norm(tokens_bthwd), shift, scale))
        return out


def zeroed(linear: nn.Linear) -> nn.Linear:
    """A map that starts at zero."""
    for parameter in linear.parameters():
        nn.init.zeros_(parameter)
    return linear
