"""Inception-2015, the network of FID, KID and the Inception Score of images, here over the frames of videos.

Szegedy et al. (arXiv 1512.00567), in the TensorFlow graph of 2015 that Heusel et al. (arXiv 1706.08500) took, whose
pools and classes differ from torchvision's. Its layers are torch-fidelity's, so tensors have their published names.
"""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as layers

from vidgauge.errors import UsageError
from vidgauge.metrics.networks import NETWORKS, InputSpec, probabilities, with_own_counters

_SIZE = 299
_CLASSES = 1008


@NETWORKS.register("inception")
class Inception(nn.Module):
    """Frames to 2048 features; 23,850,960 parameters.

    Resizing is the protocol's; torch-fidelity's own is not used.

    Args:
        scaling: ``torch-fidelity``: bytes less 128, over 128, as in the graph, so that white is 127/128; torchmetrics
            does so too. ``pytorch-fid``: from [0, 1] to [-1, 1].
    """

    input = InputSpec(frames=None, height=_SIZE, width=_SIZE)

    def __init__(self, scaling: Literal["torch-fidelity", "pytorch-fid"] = "torch-fidelity") -> None:
        super().__init__()
        if scaling not in ("torch-fidelity", "pytorch-fid"):
            raise UsageError(f"network 'inception': no scaling {scaling!r}; there are torch-fidelity and pytorch-fid")
        self._gain = 255 / 128 if scaling == "torch-fidelity" else 2.0
        self.Conv2d_1a_3x3 = layers.BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = layers.BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = layers.BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.MaxPool_1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = layers.BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = layers.BasicConv2d(80, 192, kernel_size=3)
        self.MaxPool_2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = layers.InceptionA(192, pool_features=32)
        self.Mixed_5c = layers.InceptionA(256, pool_features=64)
        self.Mixed_5d = layers.InceptionA(288, pool_features=64)
        self.Mixed_6a = layers.InceptionB(288)
        self.Mixed_6b = layers.InceptionC(768, channels_7x7=128)
        self.Mixed_6c = layers.InceptionC(768, channels_7x7=160)
        self.Mixed_6d = layers.InceptionC(768, channels_7x7=160)
        self.Mixed_6e = layers.InceptionC(768, channels_7x7=192)
        self.Mixed_7a = layers.InceptionD(768)
        self.Mixed_7b = layers.InceptionE_1(1280)
        self.Mixed_7c = layers.InceptionE_2(2048)
        self.AvgPool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, _CLASSES)

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read of clips in [0, 1], (B, 3, T, 299, 299), frame by frame.

        Returns:
            ``frames_ntd`` (B, T, 2048), the pooled features that FID and KID compare; ``logits_ntd`` (B, T, 1008)
            without the last layer's bias, and ``probabilities_ntk`` of those: so the Inception Score of images is made.

        Raises:
            UsageError: for another size.
        """
        batch, channels, _, height, width = video_bcthw.shape
        if channels != 3 or (height, width) != (_SIZE, _SIZE):
            raise UsageError(
                f"inception was given frames of {channels} channels and {height}x{width}; "
                f"it needs 3 channels and {_SIZE}x{_SIZE}"
            )
        frames_ntd = self.pool(self.scale(video_bcthw.transpose(1, 2).flatten(0, 1))).reshape(batch, -1, 2048)
        logits_ntd = frames_ntd @ self.fc.weight.T
        return {"frames_ntd": frames_ntd, "logits_ntd": logits_ntd, "probabilities_ntk": probabilities(logits_ntd)}

    def scale(self, frames_bchw: Tensor) -> Tensor:
        """Frames in [0, 1] as the layers take them: to [-1, 127/128], or to [-1, 1]."""
        return self._gain * frames_bchw - 1

    def pool(self, frames_bchw: Tensor) -> Tensor:
        """All layers before the classes: scaled frames to (B, 2048)."""
        for name, layer in self.named_children():
            if name != "fc":
                frames_bchw = layer(frames_bchw)
        return frames_bchw.flatten(1)

    def from_published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of torch-fidelity's or pytorch-fid's file, which have our names."""
        return with_own_counters(self, tensors)
