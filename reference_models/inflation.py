"""Video kernels from image kernels: how a network for images becomes one for video without forgetting."""

from typing import Literal, get_args

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.convolution import Convolution, SingleConvolution
from vidgauge.reference_models.layer import check_choice, check_counts
from vidgauge.reference_models.layers.pseudo_conv3d import PseudoConv3d

Rule = Literal["central", "last", "average"]
"""Where in time the image's kernel goes:

- ``central``: into the middle slice, zeros elsewhere. With as many zeros before a clip as after it, a new layer then is
  the image's on every frame of any video.
- ``last``: into the last slice, zeros elsewhere (Yu et al., MAGVIT-v2, arXiv 2310.05737). The same with
  causal padding.
- ``average``: into all slices, divided by their number (Carreira and Zisserman, I3D, arXiv 1705.07750). The image's
  layer on a video that stands still, but for the ends, where some taps fall on zeros.
"""


def inflate_kernel(kernel_oihw: torch.Tensor, frames: int, rule: Rule) -> torch.Tensor:
    """A kernel of so many frames from an image's: (O, I, H, W) to (O, I, frames, H, W), same dtype and device.

    Raises:
        UsageError: where the rule does not exist, or an even kernel has no middle.
    """
    check_choice("rule", rule, get_args(Rule))
    check_counts(frames=frames)
    if rule == "average":
        return (kernel_oihw / frames)[:, :, None].repeat(1, 1, frames, 1, 1)
    if rule == "central" and frames % 2 == 0:
        raise UsageError(f"a kernel of {frames} frames has no middle; rule 'central' needs an odd number")
    inflated = kernel_oihw.new_zeros((*kernel_oihw.shape[:2], frames, *kernel_oihw.shape[2:]))
    inflated[:, :, _slice(frames, rule)] = kernel_oihw
    return inflated


@torch.no_grad()
def inflate_(layer: Convolution, image_layer: nn.Conv2d, rule: Rule) -> None:
    """Start a layer from an image's convolution, in place: kernel by the rule, bias as it is.

    A pseudo-3-D convolution takes it as its first half, and its second becomes the identity again.

    Args:
        layer: any with a single kernel, or ``pseudo_conv3d``. Where its kernel has one frame, all rules are the same.
        image_layer: a convolution of the same channels, groups, kernel, stride along height and width, and dtype.
        rule: how; see ``Rule``.

    Raises:
        UsageError: where the two do not fit, the layer has no place for a 2-D kernel, or the rule would put the kernel
            on another frame than the layer's padding does, which shifts the video in time.
    """
    check_choice("rule", rule, get_args(Rule))
    target = image_part(layer)
    _check_fit(layer, target, image_layer)
    kernel = image_layer.weight
    if target.weight.ndim == 5:
        frames = target.kernel_size[0]
        _check_rule(layer, rule, frames)
        kernel = inflate_kernel(kernel, frames, rule)
    target.weight.copy_(kernel)
    if target.bias is not None and image_layer.bias is not None:
        target.bias.copy_(image_layer.bias)
    if isinstance(layer, PseudoConv3d):
        layer.start_as_identity()


def _slice(frames: int, rule: Rule) -> int:
    return frames - 1 if rule == "last" else frames // 2


def image_part(layer: Convolution) -> nn.Conv2d | nn.Conv3d:
    """The module of a layer that takes an image's kernel.

    Raises:
        UsageError: where it has none.
    """
    if isinstance(layer, SingleConvolution):
        return layer.convolution
    if isinstance(layer, PseudoConv3d):
        return layer.space
    raise UsageError(
        f"{type(layer).__name__} has no place for an image's kernel; "
        "conv2d, spatial_conv, conv3d, causal_conv3d and pseudo_conv3d have"
    )


def _check_fit(layer: Convolution, target: nn.Conv2d | nn.Conv3d, image_layer: nn.Conv2d) -> None:
    """Refuse an image's convolution that is not the layer's on one frame."""
    given = _traits(image_layer)
    for name, wanted in _traits(target).items():
        if given[name] != wanted:
            raise UsageError(f"{name} of the image's layer: {given[name]}; {type(layer).__name__} needs {wanted}")


def _traits(module: nn.Conv2d | nn.Conv3d) -> dict[str, object]:
    """What makes out a convolution of one frame, but for the weights."""
    size, padding = module.kernel_size[-2:], module.padding
    if isinstance(padding, str):
        padding = tuple(extent // 2 for extent in size) if padding == "same" else (0, 0)
    return {
        "channels": (module.in_channels, module.out_channels),
        "kernel": size,
        "stride": module.stride[-2:],
        "padding": padding[-2:],
        "padding mode": module.padding_mode,
        "dilation": module.dilation[-2:],
        "groups": module.groups,
        "bias": module.bias is not None,
        "dtype": module.weight.dtype,
    }


def _check_rule(layer: Convolution, rule: Rule, frames: int) -> None:
    """A slice i is at the frame itself if i zeros come before the clip; elsewhere it would shift the video."""
    before = layer.padding[0][0] if isinstance(layer, SingleConvolution) else frames // 2
    shift = before - _slice(frames, rule)
    if rule != "average" and shift:
        raise UsageError(
            f"rule {rule!r} would put out every frame {abs(shift)} {'late' if shift > 0 else 'early'} "
            f"in {type(layer).__name__}, whose padding needs {'last' if shift > 0 else 'central'!r}"
        )
