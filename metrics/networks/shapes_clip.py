"""A small CLIP of Moving Shapes: OpenCLIP's own model, from the config beside this file, for its captions' words."""

import json
import re
from importlib.resources import files
from itertools import product
from typing import Any

import torch
from open_clip.model import CLIP
from torch import Tensor, nn

from vidgauge.datasets.moving_shapes.scene import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, TEXTURES, caption
from vidgauge.errors import UsageError
from vidgauge.metrics.networks import NETWORKS, InputSpec

_PARTS = product(COLOURS, SHAPES, MOTIONS, BACKGROUNDS, TEXTURES)
VOCABULARY = sorted({word for parts in _PARTS for word in caption(*parts).split()})
PADDING, START, UNKNOWN, FIRST_WORD = range(4)
END = FIRST_WORD + len(VOCABULARY)  # the largest: OpenCLIP pools the text where the token is
CONTEXT = 24


def config() -> dict[str, Any]:
    """The OpenCLIP model config, as its ``add_model_config`` would read it."""
    text = (files("vidgauge.metrics.networks") / "shapes_clip.json").read_text("utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def unknown_words(text: str) -> list[str]:
    """The words of a text that the network never saw, in order; it reads them all as one and the same."""
    return [word for word in _words(text) if word not in VOCABULARY]


def tokenize(texts: list[str]) -> Tensor:
    """Word-level tokens, int64, (N, 24): start, words, end, padding.

    Raises:
        UsageError: for a text of more than 22 words, rather than cutting it.
    """
    tokens = torch.full((len(texts), CONTEXT), PADDING)
    for row, text in zip(tokens, texts, strict=True):
        words = _words(text)
        if len(words) > CONTEXT - 2:
            raise UsageError(f"{text[:40]!r}... has {len(words)} words; shapes-clip reads at most {CONTEXT - 2}")
        known = [FIRST_WORD + VOCABULARY.index(word) if word in VOCABULARY else UNKNOWN for word in words]
        row[: len(words) + 2] = torch.tensor([START, *known, END])
    return tokens


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:-\w+)*", text.lower())


@NETWORKS.register("shapes-clip")
class ShapesClip(nn.Module):
    """Embeds frames and captions so that what belongs together lies together."""

    input = InputSpec(frames=None, height=64, width=64)

    def __init__(self) -> None:
        super().__init__()
        self.clip = CLIP(**config())

    def encode_frames(self, frames_bchw: Tensor) -> Tensor:
        """Embed frames, float in [0, 1], (B, 3, 64, 64), as unit vectors (B, 64)."""
        embedded: Tensor = self.clip.encode_image(frames_bchw, normalize=True)
        return embedded

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read: ``frames_ntd``, the unit embedding of each frame, (B, T, 64)."""
        embedded = self.encode_frames(video_bcthw.transpose(1, 2).flatten(0, 1))
        return {"frames_ntd": embedded.reshape(len(video_bcthw), -1, embedded.shape[1])}

    def embed_captions(self, captions: list[str]) -> Tensor:
        """Embed captions as unit vectors (N, 64)."""
        tokens = tokenize(captions).to(self.clip.text_projection.device)
        embedded: Tensor = self.clip.encode_text(tokens, normalize=True)
        return embedded

    def unread(self, captions: list[str]) -> str:
        """Which words of the captions lie outside the vocabulary, as a note; empty where none does."""
        unknown = sorted({word for caption in captions for word in unknown_words(caption)})
        more = ", ..." if len(unknown) > 8 else ""
        return f"shapes-clip does not know {len(unknown)} words: {', '.join(unknown[:8])}{more}" if unknown else ""
