"""C3D, fine-tuned on UCF-101: the classifier of the video Inception Score.

Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks" (arXiv 1412.0767), the version of eight
convolutions; TGAN (arXiv 1611.06624) made it the judge. Layers have the names of the published file.
"""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics.networks import NETWORKS, InputSpec, probabilities

CLASSES = 101
_FRAMES, _SIZE = 16, 112
_MEAN_SHAPE = (3, _FRAMES, 128, 171)
"""Of the published mean clip: BGR, frames, height, width of UCF-101 as C3D was trained on it."""
_LEFT = {"tgan": 29, "tganv2": 8}
_TOP = 8
_CHANNELS = {  # of the convolutions; each pooling comes after the last of its number
    "conv1a": 64,
    "conv2a": 128,
    "conv3a": 256,
    "conv3b": 256,
    "conv4a": 512,
    "conv4b": 512,
    "conv5a": 512,
    "conv5b": 512,
}
_LAYERS = (*_CHANNELS, "fc6", "fc7", "fc8")
_PARTS = {"W": "weight", "b": "bias"}


@NETWORKS.register("c3d")
class C3D(nn.Module):
    """Clips to probabilities of UCF-101's actions; 78,409,573 parameters.

    It takes bytes' range, BGR, less the mean of its training clips, which is part of its weights though upstream keeps
    it in a file of its own. Resizing is the protocol's: TGAN's bicubic to 128x128 with the centre cut out, or TGANv2's
    bilinear straight to 112x112. MAGVIT's zeros to the right of and below the last pooling are what pools that round
    up do anyway: everything there has gone through a ReLU.

    Args:
        mean_crop: what of the 128x171 mean is subtracted. ``tgan``: rows 8 to 119 and columns 29 to 140, the middle.
            ``tganv2``: rows and columns 8 to 119, which lie left of it; StyleGAN-V's network is a copy of TGANv2's.
    """

    input = InputSpec(frames=_FRAMES, height=_SIZE, width=_SIZE)

    def __init__(self, mean_crop: Literal["tgan", "tganv2"] = "tganv2") -> None:
        super().__init__()
        if mean_crop not in _LEFT:
            raise UsageError(f"network 'c3d': no mean_crop {mean_crop!r}; there are {' and '.join(_LEFT)}")
        self._left = _LEFT[mean_crop]
        before = 3
        for name, channels in _CHANNELS.items():
            self.add_module(name, nn.Conv3d(before, channels, 3, padding=1))
            before = channels
        self.fc6 = nn.Linear(512 * 4 * 4, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, CLASSES)
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(_MEAN_SHAPE))

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read of clips in [0, 1], (B, 3, 16, 112, 112).

        Returns:
            ``probabilities_nk`` (B, 101), which the Inception Score reads; ``logits_nd`` (B, 101); ``fc6_nd`` and
            ``fc7_nd`` (B, 4096), after their ReLU.

        Raises:
            UsageError: for clips of another shape.
        """
        if video_bcthw.shape[1:] != (3, _FRAMES, _SIZE, _SIZE):
            given = "x".join(str(size) for size in video_bcthw.shape[1:])
            raise UsageError(f"c3d was given clips of {given}; it needs 3 channels, 16 frames, 112x112: 3x16x112x112")
        pooled = self.convolve(self.less_mean(video_bcthw))[-1].flatten(1)
        fc6_nd = F.relu(self.fc6(pooled))
        fc7_nd = F.relu(self.fc7(fc6_nd))
        logits_nd = self.fc8(fc7_nd)
        return {
            "probabilities_nk": probabilities(logits_nd),
            "logits_nd": logits_nd,
            "fc6_nd": fc6_nd,
            "fc7_nd": fc7_nd,
        }

    def less_mean(self, video_bcthw: Tensor) -> Tensor:
        """Clips as the convolutions take them: RGB in [0, 1] to BGR in [0, 255], less the mean."""
        mean_cthw = self.mean[:, :, _TOP : _TOP + _SIZE, self._left : self._left + _SIZE]
        return 255 * video_bcthw.flip(1) - mean_cthw

    def convolve(self, video_bcthw: Tensor) -> list[Tensor]:
        """What each of the five poolings leaves, the last (B, 512, 1, 4, 4)."""
        pooled = []
        for name in _CHANNELS:
            video_bcthw = F.relu(self.get_submodule(name)(video_bcthw))
            if name in ("conv1a", "conv2a", "conv3b", "conv4b", "conv5b"):
                window = (1, 2, 2) if name == "conv1a" else (2, 2, 2)
                video_bcthw = F.max_pool3d(video_bcthw, window, window, ceil_mode=True)
                pooled.append(video_bcthw)
        return pooled

    @staticmethod
    def from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the published files together under our names; `PUBLISHED_NAMES` lists those that are known.

        Raises:
            UsageError: where the names are of none of them, or the mean is missing.
        """
        for names in PUBLISHED_NAMES:
            if names["fc8.weight"] in tensors:
                break
        else:
            raise UsageError(f"the file is no C3D that is known: it holds {', '.join(sorted(tensors)[:3])} and so on")
        if "mean" not in tensors:
            raise UsageError(
                "the file holds C3D without the mean clip that it needs; put it beside mean2.npz and ask for the "
                "weights 'c3d-ucf101', or add the array 'mean' to it"
            )
        ours = {theirs: own for own, theirs in names.items()}
        found = {ours.get(name, name): tensor for name, tensor in tensors.items()}
        if found["mean"].numel() == 3 * _FRAMES * 128 * 171:  # the file may keep an axis for clips
            found["mean"] = found["mean"].reshape(_MEAN_SHAPE)
        return found


OUR_NAMES = {f"{layer}.{part}": f"{layer}.{part}" for layer in _LAYERS for part in _PARTS.values()}
CHAINER_NAMES = {f"{layer}.{part}": f"{layer}/{theirs}" for layer in _LAYERS for theirs, part in _PARTS.items()}
"""Arrays of TGAN's and TGANv2's file (npz) by our names."""
SHORT_NAMES = {own: own.replace("1a", "1").replace("2a", "2") for own in OUR_NAMES}
"""Tensors of the usual ports to PyTorch, which call the first two convolutions conv1 and conv2."""
PUBLISHED_NAMES = (CHAINER_NAMES, SHORT_NAMES)
