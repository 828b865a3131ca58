"""What adaptive layer normalisation is made of (DiT: Peebles and Xie, arXiv 2212.09748, section 3.2)."""

from torch import Tensor, nn


def bare_norm(width: int) -> nn.LayerNorm:
    """Without scale and shift of its own: those come from the modulation."""
    return nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)


def modulated(tokens_bthwd: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Scaled around one and shifted."""
    return tokens_bthwd * (1 + scale) + shift


def zeroed(linear: nn.Linear) -> nn.Linear:
    """A map that starts at zero."""
    for parameter in linear.parameters():
        nn.init.zeros_(parameter)
    return linear
