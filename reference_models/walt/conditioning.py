"""What W.A.L.T's transformer is given beside noisy latents: its own estimate, and frames to go on from."""

import torch
from torch import Tensor


def beside(
    like_bcthw: Tensor,
    estimate_bcthw: Tensor | None = None,
    known_bcthw: Tensor | None = None,
    given_bt: Tensor | None = None,
    *,
    prediction: bool = False,
) -> Tensor:
    """(estimate, m z, m) on the channels: sections 3.3 and 3.4; zeros where there is nothing.

    Args:
        like_bcthw: latents, of the shape and dtype that the model is called with.
        estimate_bcthw: of the clean latents (z~_0), from the step before, or from the same one in training.
        known_bcthw: clean latents; those of frames that are not given do not matter.
        given_bt: m, True for the frames that are given.
        prediction: whether the model takes frames at all; what is given without it is an error of the caller.
    """
    nothing = torch.zeros_like(like_bcthw)
    parts = [nothing if estimate_bcthw is None else estimate_bcthw]
    if prediction:
        given = nothing[:, :1]
        if given_bt is not None:
            given = given_bt.to(like_bcthw)[:, None, :, None, None].expand_as(given)
        known = nothing if known_bcthw is None else torch.where(given > 0, known_bcthw, 0.0)
        parts += [known, given]
    else:
        assert known_bcthw is None
        assert given_bt is None
    return torch.cat(parts, 1)


def first_frames(batch: int, frames: int, often: float, generator: torch.Generator) -> Tensor:
    """Which frames are given in training, (B, T) bool: now and then the first latent (an image) or the first two."""
    chosen = torch.rand(batch, generator=generator) < often
    number = torch.randint(1, 3, (batch,), generator=generator) * chosen
    return torch.arange(frames) < number[:, None]
