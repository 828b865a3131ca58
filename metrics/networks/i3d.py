"""I3D, an Inception network inflated to three dimensions, trained on Kinetics-400: the network of FVD.

Carreira and Zisserman, "Quo Vadis, Action Recognition?" (arXiv 1705.07750), figure 3; FVD reads its logits (arXiv
1812.01717). Modules are named as the TensorFlow graph names its scopes, and everything is padded as TensorFlow pads.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics.networks import NETWORKS, InputSpec, probabilities, with_own_counters
from vidgauge.metrics.networks._i3d_names import port_names, tensorflow_names

Triple = tuple[int, int, int]
"""Of time, height and width."""

CLASSES = 400
_FEWEST_FRAMES = 9
"""After halving three times, rounding up, the last pooling still needs two frames."""
_MIXED: dict[str, tuple[int, tuple[int, int], tuple[int, int], int]] = {  # channels of the four branches
    "Mixed_3b": (64, (96, 128), (16, 32), 32),
    "Mixed_3c": (128, (128, 192), (32, 96), 64),
    "Mixed_4b": (192, (96, 208), (16, 48), 64),
    "Mixed_4c": (160, (112, 224), (24, 64), 64),
    "Mixed_4d": (128, (128, 256), (24, 64), 64),
    "Mixed_4e": (112, (144, 288), (32, 64), 64),
    "Mixed_4f": (256, (160, 320), (32, 128), 128),
    "Mixed_5b": (256, (160, 320), (32, 128), 128),
    "Mixed_5c": (384, (192, 384), (48, 128), 128),
}


@NETWORKS.register("i3d")
class I3D(nn.Module):
    """Clips to the logits of 400 actions; 12,697,264 parameters, the batch norms' scales (in TensorFlow 1) among them.

    Args:
        batch_norm_eps: 1e-3 in the original; the ports to PyTorch that most papers use have 1e-5, which is another
            network: a protocol says which.
    """

    input = InputSpec(frames=None, height=224, width=224)

    def __init__(self, batch_norm_eps: float = 1e-3) -> None:
        super().__init__()
        eps = batch_norm_eps
        self.Conv3d_1a_7x7 = Unit(3, 64, (7, 7, 7), eps, stride=(2, 2, 2))
        self.MaxPool3d_2a_3x3 = MaxPoolSame((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64, (1, 1, 1), eps)
        self.Conv3d_2c_3x3 = Unit(64, 192, (3, 3, 3), eps)
        self.MaxPool3d_3a_3x3 = MaxPoolSame((1, 3, 3), (1, 2, 2))
        self.Mixed_3b = Mixed(192, "Mixed_3b", eps)
        self.Mixed_3c = Mixed(256, "Mixed_3c", eps)
        self.MaxPool3d_4a_3x3 = MaxPoolSame((3, 3, 3), (2, 2, 2))
        self.Mixed_4b = Mixed(480, "Mixed_4b", eps)
        self.Mixed_4c = Mixed(512, "Mixed_4c", eps)
        self.Mixed_4d = Mixed(512, "Mixed_4d", eps)
        self.Mixed_4e = Mixed(512, "Mixed_4e", eps)
        self.Mixed_4f = Mixed(528, "Mixed_4f", eps)
        self.MaxPool3d_5a_2x2 = MaxPoolSame((2, 2, 2), (2, 2, 2))
        self.Mixed_5b = Mixed(832, "Mixed_5b", eps)
        self.Mixed_5c = Mixed(832, "Mixed_5c", eps)
        self.AvgPool3d = nn.AvgPool3d((2, 7, 7), stride=1)
        self.Logits = nn.ModuleDict({"Conv3d_0c_1x1": nn.Conv3d(1024, CLASSES, 1)})

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read of clips in [0, 1], (B, 3, T, 224, 224) with T of at least 9.

        Returns:
            ``logits_nd`` (B, 400), before the softmax and averaged over time: what FVD compares; ``pool_nd`` (B, 1024),
            the layer before; ``probabilities_nk`` (B, 400).

        Raises:
            UsageError: for fewer frames or another size.
        """
        check_clips(video_bcthw)
        return read_outputs(self.pool(2 * video_bcthw - 1), self.Logits)

    def pool(self, video_bcthw: Tensor) -> Tensor:
        """All layers before the logits: clips in [-1, 1] to (B, 1024, time, 1, 1)."""
        for name, layer in self.named_children():
            if name != "Logits":
                video_bcthw = layer(video_bcthw)
        return video_bcthw

    def for_inference(self) -> nn.Module:
        """The same, faster."""
        from vidgauge.metrics.networks.fast_i3d import FastI3D

        return FastI3D(self)

    def from_published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published file under our names: those of TensorFlow's graph, or of its ports to PyTorch.

        Raises:
            UsageError: where the names are of none of them.
        """
        given = {name.removeprefix("module/"): tensor for name, tensor in tensors.items()}
        for names in (TF_NAMES, *PORTED_NAMES, OUR_NAMES):
            if names["Logits.Conv3d_0c_1x1.weight"] in given:
                break
        else:
            raise UsageError(f"the file is no I3D that is known: it holds {', '.join(sorted(tensors)[:3])} and so on")
        ours = {theirs: own for own, theirs in names.items()}
        found = {ours.get(name, name): tensor for name, tensor in given.items()}
        if names is TF_NAMES:
            found = dict(_from_tensorflow(found))
        found = {name: tensor for name, tensor in found.items() if not name.endswith("num_batches_tracked")}
        return with_own_counters(self, found)


class Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, eps: float, stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        self.conv_3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.batch_norm = nn.BatchNorm3d(outputs, eps)

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W), of which the stride leaves every so manieth, rounded up."""
        padded = pad_same(video_bcthw, self.conv_3d.kernel_size, self.conv_3d.stride)
        activated: Tensor = F.relu(self.batch_norm(self.conv_3d(padded)))
        return activated


