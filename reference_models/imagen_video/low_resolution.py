"""From a video to the one that a stage starts from, and back to its size: time and space."""

import torch
from torch.nn import functional

from vidgauge.reference_models.folding import fold_frames, unfold_frames


def reduced(video_bcthw: torch.Tensor, time: int, height: int, width: int) -> torch.Tensor:
    """Every ``time``-th frame, from the first on, resized by anti-aliased bilinear interpolation."""
    return _resized(video_bcthw[:, :, ::time], height, width)


def enlarged(low_bcthw: torch.Tensor, time: int, height: int, width: int, *, blank: bool = False) -> torch.Tensor:
    """Bilinear in space; ``time`` times as many frames, by repeating each or leaving the new ones blank (zeros)."""
    video = _resized(low_bcthw, height, width)
    if not blank:
        return video.repeat_interleave(time, dim=2)
    longer = video.new_zeros(*video.shape[:2], time * video.shape[2], height, width)
    longer[:, :, ::time] = video
    return longer


def _resized(video_bcthw: torch.Tensor, height: int, width: int) -> torch.Tensor:
    if video_bcthw.shape[-2:] == (height, width):
        return video_bcthw
    images = fold_frames(video_bcthw, channels_last=False)
    images = functional.interpolate(images, (height, width), mode="bilinear", antialias=True)
    return unfold_frames(images, len(video_bcthw))


def cropped(
    video_bcthw: torch.Tensor, crop: tuple[int, int] | None, space: int, generator: torch.Generator
) -> torch.Tensor:
    """One crop for all, at a random place of the low resolution's grid; all of it where no size is given."""
    if crop is None:
        return video_bcthw
    corner = []
    for extent, size in zip(video_bcthw.shape[-2:], crop, strict=True):
        places = (extent - size) // space + 1
        corner.append(space * int(torch.randint(places, (1,), generator=generator)))
    (top, left), (height, width) = corner, crop
    return video_bcthw[..., top : top + height, left : left + width]
