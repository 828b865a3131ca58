"""The spatial rule of a protocol: a line of text that says how frames are brought to a network's size.

    squash/torch-bilinear-antialias     framing, kernel
    squash/pil-bicubic-float/clipped    and the order of values, where it is not the kernel's own
    squash@128/cv2-bicubic > centre     two steps; all but the last say their size, a square's side or HEIGHTxWIDTH

Bytes are 0 to 255, floats 0 to 1. A kernel that takes bytes works on bytes and gives bytes, which are divided by 255 at
the end. For a kernel that takes floats they are divided before, and floats remain, unless the rule names another order:

    clipped     resized as floats of 0 to 255, then clipped to these ends: clean-fid
    rounded     resized as floats of 0 to 255, then rounded to bytes, halves to even: torchvision on uint8 tensors
    truncated   resized as floats of 0 to 1, then times 255 and truncated to bytes: cd-fvd

These three work in float32, as their originals do, in whatever precision the network runs: the bytes depend on it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.datasets.spatial.framings import FRAMINGS, Size
from vidgauge.datasets.spatial.kernels import KERNELS, Kernel
from vidgauge.errors import UsageError, near_misses

Order = Literal["bytes", "floats", "clipped", "rounded", "truncated"]

_STEP = re.compile(
    r"(?P<framing>[^@/]+)(@(?P<height>[1-9]\d*)(x(?P<width>[1-9]\d*))?)?"
    r"(/(?P<kernel>[^/]+)(/(?P<order>clipped|rounded|truncated))?)?"
)
_CHUNK = 2**18  # values of the source worked on at once: few enough that their floats stay in reused, cached memory


@dataclass(frozen=True)
class Step:
    """One framing by one kernel."""

    framing: str
    """One of ``framings.FRAMINGS``."""
    size: Size | None
    """Height and width that come out; None where the network says what they are."""
    kernel: Kernel | None
    """None for ``centre``, which does not resize."""
    order: Order
    """Whether bytes become floats before or after; no matter without a kernel."""

    def __call__(self, images_nchw: Tensor, wanted: Size, dtype: torch.dtype) -> Tensor:
        """Bytes or floats of 0 to 1, (N, C, H, W), at another size; floats are ``dtype``."""
        wanted = self.size or wanted
        height, width = images_nchw.shape[-2:]
        fit = FRAMINGS[self.framing]((height, width), wanted)
        (top, left), (cut_height, cut_width) = fit.cut_at, fit.cut
        images_nchw = images_nchw[..., top : top + cut_height, left : left + cut_width]
        if self.kernel is not None:
            images_nchw = _ORDERS[self.order](images_nchw, self.kernel, fit.size, dtype)
        above, before = fit.corner
        beyond = wanted[1] - fit.size[1] + before, wanted[0] - fit.size[0] + above
        margins = -before, beyond[0], -above, beyond[1]
        return F.pad(images_nchw, margins) if any(margins) else images_nchw  # a negative margin is a crop


@dataclass(frozen=True)
class SpatialRule:
    """How frames are brought to a network's size: steps, one after another."""

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> "SpatialRule":
        """Read a rule such as ``squash/torch-bilinear-antialias``; the module says how they are made.

        Raises:
            UsageError: an unknown name, a kernel or a size that is missing or too many, or bytes wanted of floats.
        """
        steps = [_parse_step(part, text) for part in text.split(" > ")]
        if steps[-1].size is not None or not all(step.size for step in steps[:-1]):
            raise UsageError(
                f"{text!r}: every step but the last says its size, as in 'squash@128/...', and the last not"
            )
        orders = [step.order for step in steps if step.kernel is not None]
        for before, after in pairwise(orders):
            if before in ("floats", "clipped") and after != "floats":
                raise UsageError(f"{text!r}: a step gives floats, and one after it begins with bytes ({after})")
        return cls(tuple(steps))

    def __call__(self, frames_thwc: Tensor, height: int, width: int, dtype: torch.dtype) -> Tensor:
        """Bring frames to a size.

        Args:
            frames_thwc: (T, H, W, 3) uint8, at least one frame.
            height: wanted, at least 1.
            width: wanted, at least 1.
            dtype: float32 or float64: of the result, and of the arithmetic where the rule leaves it open.

        Returns:
            (T, 3, height, width): bytes divided by 255, or floats as they came, which ``torch-bicubic`` and the like
            bring beyond 0 and 1 by a little unless the rule clips. Contiguous.

        Raises:
            UsageError: other frames or sizes than these.
        """
        if frames_thwc.dtype != torch.uint8 or frames_thwc.ndim != 4 or 0 in frames_thwc.shape:
            given = f"{frames_thwc.dtype} {tuple(frames_thwc.shape)}"
            raise UsageError(f"got {given}, but frames are torch.uint8 (time, height, width, channels)")
        if min(height, width) < 1:
            raise UsageError(f"the size is {height}x{width}; height and width must be at least 1")
        chunks = torch.split(frames_thwc.permute(0, 3, 1, 2), max(1, _CHUNK // frames_thwc[0].numel()))
        return torch.cat([self._apply(chunk.contiguous(), (height, width), dtype) for chunk in chunks])

    def _apply(self, images_nchw: Tensor, wanted: Size, dtype: torch.dtype) -> Tensor:
        for step in self.steps:
            images_nchw = step(images_nchw, wanted, dtype)
        return _unit(images_nchw, dtype).contiguous()


def _parse_step(part: str, text: str) -> Step:
    found = _STEP.fullmatch(part)
    if found is None:
        raise UsageError(
            f"{text!r}: {part!r} is not FRAMING[@SIZE]/KERNEL[/ORDER], where the order is clipped, rounded or truncated"
        )
    if found["framing"] not in FRAMINGS:
        raise UsageError(f"there is no framing {found['framing']!r}; {near_misses(found['framing'], list(FRAMINGS))}")
    size = None if found["height"] is None else (int(found["height"]), int(found["width"] or found["height"]))
    if (found["framing"] == "centre") != (found["kernel"] is None):
        raise UsageError(f"{text!r}: 'centre' has no kernel, and every other framing has one")
    if found["kernel"] is None:
        return Step(found["framing"], size, None, "bytes")
    kernel = KERNELS[found["kernel"]]
    if found["order"] and kernel.takes == "bytes":
        raise UsageError(f"{text!r}: {found['kernel']!r} gives bytes already; leave out {found['order']!r}")
    return Step(found["framing"], size, kernel, cast("Order", found["order"] or kernel.takes))


def _unit(images_nchw: Tensor, dtype: torch.dtype) -> Tensor:
    return images_nchw.to(dtype).div_(255) if images_nchw.dtype == torch.uint8 else images_nchw


def _bytes(images_nchw: Tensor, kernel: Kernel, size: Size, dtype: torch.dtype) -> Tensor:  # noqa: ARG001 - stay bytes
    return kernel(images_nchw, *size)


def _floats(images_nchw: Tensor, kernel: Kernel, size: Size, dtype: torch.dtype) -> Tensor:
    return kernel(_unit(images_nchw, dtype), *size)


def _clipped(images_nchw: Tensor, kernel: Kernel, size: Size, dtype: torch.dtype) -> Tensor:
    return kernel(images_nchw.to(torch.float32), *size).clamp(0, 255).to(dtype) / 255


def _rounded(images_nchw: Tensor, kernel: Kernel, size: Size, dtype: torch.dtype) -> Tensor:  # noqa: ARG001 - as above
    return kernel(images_nchw.to(torch.float32), *size).round_().clamp_(0, 255).to(torch.uint8)


def _truncated(images_nchw: Tensor, kernel: Kernel, size: Size, dtype: torch.dtype) -> Tensor:  # noqa: ARG001 - as above
    return kernel(_unit(images_nchw, torch.float32), *size).mul_(255).clamp_(0, 255).to(torch.uint8)


_ORDERS: dict[Order, Callable[[Tensor, Kernel, Size, torch.dtype], Tensor]] = {
    "bytes": _bytes,
    "floats": _floats,
    "clipped": _clipped,
    "rounded": _rounded,
    "truncated": _truncated,
}
