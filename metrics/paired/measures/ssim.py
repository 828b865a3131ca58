"""Structural similarity."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.paired import PAIRED, PairedMeasure
from vidgauge.record import Measure

if TYPE_CHECKING:
    from torch import Tensor, nn

_REACH = 5
"""Pixels from the middle of the window to its end: it has 11x11."""
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2
_SMALLEST = {"valid": 2 * _REACH + 1, "same-zero": 1, "torchmetrics": _REACH + 1}


@PAIRED.register("ssim")
class SSIM(PairedMeasure):
    """Structural similarity in a Gaussian window of 11x11 pixels and sigma 1.5 (Wang et al. 2004), in float64.

    Each of red, green and blue is compared alone, and a frame's number is the mean of the map over all three.
    """

    measure = Measure(name="ssim", unit="1", better="higher")
    summary = "Structural similarity of each frame with that of the real video; 1 where they are equal"

    convention: Literal["valid", "same-zero", "torchmetrics"] = "valid"
    """What of the border: ``valid``: only windows that lie inside the frame (Wang et al.; the scripts of JunyaoHu).
    ``same-zero``: a window around each pixel, black outside the frame (FastVideo). ``torchmetrics``: the same, but the
    frame mirrored at its border pixels (torchmetrics 1.9, which keeps the whole map)."""

    def frames(self, real_tchw: "Tensor", generated_tchw: "Tensor", network: "nn.Module | None" = None) -> Array:  # noqa: ARG002
        """The mean of each frame's map."""
        from vidgauge.metrics.paired.images import checked_frames

        both = checked_frames(real_tchw, generated_tchw, self.smallest())
        real, generated = (self._with_border(frames) for frames in both)
        return similarity_map(real, generated).mean(dim=(1, 2, 3)).cpu().numpy()

    def smallest(self, network: "nn.Module | None" = None) -> int:  # noqa: ARG002
        """What the window needs."""
        return _SMALLEST[self.convention]

    def _with_border(self, frames_tchw: "Tensor") -> "Tensor":
        from torch.nn.functional import pad

        if self.convention == "valid":
            return frames_tchw
        return pad(frames_tchw, 4 * (_REACH,), "constant" if self.convention == "same-zero" else "reflect")


def similarity_map(a_tchw: "Tensor", b_tchw: "Tensor") -> "Tensor":
    """SSIM in every window that lies inside the frames, (T, C, H - 10, W - 10); eq. 13 of Wang et al."""
    mean_a, mean_b = _window_mean(a_tchw), _window_mean(b_tchw)
    product, squares = mean_a * mean_b, mean_a.square() + mean_b.square()
    covariance = _window_mean(a_tchw * b_tchw) - product
    variances = _window_mean(a_tchw.square() + b_tchw.square()) - squares
    return (2 * product + _C1) * (2 * covariance + _C2) / ((squares + _C1) * (variances + _C2))


def _window_mean(maps: "Tensor") -> "Tensor":
    """The Gaussian mean in every window.

    One axis after the other, as a sum of shifted maps: torchmetrics' convolution of all 121 pixels takes 40 times as
    long in float64 and, as it copies the map for each of them, 4.5 GB for a frame of 1280x720.
    """
    taps = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SIGMA) ** 2)
    weights = (taps / taps.sum()).tolist()
    for axis in (-1, -2):
        size = maps.shape[axis] - 2 * _REACH
        mean = weights[0] * maps.narrow(axis, 0, size)
        for shift, weight in enumerate(weights[1:], start=1):
            mean.add_(maps.narrow(axis, shift, size), alpha=weight)
        maps = mean
    return maps
