"""Similarities of frames and captions by OpenCLIP's own preprocessing and model, from PNG files to the number."""

from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.bench.contests.agreement.comparison import Values, in_order, peer
from vidgauge.bench.contests.agreement.files import Files
from vidgauge.bench.contests.agreement.networks import CLIP_MODEL, open_clip_model


class OpenClip:
    """The generated videos and their captions, as OpenCLIP's documentation goes from them to embeddings."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._embeddings = cache(self._embed)

    def features(self) -> Values:
        """Embeddings of all frames, (N, T, D)."""
        return in_order(self._embeddings()[0].numpy())

    def clipsim(self) -> float:
        """Mean cosine of caption and frame."""
        frames_ntd, texts_nd = self._embeddings()
        return float((frames_ntd @ texts_nd[:, :, None]).mean())

    def clipsim_of_means(self) -> float:
        """Cosine of caption and mean frame."""
        frames_ntd, texts_nd = self._embeddings()
        return float(F.cosine_similarity(frames_ntd.mean(dim=1), texts_nd, dim=1).mean())

    def consecutive(self) -> float:
        """Mean cosine of each frame and the next."""
        frames_ntd, _ = self._embeddings()
        return float((frames_ntd[:, 1:] * frames_ntd[:, :-1]).sum(dim=2).mean())

    @torch.inference_mode()
    def _embed(self) -> tuple[Tensor, Tensor]:
        model = open_clip_model()
        preprocess = peer("open_clip").image_transform(224, is_train=False)
        frames = [
            model.encode_image(torch.stack([preprocess(picture) for picture in pictures]), normalize=True)
            for pictures in self._files.pictures("generated")
        ]
        tokens = peer("open_clip").get_tokenizer(CLIP_MODEL)(self._files.texts)
        return torch.stack(frames), model.encode_text(tokens, normalize=True)
