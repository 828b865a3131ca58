"""Motion-free guidance: a clip whose frames do not see each other has no motion, so motion can be left out and scaled.

What text is to classifier-free guidance, the mask of temporal attention is to this one: in some training clips, at
random, it is the identity, and there the clip is an image repeated.
"""

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion import Denoise, Estimate, Level


def motion_masks(moving_b: Tensor, frames: int) -> Tensor:
    """(B, T, T) bool, True where a frame sees another: all see all in a clip with motion, the identity in one without.

    Args:
        moving_b: (B,) bool.
        frames: T.
    """
    itself = torch.eye(frames, dtype=torch.bool, device=moving_b.device)
    return itself | moving_b[:, None, None]


def still_clip(image_bcthw: Tensor, frames: int) -> Tensor:
    """A pseudo-video: an image (B, C, 1, H, W) repeated T - 1 times, (B, C, T, H, W)."""
    return image_bcthw.expand(-1, -1, frames, -1, -1)


def motion_guided(three: Denoise, text_scale: float, motion_scale: float) -> Denoise:
    """``e(0,0) + l_T [e(c_T,c_M) - e(0,c_M)] + l_M [e(0,c_M) - e(0,0)]``, of estimates of x and of eps alike.

    c_T is the text and c_M motion; 0 is the null text, and the identity as the mask of temporal attention. The paper
    has l_T = 7.5 and l_M from 1.0 to 1.3. With 1 and 1 it is the conditional model itself.

    Args:
        three: is given every sample three times, (3 B, ...): with text and motion, with motion alone, with neither.
        text_scale: l_T.
        motion_scale: l_M.
    """

    def denoise(z: Tensor, level: Level) -> Estimate:
        found = three(torch.cat([z, z, z]), level.repeated(3))
        x, eps = (_mixed(values, text_scale, motion_scale) for values in found)
        return Estimate(x, eps)

    return denoise


def _mixed(three: Tensor, text_scale: float, motion_scale: float) -> Tensor:
    """The formula with its terms in the order of the passes, so that the factors 0 and 1 leave no rounding."""
    both, moving, neither = three.chunk(3)
    return text_scale * both + (motion_scale - text_scale) * moving + (1 - motion_scale) * neither
