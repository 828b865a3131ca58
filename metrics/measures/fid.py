"""Fréchet inception distance over the frames of videos."""

from vidgauge.metrics.measures import MEASURES
from vidgauge.metrics.measures.fvd import FVD
from vidgauge.record import Measure


@MEASURES.register("fid")
class FID(FVD):
    """Fréchet distance between all frames of the real and all of the generated clips (arXiv 1706.08500).

    It sees no motion. Frames of one clip resemble each other: intervals draw files, and there is no agreed frame rule.
    """

    measure = Measure(name="fid", unit="1", better="lower")
    summary = "Fréchet distance between the frames of real and generated clips in an image network's features"
    output: str = "frames_ntd"
