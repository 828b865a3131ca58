"""The network of LPIPS: distances between images in the features of AlexNet or VGG-16.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (arXiv 1801.03924), version 0.1
of its weights. Convolutions have torchvision's names.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import NETWORKS, InputSpec
from vidgauge.weights import read_tensors, sha256

if TYPE_CHECKING:
    from vidgauge.metrics.paired.measures.lpips import PatchDistance


class _Backbone(NamedTuple):
    ends: tuple[int, ...]
    """The layers, all of them ReLUs, whose outputs are compared."""
    smallest: int
    """Pixels along a side that leave one at the last of them."""
    sha256: str
    """Of the linear weights."""


_BACKBONES = {
    "alex": _Backbone(
        (1, 4, 7, 9, 11), 31, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"
    ),
    "vgg": _Backbone(
        (3, 8, 15, 22, 29), 16, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"
    ),
}  # fmt: skip
_VGG_CHANNELS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of ImageNet's pixels in [-1, 1]: what version 0.1 brought."""


@NETWORKS.register("lpips")
class LPIPSNetwork(nn.Module):
    """Pairs of frames to distances; it has no features of its own to give, and so no ``extract``.

    The weights of a file are those of the convolutions. The linear weights, 1,152 for AlexNet and 1,472 for VGG, come
    with torchmetrics and are always the published ones, also where the convolutions are random.

    Args:
        backbone: ``alex``: AlexNet, 2,469,696 parameters, which the authors advise. ``vgg``: VGG-16, 14,714,688.
    """

    input = InputSpec(frames=None, height=64, width=64)  # the patches that people judged; larger and smaller ones go

    def __init__(self, backbone: Literal["alex", "vgg"] = "alex") -> None:
        super().__init__()
        if backbone not in _BACKBONES:
            raise UsageError(f"network 'lpips': no backbone {backbone!r}; there are {' and '.join(_BACKBONES)}")
        self._backbone = _BACKBONES[backbone]
        self.features = nn.Sequential(*(_alexnet() if backbone == "alex" else _vgg16()))
        self.shift: Tensor
        self.scale: Tensor
        for name, values in (("shift", _SHIFT), ("scale", _SCALE)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        for number, weight_c in enumerate(_linear_weights(backbone, self._backbone.sha256)):
            self.register_buffer(f"linear{number}", weight_c, persistent=False)

    @property
    def smallest(self) -> int:
        """Fewest pixels along either side of a frame."""
        return self._backbone.smallest

    def distances(self, a_bchw: Tensor, b_bchw: Tensor, how: "PatchDistance" = "published") -> Tensor:
        """How far apart two images look, (B,).

        Args:
            a_bchw: images in [0, 1], (B, 3, H, W).
            b_bchw: images of the same shape.
            how: ``published``: in each layer the mean of the map of distances, summed over layers, as the package
                ``lpips`` does. ``spatial``: the mean of the sum of these maps, each enlarged to the images' size
                (``spatial=True`` of that package and a mean: the scripts of JunyaoHu). ``torchmetrics``: as published,
                but features get their length 1 by ``sqrt(|f|^2 + 1e-8)`` instead of ``|f| + 1e-10``.
        """
        a_bchw, b_bchw = (images.to(self.shift) for images in (a_bchw, b_bchw))
        total = a_bchw.new_zeros(len(a_bchw))
        for number, (features_a, features_b) in enumerate(self._compared(a_bchw, b_bchw)):
            difference_bchw = (_unit(features_a, how) - _unit(features_b, how)).square()
            map_bhw = torch.einsum("bchw,c->bhw", difference_bchw, self.get_buffer(f"linear{number}"))
            if how == "spatial":
                map_bhw = F.interpolate(map_bhw[:, None], a_bchw.shape[2:], mode="bilinear")[:, 0]
            total = total + map_bhw.mean(dim=(1, 2))
        return total

    def _compared(self, a_bchw: Tensor, b_bchw: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Both images' features in each layer that is compared, one layer after the other."""
        both = (2 * torch.cat([a_bchw, b_bchw]) - 1 - self.shift) / self.scale
        for number, layer in enumerate(self.features):
            both = layer(both)
            if number in self._backbone.ends:
                yield both[: len(a_bchw)], both[len(a_bchw) :]

    @staticmethod
    def from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of torchvision's file that are looked through: all but those of the classifier."""
        return {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}


def _alexnet() -> Iterator[nn.Module]:
    """AlexNet as torchvision has it (arXiv 1404.5997), up to its last ReLU."""
    for pool, before, after, kernel, stride, padding in (
        (False, 3, 64, 11, 4, 2),
        (True, 64, 192, 5, 1, 2),
        (True, 192, 384, 3, 1, 1),
        (False, 384, 256, 3, 1, 1),
        (False, 256, 256, 3, 1, 1),
    ):
        if pool:
            yield nn.MaxPool2d(3, 2)
        yield nn.Conv2d(before, after, kernel, stride, padding)
        yield nn.ReLU()


def _vgg16() -> Iterator[nn.Module]:
    """VGG-16 (arXiv 1409.1556), up to its last ReLU."""
    before = 3
    for block, channels in enumerate(_VGG_CHANNELS):
        if block:
            yield nn.MaxPool2d(2, 2)
        for after in channels:
            yield nn.Conv2d(before, after, 3, padding=1)
            yield nn.ReLU()
            before = after


def _linear_weights(backbone: str, digest: str) -> Iterator[Tensor]:
    """What each channel of each layer counts, (C,), from the file that torchmetrics brings (BSD-2-Clause)."""
    found = importlib.util.find_spec("torchmetrics")
    assert found is not None, "a dependency of this package"
    assert found.origin is not None
    path = Path(found.origin).parent / "functional" / "image" / "lpips_models" / f"{backbone}.pth"
    if not path.is_file() or sha256(path) != digest:
        raise VidgaugeError(
            f"network 'lpips': {path} is not version 0.1 of its linear weights; install torchmetrics anew"
        )
    tensors = read_tensors(path)
    for number in range(len(tensors)):
        yield tensors[f"lin{number}.model.1.weight"].flatten()


def _unit(features_bchw: Tensor, how: "PatchDistance") -> Tensor:
    if how == "torchmetrics":
        return features_bchw / (features_bchw.square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
    length: Tensor = torch.linalg.vector_norm(features_bchw, dim=1, keepdim=True)
    return features_bchw / (length + 1e-10)
