"""What happens to frames outside the networks: windows, masks, frame rates, sizes (sections 3.2.3 and 3.3)."""

import torch
from torch.nn import functional


def windows(frames: int, length: int, overlap: int) -> list[range]:
    """Runs of ``length`` frames over a video, each starting with ``overlap`` frames of the one before it.

    The last may share more. 76 frames are five windows of 16 that share a frame, or six that share four. A video that
    is shorter than a window is one.
    """
    last = max(0, frames - length)
    starts = [*range(0, last, length - overlap), last]
    return [range(start, min(start + length, frames)) for start in starts]


def known_mask(frames: int, skip_b: torch.Tensor) -> torch.Tensor:
    """Every so many frames one is known, the first in any case: (B, T) of ones and zeros.

    A skip of T - 1 knows both ends of T frames, a skip of T the first alone.
    """
    return (torch.arange(frames, device=skip_b.device) % skip_b[:, None] == 0).float()


def blended(known_bcthw: torch.Tensor, mask_bt: torch.Tensor) -> torch.Tensor:
    """Known frames, between two of them their mixture by distance, beyond the last the nearest; zeros if there is none.

    Args:
        known_bcthw: video; frames that are not known may hold anything finite.
        mask_bt: 1 where a frame is known.
    """
    frames = mask_bt.shape[1]
    place, known = torch.arange(frames, device=mask_bt.device), mask_bt > 0
    before = torch.where(known, place, -1).cummax(1).values
    after = torch.where(known, place, frames).flip(1).cummin(1).values.flip(1)
    before, after = torch.where(before < 0, after, before), torch.where(after == frames, before, after)
    before, after = before.clamp(max=frames - 1), after.clamp(min=0)  # where none is known
    share = (place - before) / (after - before).clamp(min=1)
    batch = torch.arange(len(mask_bt), device=mask_bt.device)[:, None]
    video_btchw = known_bcthw.transpose(1, 2)
    share = share[:, :, None, None, None].to(known_bcthw)
    mixed = (1 - share) * video_btchw[batch, before] + share * video_btchw[batch, after]
    return (mixed * known.any(1)[:, None, None, None, None]).transpose(1, 2)


def draw_stride(progress: float, most: int, generator: torch.Generator) -> int:
    """Steps between the frames of a training clip: of random frame rate, high rates first (section 3.3).

    "From a beta distribution": its parameters are not stated. Ours: Beta(k, 5 - k), which is how the k-th smallest of
    four uniform numbers is distributed, k from 1 to 4 over the training.

    Args:
        progress: of the training, from 0 to 1.
        most: the largest stride.
        generator: on the CPU.
    """
    rank = min(int(4 * progress), 3)
    place = float(torch.rand(4, generator=generator).sort().values[rank])
    return 1 + min(int(place * most), most - 1)


def blurred(video_bcthw: torch.Tensor, deviation_b: torch.Tensor) -> torch.Tensor:
    """Each frame through a 3 x 3 Gaussian, one deviation in pixels a clip, the edges repeated."""
    batch, channels = video_bcthw.shape[:2]
    distance = torch.tensor([-1.0, 0.0, 1.0], device=video_bcthw.device)
    bell = torch.exp(-(distance**2) / (2 * deviation_b[:, None].clamp(min=1e-3) ** 2))
    bell = bell / bell.sum(1, keepdim=True)
    kernels = (bell[:, :, None] * bell[:, None])[:, None].repeat(1, channels, 1, 1).flatten(0, 1)[:, None]
    images = video_bcthw.permute(2, 0, 1, 3, 4).flatten(1, 2)  # (T, B C, H, W)
    out = functional.conv2d(functional.pad(images, (1, 1, 1, 1), "replicate"), kernels, groups=len(kernels))
    return out.view(-1, batch, channels, *out.shape[2:]).permute(1, 2, 0, 3, 4)
