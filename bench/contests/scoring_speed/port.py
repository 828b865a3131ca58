"""The script that many repositories hand on for FVD "as VideoGPT has it", restated: nobody has made a package of it.

What is restated is its course, as ``fvd/videogpt/fvd.py`` of JunyaoHu/common_metrics_on_video_quality has it. Videos
come as one float tensor in [0, 1], whole sets at once, and become bytes again. Video by video the short side is brought
to 224 without antialiasing, and the centre is cropped. Batches of 10 pass the network; the distance is TF-GAN's, in
float32. The network and the distance, of which it holds copies, are those that cd-fvd ships.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.bench.contests.agreement.comparison import peer

_SIDE = 224
_BATCH = 10


def features(network: Any, sets_bcthw: Tensor) -> Tensor:  # noqa: ANN401 - a class of cd-fvd's
    """Logits (N, 400) of a set, float in [0, 1]."""
    prepared_bcthw = prepare(sets_bcthw)
    return logits(network, prepared_bcthw)


def distance(network: Any, real_bcthw: Tensor, generated_bcthw: Tensor) -> float:  # noqa: ANN401 - as above
    """Of two sets."""
    both = [features(network, videos_bcthw) for videos_bcthw in (real_bcthw, generated_bcthw)]
    return float(peer("cdfvd.third_party.i3d.utils").frechet_distance(*both))


def prepare(videos_bcthw: Tensor) -> Tensor:
    """In [-1, 1], (N, 3, T, 224, 224)."""
    bytes_bthwc = (255 * videos_bcthw.permute(0, 2, 3, 4, 1)).numpy().astype(np.uint8)
    return 2 * torch.stack([_prepared(video_thwc) for video_thwc in torch.from_numpy(bytes_bthwc)])


def logits(network: Any, prepared_bcthw: Tensor) -> Tensor:  # noqa: ANN401 - as above
    """Batch by batch."""
    with torch.no_grad():
        return torch.cat([network(batch) for batch in torch.split(prepared_bcthw, _BATCH)])


def _prepared(video_thwc: Tensor) -> Tensor:
    video_tchw = video_thwc.permute(0, 3, 1, 2).float() / 255
    height, width = video_tchw.shape[2:]
    scale = _SIDE / min(height, width)
    size = (_SIDE, math.ceil(width * scale)) if height < width else (math.ceil(height * scale), _SIDE)
    resized = F.interpolate(video_tchw, size=size, mode="bilinear", align_corners=False)
    top, left = ((length - _SIDE) // 2 for length in size)
    cropped = resized[:, :, top : top + _SIDE, left : left + _SIDE]
    return cropped.permute(1, 0, 2, 3).contiguous() - 0.5
