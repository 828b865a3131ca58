"""T5's encoder, which Imagen Video conditions on, through the library transformers."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.text.encoder import Text
from vidgauge.reference_models.text.frozen import FrozenEncoder


def t5(name_or_folder: str | Path, length: int = 128) -> "T5":
    """A frozen T5 encoder whose files are on this machine; nothing is downloaded.

    Args:
        name_or_folder: a folder as ``save_pretrained`` writes it, or the name of what Hugging Face's cache holds, such
            as "google/t5-v1_1-xxl".
        length: tokens that captions are padded to. The paper does not state it; 128 is ours.

    Raises:
        UsageError: where the library or the files are missing, with what to do.
    """
    try:
        transformers: Any = import_module("transformers")
    except ImportError:
        raise UsageError(
            "t5 needs the library transformers, which is not here; run: pip install transformers sentencepiece"
        ) from None
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(name_or_folder), local_files_only=True)
        module = transformers.T5EncoderModel.from_pretrained(str(name_or_folder), local_files_only=True)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"no T5 encoder at {str(name_or_folder)!r} ({reason}); give a folder that holds one, "
            f"or run first: hf download {name_or_folder}"
        ) from None
    return T5(module, tokenizer, length)


class T5(FrozenEncoder):
    """Tokens are the encoder's last hidden states; the vector is their mean [ours: Imagen learns an attention pool].

    Args:
        module: a T5 encoder of transformers.
        tokenizer: its tokenizer.
        length: tokens that captions are padded to.
    """

    def __init__(self, module: Any, tokenizer: Any, length: int) -> None:  # noqa: ANN401 - the library has no types
        channels: int = module.config.d_model
        super().__init__(module, length, channels, channels)
        self._tokenizer = tokenizer

    def forward(self, captions: Sequence[str]) -> Text:
        """Encode; tokens come at the encoder's precision."""
        given = self._tokenizer(list(captions), padding="max_length", max_length=self.length, return_tensors="pt")
        numbers, mask_bn = (given[name].to(self.place.device) for name in ("input_ids", "attention_mask"))
        if numbers.shape[1] > self.length:
            raise UsageError(
                f"a caption has {numbers.shape[1]} T5 tokens; this text encoder reads at most {self.length}"
            )
        with torch.no_grad():
            states = self.module(input_ids=numbers, attention_mask=mask_bn).last_hidden_state
        tokens = states * mask_bn[..., None]
        pooled = tokens.sum(1) / mask_bn.sum(1, keepdim=True).clamp(min=1)
        return Text(tokens, mask_bn.bool(), pooled)