class MaxPoolSame(nn.Module):
    """Maxima over windows that reach over the edges, as TensorFlow lays them."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W), of which the stride leaves every so manieth, rounded up."""
        # TensorFlow ignores what lies outside; zeros are the same here, for all inputs come out of a ReLU.
        return F.max_pool3d(pad_same(video_bcthw, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """An Inception block: four ways side by side, their channels joined."""

    def __init__(self, inputs: int, name: str, eps: float) -> None:
        super().__init__()
        one, (reduced, three), (squeezed, other), pooled = _MIXED[name]
        self.Branch_0 = nn.Sequential()
        self.Branch_0.add_module("Conv3d_0a_1x1", Unit(inputs, one, (1, 1, 1), eps))
        self.Branch_1 = nn.Sequential()
        self.Branch_1.add_module("Conv3d_0a_1x1", Unit(inputs, reduced, (1, 1, 1), eps))
        self.Branch_1.add_module("Conv3d_0b_3x3", Unit(reduced, three, (3, 3, 3), eps))
        self.Branch_2 = nn.Sequential()
        self.Branch_2.add_module("Conv3d_0a_1x1", Unit(inputs, squeezed, (1, 1, 1), eps))
        # The published graph has a slip of the pen in this one name.
        self.Branch_2.add_module(
            "Conv3d_0a_3x3" if name == "Mixed_5b" else "Conv3d_0b_3x3", Unit(squeezed, other, (3, 3, 3), eps)
        )
        self.Branch_3 = nn.Sequential()
        self.Branch_3.add_module("MaxPool3d_0a_3x3", MaxPoolSame((3, 3, 3), (1, 1, 1)))
        self.Branch_3.add_module("Conv3d_0b_1x1", Unit(inputs, pooled, (1, 1, 1), eps))

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W) with the channels of all branches."""
        return torch.cat([branch(video_bcthw) for branch in self.children()], dim=1)


def check_clips(video_bcthw: Tensor) -> None:
    """Refuse, with a UsageError, what the network cannot take."""
    _, channels, frames, height, width = video_bcthw.shape
    if channels != 3 or frames < _FEWEST_FRAMES or (height, width) != (I3D.input.height, I3D.input.width):
        raise UsageError(
            f"i3d was given clips of {channels} channels, {frames} frames and {height}x{width}; "
            f"it needs 3 channels, at least {_FEWEST_FRAMES} frames and 224x224"
        )


def read_outputs(pooled: Tensor, last: nn.ModuleDict) -> dict[str, Tensor]:
    """The outputs by name, of what `I3D.pool` gives."""
    logits_nd = last["Conv3d_0c_1x1"](pooled).mean(dim=(2, 3, 4))
    return {
        "logits_nd": logits_nd,
        "pool_nd": pooled.mean(dim=(2, 3, 4)),
        "probabilities_nk": probabilities(logits_nd),
    }


def pad_same(video_bcthw: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Zeros around time and space as TensorFlow's "SAME" padding puts them: by the size, and an odd one behind."""
    pads: list[int] = []
    for size, reach, step in zip(video_bcthw.shape[:1:-1], reversed(kernel), reversed(stride), strict=True):
        total = max((-(-size // step) - 1) * step + reach - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(video_bcthw, pads) if any(pads) else video_bcthw


def _from_tensorflow(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Axes in torch's order, statistics as vectors, and the scales that the graph leaves out."""
    for name, tensor in tensors.items():
        yield name, tensor.permute(4, 3, 0, 1, 2) if name.endswith("weight") else tensor.flatten()
        if name.endswith("batch_norm.bias"):
            yield name.replace("bias", "weight"), torch.ones(tensor.numel())


with torch.device("meta"):
    _I3D = I3D()
_UNITS = [name for name, module in _I3D.named_modules() if isinstance(module, Unit)]
OUR_NAMES = {name: name for name in _I3D.state_dict() if not name.endswith("num_batches_tracked")}
TF_NAMES = tensorflow_names(_UNITS)
"""Variables of TensorFlow's graph by our names; it has no scales of batch norms, which are 1."""
PORTED_NAMES = port_names(_UNITS)
"""Tensors of the two ports to PyTorch by our names."""
