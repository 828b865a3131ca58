"""How good generated videos are: networks, statistics, protocols, scores."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.metrics.frechet import frechet_distance as frechet_distance
    from vidgauge.metrics.inception import inception_score as inception_score
    from vidgauge.metrics.kernel import kernel_distance as kernel_distance
    from vidgauge.metrics.networks import build_network as build_network
    from vidgauge.metrics.scoring import score as score

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "build_network": "networks",
        "frechet_distance": "frechet",
        "inception_score": "inception",
        "kernel_distance": "kernel",
        "score": "scoring",
    },
)
