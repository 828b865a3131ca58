"""CLIP's text tower, through OpenCLIP, with weights from a file."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors import SafetensorError
from torch import nn

from vidgauge.errors import UsageError, near_misses
from vidgauge.reference_models.text.encoder import Text
from vidgauge.reference_models.text.frozen import FrozenEncoder


def clip(model: str, weights: str | Path) -> "Clip":
    """A frozen text tower of CLIP.

    Args:
        model: OpenCLIP's name, such as "ViT-L-14".
        weights: file of the whole CLIP's weights, safetensors or a PyTorch state dict.

    Raises:
        UsageError: for a model that OpenCLIP does not know or whose words it leaves to others, or weights that do not
            fit.
    """
    if model not in open_clip.list_models():
        raise UsageError(f"OpenCLIP has no model {model!r}; {near_misses(model, open_clip.list_models())}")
    text = open_clip.get_model_config(model)["text_cfg"]
    if "hf_model_name" in text or "hf_tokenizer_name" in text:
        raise UsageError(f"the text tower or tokenizer of {model!r} is not OpenCLIP's own, so it is not taken")
    if not Path(weights).is_file():
        raise UsageError(f"{weights}: there is no such file of weights for {model!r}")
    try:
        whole = open_clip.create_model(model, pretrained=str(weights), force_custom_text=True)
    except (RuntimeError, ValueError, OSError, SafetensorError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{weights}: these are no weights of {model!r} ({reason})") from None
    return Clip(whole.text, open_clip.get_tokenizer(model))


class Clip(FrozenEncoder):
    """Tokens are the tower's last states after their norm; the vector is the one that images are compared with.

    Args:
        tower: OpenCLIP's text transformer.
        tokenizer: its tokenizer.
    """

    def __init__(self, tower: nn.Module, tokenizer: SimpleTokenizer) -> None:
        inside: Any = tower
        inside.output_tokens = True
        super().__init__(tower, inside.context_length, inside.width, inside.output_dim)
        self._tokenizer = tokenizer

    def forward(self, captions: Sequence[str]) -> Text:
        """Encode; the marks of start and end are tokens too."""
        most = self.length - 2
        for caption in captions:
            if len(self._tokenizer.encode(caption)) > most:
                raise UsageError(f"{caption[:40]!r}... has more than the {most} tokens that this CLIP reads")
        numbers = self._tokenizer(list(captions)).to(self.place.device)
        with torch.no_grad():
            pooled, states = self.module(numbers)
        last = numbers.argmax(1, keepdim=True)  # the mark of the end is the largest number
        mask_bn = torch.arange(self.length, device=numbers.device) <= last
        return Text(states * mask_bn[..., None], mask_bn, pooled)
