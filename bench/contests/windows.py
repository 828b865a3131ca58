"""The window ablation of W.A.L.T (Gupta et al., arXiv 2312.06662, table 3b) on the machine at hand."""

from collections.abc import Iterator

import torch

from vidgauge.bench.contests import CONTESTS, Announce
from vidgauge.bench.profiling import profile
from vidgauge.environment import Environment
from vidgauge.record import Record


@CONTESTS.register("windows")
def windows(environment: Environment, announce: Announce) -> Iterator[Record]:
    """W.A.L.T's windows beside full attention: steps per second, memory, predicted and achieved speed-up."""
    yield from profile(
        "windows",
        progress=lambda done, total, what: announce(done / total, what),
        threads=environment.threads,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
