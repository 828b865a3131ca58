"""From a video to the one that a stage starts from, and back to its size: time and space."""

import torch

from vidgauge.reference_models.resizing import resized


def reduced(video_bcthw: torch.Tensor, time: int, height: int, width: int) -> torch.Tensor:
    """Every ``time``-th frame, from the first on, resized by anti-aliased bilinear interpolation."""
    return resized(video_bcthw[:, :, ::time], height, width)


def enlarged(low_bcthw: torch.Tensor, time: int, height: int, width: int, *, blank: bool = False) -> torch.Tensor:
    """Bilinear in space; ``time`` times as many frames, by repeating each or leaving the new ones blank (zeros)."""
    video = resized(low_bcthw, height, width)
    if not blank:
        return video.repeat_interleave(time, dim=2)
    longer = video.new_zeros(*video.shape[:2], time * video.shape[2], height, width)
    longer[:, :, ::time] = video
    return longer


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
