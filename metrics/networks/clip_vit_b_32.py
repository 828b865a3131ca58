"""CLIP ViT-B/32 with OpenAI's activation, through OpenCLIP: the network of CLIPSIM as GODIVA defined it."""

import open_clip
import torch
from open_clip.model import CLIP
from torch import Tensor

from vidgauge.metrics.networks import NETWORKS, InputSpec

_MODEL = "ViT-B-32-quickgelu"  # plain "ViT-B-32" computes another activation than the one the weights were trained with
_READ = 75  # of 77 tokens, two mark start and end


@NETWORKS.register("clip-vit-b-32")
class ClipViTB32(CLIP):  # type: ignore[misc]  # OpenCLIP has no types
    """Embeds frames and captions (arXiv 2103.00020): 512 dimensions, 151,277,313 parameters.

    It is OpenCLIP's class itself, so its tensors have the names of the published file.
    """

    input = InputSpec(frames=None, height=224, width=224)

    def __init__(self) -> None:
        super().__init__(**open_clip.get_model_config(_MODEL))
        self._tokenize = open_clip.get_tokenizer(_MODEL)
        self.register_buffer("mean", torch.tensor(open_clip.OPENAI_DATASET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(open_clip.OPENAI_DATASET_STD)[:, None, None], persistent=False)

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read: ``frames_ntd``, the unit embedding of each frame, (B, T, 512)."""
        frames = (video_bcthw.transpose(1, 2).flatten(0, 1) - self.mean) / self.std
        return {"frames_ntd": self.encode_image(frames, normalize=True).unflatten(0, (len(video_bcthw), -1))}

    def embed_captions(self, captions: list[str]) -> Tensor:
        """Unit embeddings of captions, (N, 512); only the first 75 tokens of each are read."""
        embedded: Tensor = self.encode_text(self._tokenize(captions), normalize=True)
        return embedded

    def unread(self, captions: list[str]) -> str:
        """What of the captions the network does not read, as a note; empty where it reads all."""
        cut = [caption for caption in captions if len(self._tokenize.encode(caption)) > _READ]
        return f"{len(cut)} captions are cut after {_READ} tokens, such as {cut[0][:40]!r}..." if cut else ""
