"""cd-fvd from files to distance, by its own loader, in a process of its own that finds FFmpeg for it.

``python -m vidgauge.bench.contests.agreement.cd_fvd`` takes a `Job` as JSON and prints the distance.
"""

import contextlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vidgauge.bench.contests.agreement.comparison import Values, in_order, peer
from vidgauge.bench.contests.agreement.files import Files
from vidgauge.bench.contests.agreement.references import TwoSets
from vidgauge.bench.contests.agreement.weights import Weights, small_videomae
from vidgauge.bench.contests.ffmpeg import with_ffmpeg_of_pyav
from vidgauge.errors import VidgaugeError
from vidgauge.record import Frozen

Network = Literal["i3d", "videomae"]

_BATCH = 16
_TIMEOUT_SECONDS = 900


class Job(Frozen):
    """Two folders of videos, and what to see them with."""

    real: Path
    generated: Path
    network: Network
    """VideoMAE is the small one."""
    weights: Path
    resolution: int
    """Of cd-fvd's loader: the short side that it brings frames to, and then crops to."""
    features: Path
    """Where the features of both sets go, as npz."""


class CdFvd:
    """What it makes of our files, each pass made once."""

    def __init__(self, folder: Path, files: Files, weights: Weights) -> None:
        self._folder, self._files, self._weights = folder, files, weights
        self._pass = cache(self._run)

    def distance(self, network: Network, resolution: int) -> float:
        """Its own distance, from ``compute_fvd_from_stats``."""
        return self._pass(network, resolution)[0]

    def features(self, network: Network, resolution: int) -> Values:
        """Of both sets, (N, D); its loader shuffles, so they are sorted."""
        return np.concatenate([in_order(features) for features in self._pass(network, resolution)[1:]])

    def by(self, function: TwoSets, network: Network, resolution: int) -> float:
        """Another statistic of the features that it extracts."""
        return function(*self._pass(network, resolution)[1:])

    def _run(self, network: Network, resolution: int) -> tuple[float, Any, Any]:
        name = f"{network}-{resolution}"
        job = Job(
            real=self._files.videos["real"],
            generated=self._files.videos["generated"],
            network=network,
            weights=getattr(self._weights, network),
            resolution=resolution,
            features=self._folder / f"{name}.npz",
        )
        command = [sys.executable, "-P", "-m", "vidgauge.bench.contests.agreement.cd_fvd", job.model_dump_json()]
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            env=with_ffmpeg_of_pyav(self._folder / f"{name}-libraries"),
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise VidgaugeError(f"its process ended with status {done.returncode}: {last}")
        with np.load(job.features) as features:
            return float(done.stdout), features["real"], features["generated"]


def run(job: Job) -> float:
    """What ``compute_fvd_from_stats`` says."""
    module = peer("cdfvd.fvd")
    if job.network == "videomae":  # its constructor builds the published size alone
        network = small_videomae().eval()
        network.load_state_dict(torch.load(job.weights, weights_only=True))
        module.load_videomae_model = lambda *_: network
    whole = module.cdfvd(job.network, ckpt_path=job.weights, n_fake="full", device="cpu", compute_feats=True)
    whole.compute_real_stats(_loader(whole, job.real, job.resolution))
    whole.compute_fake_stats(_loader(whole, job.generated, job.resolution))
    np.savez(job.features, real=whole.real_stats.get_all(), generated=whole.fake_stats.get_all())
    return float(whole.compute_fvd_from_stats())


def _loader(whole: Any, folder: Path, resolution: int) -> Any:  # noqa: ANN401 - cd-fvd's own
    options = {"sequence_length": 16, "num_workers": 0, "batch_size": _BATCH}
    return whole.load_videos(str(folder), data_type="video_folder", resolution=resolution, **options)


def main() -> None:
    """Run the job that the argument describes; what cd-fvd prints goes nowhere."""
    job = Job.model_validate_json(sys.argv[1])
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        distance = run(job)
    sys.stdout.write(repr(distance))


if __name__ == "__main__":
    main()
