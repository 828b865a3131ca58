"""CLIP in any of OpenCLIP's models: the network of CLIPSIM, CLIPScore and the consistency of frames.

Radford et al. (arXiv 2103.00020). GODIVA's CLIPSIM (arXiv 2104.14806) has ViT-B/32 with OpenAI's activation.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import open_clip
import torch
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP, convert_to_custom_text_state_dict
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from vidgauge.errors import UsageError, VidgaugeError, near_misses
from vidgauge.metrics.networks import NETWORKS, InputSpec

_SETTINGS = ("input_resolution", "context_length", "vocab_size")
"""Entries of OpenAI's files that are no tensors of the network."""


@NETWORKS.register("clip")
class Clip(nn.Module):
    """Embeds frames and captions in one space; ViT-B/32 in 512 dimensions, with 151,277,313 parameters.

    Args:
        model: OpenCLIP's name. "ViT-B-32" without "-quickgelu" computes another activation than OpenAI's weights were
            trained with.
        pretrained: OpenCLIP's name of the weights that are meant, such as "openai": it says the mean and deviation of
            their frames, and is refused for a model with another activation. Without it OpenAI's are taken, which most
            weights share. It loads nothing; ``build_network``'s ``weights`` does.
    """

    def __init__(self, model: str = "ViT-B-32-quickgelu", pretrained: str = "") -> None:
        super().__init__()
        self._model = model
        self.clip = _random(model)
        published = _published(model, pretrained) if pretrained else {}
        size = self.clip.visual.image_size
        height, width = size if isinstance(size, tuple) else (size, size)
        self.input = InputSpec(frames=None, height=height, width=width)
        self.mean: Tensor
        self.std: Tensor
        for name, default in (("mean", open_clip.OPENAI_DATASET_MEAN), ("std", open_clip.OPENAI_DATASET_STD)):
            values = torch.tensor(published.get(name, default), dtype=torch.float64)[:, None, None]
            self.register_buffer(name, values.float(), persistent=False)

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read of clips in [0, 1]: ``frames_ntd``, the unit embedding of each frame, (B, T, D).

        Raises:
            UsageError: for another size than the model's.
        """
        _, channels, _, height, width = video_bcthw.shape
        if channels != 3 or (height, width) != (self.input.height, self.input.width):
            raise UsageError(
                f"clip ({self._model}) was given frames of {channels} channels and {height}x{width}; "
                f"it needs 3 channels and {self.input.height}x{self.input.width}"
            )
        frames = (video_bcthw.transpose(1, 2).flatten(0, 1) - self.mean) / self.std
        return {"frames_ntd": self.clip.encode_image(frames, normalize=True).unflatten(0, (len(video_bcthw), -1))}

    def embed_captions(self, captions: list[str]) -> Tensor:
        """Unit embeddings of captions, (N, D); of a long one only its first tokens are read, 75 in most models.

        Raises:
            VidgaugeError: for a model whose tokenizer OpenCLIP leaves to another library that is not there.
        """
        tokens = self._tokenizer(captions).to(self.mean.device)
        embedded: Tensor = self.clip.encode_text(tokens, normalize=True)
        return embedded

    def unread(self, captions: list[str]) -> str:
        """What of the captions the network does not read, as a note; empty where it reads all."""
        if not isinstance(self._tokenizer, SimpleTokenizer):
            return f"whether captions are cut is not known: the tokenizer of {self._model} is not OpenCLIP's own"
        most = self._tokenizer.context_length - 2  # two mark start and end
        cut = [caption for caption in captions if len(self._tokenizer.encode(caption)) > most]
        return f"{len(cut)} captions are cut after {most} tokens, such as {cut[0][:40]!r}..." if cut else ""

    def from_published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of OpenAI's or OpenCLIP's files under our names, which have ``clip.`` before theirs."""
        found = {name.removeprefix("module."): value for name, value in tensors.items() if name not in _SETTINGS}
        if not hasattr(self.clip, "positional_embedding"):  # of captions: some models keep that tower apart
            found = convert_to_custom_text_state_dict(found)
        return {f"clip.{name.removeprefix('clip.')}": value for name, value in found.items()}

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - OpenCLIP has no types
        try:
            return open_clip.get_tokenizer(self._model)
        except (ImportError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise VidgaugeError(f"clip ({self._model}) cannot read captions here: its tokenizer: {reason}") from error


def _random(model: str) -> Any:  # noqa: ANN401 - OpenCLIP has no types
    """The model with random weights: OpenCLIP's own function would fetch those of its towers, and warn."""
    if model not in open_clip.list_models():
        raise UsageError(f"network 'clip': no model {model!r}; {near_misses(model, open_clip.list_models())}")
    config = open_clip.get_model_config(model)
    apart = config.pop("custom_text", False)
    if "hf_model_name" in config["text_cfg"]:
        raise UsageError(f"network 'clip': the captions' tower of {model!r} is not OpenCLIP's own, so it is not taken")
    kind = CoCa if "multimodal_cfg" in config else CustomTextCLIP if apart else CLIP
    return kind(**config)


def _published(model: str, pretrained: str) -> dict[str, Any]:
    """What OpenCLIP knows about the weights of that name."""
    found: dict[str, Any] = open_clip.get_pretrained_cfg(model, pretrained)
    if not found:
        names = open_clip.list_pretrained_tags_by_model(model)
        raise UsageError(f"network 'clip': {model!r} has no weights {pretrained!r}; {near_misses(pretrained, names)}")
    quick = [bool(one.get("quick_gelu")) for one in (found, open_clip.get_model_config(model))]
    if quick[0] != quick[1]:
        other = f"{model}-quickgelu" if quick[0] else model.removesuffix("-quickgelu")
        raise UsageError(
            f"network 'clip': {pretrained!r} was trained with another activation than {model!r} computes; take {other}"
        )
    return found
