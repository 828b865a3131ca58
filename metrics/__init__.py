"""How good generated videos are: networks, statistics, protocols, scores."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.metrics.frechet import frechet_distance as frechet_distance
    from vidgauge.metrics.inception import inception_score as inception_score
    from vidgauge.metrics.kernel import kernel_distance as kernel_distance
    from vidgauge.metrics.modules.clipsim import CLIPSIM as CLIPSIM
    from vidgauge.metrics.modules.frame_consistency import FrameConsistency as FrameConsistency
    from vidgauge.metrics.modules.frechet_video_distance import FrechetVideoDistance as FrechetVideoDistance
    from vidgauge.metrics.modules.kernel_video_distance import KernelVideoDistance as KernelVideoDistance
    from vidgauge.metrics.modules.video_inception_score import VideoInceptionScore as VideoInceptionScore
    from vidgauge.metrics.networks import build_network as build_network
    from vidgauge.metrics.scoring import score as score

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "CLIPSIM": "modules.clipsim",
        "FrameConsistency": "modules.frame_consistency",
        "FrechetVideoDistance": "modules.frechet_video_distance",
        "KernelVideoDistance": "modules.kernel_video_distance",
        "VideoInceptionScore": "modules.video_inception_score",
        "build_network": "networks",
        "frechet_distance": "frechet",
        "inception_score": "inception",
        "kernel_distance": "kernel",
        "score": "scoring",
    },
)
