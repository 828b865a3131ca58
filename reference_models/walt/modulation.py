"""AdaLN-LoRA: what each layer is told of noise level and class, at a third of DiT's parameters (section 3.3)."""

from typing import NamedTuple

from torch import Tensor, nn

from vidgauge.reference_models.transformer.modulation import zeroed


class Modulation(NamedTuple):
    """The six chunks of A_i, each (B, 1 or T, 1, 1, d)."""

    shift_attention: Tensor
    scale_attention: Tensor
    gate_attention: Tensor
    shift_mlp: Tensor
    scale_mlp: Tensor
    gate_mlp: Tensor


def first(width: int) -> nn.Linear:
    """The map of A_1 = MLP(c + t) after its activation; zero at the start, so that all gates are shut (DiT)."""
    return zeroed(nn.Linear(width, len(Modulation._fields) * width))


class AdaLnLora(nn.Module):
    """A_i = A_1 + W_b W_a (c + t).

    The activation comes before both maps, so that a large rank can be what separate maps are (not stated; ours). W_b
    starts at zero, as in LoRA (arXiv 2106.09685; not stated; ours): at first all layers have A_1.

    Args:
        width: d.
        rank: r of W_a (d to r) and W_b (r to 6 d); 0 leaves A_1 alone.
    """

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        outputs = len(Modulation._fields) * width
        self.a = nn.Linear(width, rank, bias=False) if rank else None
        self.b = zeroed(nn.Linear(rank, outputs, bias=False)) if rank else None

    def forward(self, embedding_btd: Tensor, shared_bte: Tensor | None) -> Modulation:
        """From the activated c + t and from A_1."""
        assert shared_bte is not None
        if self.a is not None and self.b is not None:
            shared_bte = shared_bte + self.b(self.a(embedding_btd))
        return chunks(shared_bte)


class AdaLn(nn.Module):
    """A_i = MLP_i(c + t), a map for each layer, as DiT (Peebles and Xie, arXiv 2212.09748)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = first(width)

    def forward(self, embedding_btd: Tensor, shared_bte: Tensor | None) -> Modulation:
        """From the activated c + t alone."""
        del shared_bte
        return chunks(self.own(embedding_btd))


def chunks(numbers_bte: Tensor) -> Modulation:
    """(B, 1 or T, 6 d) in six."""
    return Modulation(*numbers_bte[:, :, None, None].chunk(len(Modulation._fields), -1))
