"""Section 3.2: which frames a network knows, and how long videos are put together from what it makes.

Frames are latents, ``video_bcthw``. The masks are True where a frame is known.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import Denoise, guided
from vidgauge.reference_models.layer import check_counts

Make = Callable[[Tensor], Tensor]
"""Samples clips (B, C, T, H, W) that go with c_S, (B, C + 1, T, H, W)."""


def conditioning(z_bcthw: Tensor, known_bt: Tensor) -> Tensor:
    """``c_S = (m_S z, m_S)``: (B, C + 1, T, H, W), zeros where nothing is known.

    In training the interpolation model's known frames are noised first, at steps from 0 to 250.
    """
    mask_bcthw = known_bt.to(z_bcthw)[:, None, :, None, None].expand(-1, 1, -1, *z_bcthw.shape[3:])
    return torch.cat([mask_bcthw * z_bcthw, mask_bcthw], 1)


def first_frames(counts_b: Tensor, frames: int) -> Tensor:
    """Prediction: the first S of each clip are known, (B, T)."""
    return torch.arange(frames, device=counts_b.device) < counts_b[:, None]


def drawn_counts(batch: int, generator: torch.Generator, probabilities: Sequence[float] = (1, 1, 1)) -> Tensor:
    """S of each clip in training, 0, 1 or 2 with p_S (not stated; ours, all alike): int (B,)."""
    weights = torch.tensor(probabilities, dtype=torch.float64)
    return torch.multinomial(weights, batch, replacement=True, generator=generator)


def key_frames(batch: int, frames: int, every: int = 4) -> Tensor:
    """Interpolation: every fourth frame is known, (B, T)."""
    return (torch.arange(frames) % every == 0).expand(batch, -1)


def interpolated_frames(keys: int, every: int = 4) -> int:
    """How many frames there are once the gaps are filled: 8 to 29, 29 to 113."""
    return (keys - 1) * every + 1


def interpolated(keys_bcthw: Tensor, make: Make, every: int = 4) -> Tensor:
    """The key frames, unchanged, with ``every - 1`` frames made between each two.

    Args:
        keys_bcthw: K of them.
        make: is given each gap as a clip of ``every + 1`` frames of which the first and the last are known; all gaps of
            all videos at once, (B (K - 1), C + 1, every + 1, H, W), those of one video after the other.
        every: 4.

    Returns:
        (B, C, (K - 1) every + 1, H, W).
    """
    check_counts(every=every)
    batch, _, keys = keys_bcthw.shape[:3]
    if keys < 2:
        raise UsageError(f"{keys} key frame; interpolation needs at least 2")
    ends = keys_bcthw.unfold(2, 2, 1).permute(0, 2, 1, 5, 3, 4).flatten(0, 1)  # (B (K - 1), C, 2, H, W)
    clip = ends[:, :, :1].repeat(1, 1, every + 1, 1, 1)
    clip[:, :, -1] = ends[:, :, 1]
    known = key_frames(len(clip), every + 1, every).to(clip.device)
    made = make(conditioning(clip, known))[:, :, 1:-1]
    gaps = torch.cat([ends[:, :, :1], made], 2)
    gaps = gaps.view(batch, keys - 1, *gaps.shape[1:])
    return torch.cat([gaps.transpose(1, 2).flatten(2, 3), keys_bcthw[:, :, -1:]], 2)


def predicted(first_bcthw: Tensor, make: Make, frames: int, length: int, overlap: int = 2) -> Iterator[Tensor]:
    """A longer video: each clip goes on from the last frames of what there is.

    Args:
        first_bcthw: where it starts: one frame, by the image model.
        make: is given clips of ``length`` frames of which the first are known, at most ``overlap`` of them.
        frames: of the whole video.
        length: of a clip.
        overlap: 2.

    Yields:
        What there was, and then what each clip adds, (B, C, t, H, W); together ``frames``.
    """
    if not 1 <= overlap < length:
        raise UsageError(f"overlap is {overlap}; it must be between 1 and {length - 1}")
    yield first_bcthw[:, :, :frames]
    last, made = first_bcthw[:, :, -overlap:], first_bcthw.shape[2]
    while made < frames:
        known = last.shape[2]
        clip = torch.cat([last, last.new_zeros(*last.shape[:2], length - known, *last.shape[3:])], 2)
        counts = torch.full((len(clip),), known, device=clip.device)
        new = make(conditioning(clip, first_frames(counts, length)))[:, :, known:]
        yield new[:, :, : frames - made]
        made += length - known
        last = torch.cat([last, new], 2)[:, :, -overlap:]


def context_guided(denoise_with: Callable[[Tensor], Denoise], context_bcthw: Tensor, scale: float) -> Denoise:
    """Context guidance, ``f + s (f(c_S) - f)`` with s of at least 1: an analogue of classifier-free guidance."""
    return guided(denoise_with(context_bcthw), denoise_with(torch.zeros_like(context_bcthw)), scale)


def patch(z_bcthw: Tensor, small_bcthw: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Section 3.4: the same square, at a random place, of the upscaler's latents and of the small video."""
    height, width = z_bcthw.shape[3:]
    if small_bcthw.shape[3:] != z_bcthw.shape[3:] or side > min(height, width):
        raise UsageError(f"no patch of {side} in {height}x{width} latents and {tuple(small_bcthw.shape[3:])} pixels")
    top = int(torch.randint(height - side + 1, (), generator=generator))
    left = int(torch.randint(width - side + 1, (), generator=generator))
    there = (..., slice(top, top + side), slice(left, left + side))
    return z_bcthw[there], small_bcthw[there]
