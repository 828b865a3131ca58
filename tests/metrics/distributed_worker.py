"""What each of two processes does with unequal shares of the videos."""

import json
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError
from vidgauge.metrics import CLIPSIM, FrameConsistency, FrechetVideoDistance, KernelVideoDistance, VideoInceptionScore

REAL, MADE = (list(MovingShapes(height=32, width=32, seed=seed, count=count)) for seed, count in ((51, 5), (52, 4)))


def videos(samples: Any) -> Tensor:  # noqa: ANN401 - a list of Sample
    return torch.stack([sample.frames_thwc for sample in samples]).permute(0, 4, 1, 2, 3)


class Levels(nn.Module):
    def forward(self, video_bcthw: Tensor) -> Tensor:
        return video_bcthw.double().flatten(2).std(dim=2)


def everything(real: slice, made: slice, sizes: int) -> dict[str, float]:
    """The five values over some of the videos, in batches of one size at most."""
    distances = [FrechetVideoDistance(), KernelVideoDistance()]
    others = [VideoInceptionScore(), FrameConsistency()]
    clipsim = CLIPSIM()
    for start in range(0, len(REAL[real]), sizes):
        for distance in distances:
            distance.update(videos(REAL[real][start : start + sizes]), real=True)
    for start in range(0, len(MADE[made]), sizes):
        some = MADE[made][start : start + sizes]
        for distance in distances:
            distance.update(videos(some), real=False)
        for other in others:
            other.update(videos(some))
        clipsim.update(videos(some), [sample.caption or "" for sample in some])
    return {type(metric).__name__: float(metric.compute()) for metric in (*distances, *others, clipsim)}


def with_levels(**kwargs: Any) -> FrechetVideoDistance:  # noqa: ANN401 - of the metric
    return FrechetVideoDistance(network=Levels(), **kwargs)


def corners(rank: int) -> dict[str, float | str]:
    """What can go wrong between processes, with features that cost nothing."""
    found: dict[str, float | str] = {}
    lopsided = with_levels()  # one process sees the real videos, the other the generated ones
    lopsided.update(videos(MADE if rank else REAL), real=not rank)
    found["lopsided"] = float(lopsided.compute())
    lopsided.update(videos(MADE[:1]), real=False)  # the states are this process's own again
    found["own"] = sum(len(rows) for rows in lopsided.generated_features)

    idle = with_levels()
    if rank == 0:
        idle.update(videos(REAL), real=True)
        idle.update(videos(MADE), real=False)
    else:
        idle._update_count = 1  # torchmetrics warns otherwise
    found["idle"] = float(idle.compute())

    stepping = with_levels(dist_sync_on_step=True)
    stepping(videos(REAL[rank::2]), real=True)
    found["step"] = float(stepping(videos(MADE[rank::2]), real=False))
    found["stepped"] = sum(len(rows) for rows in stepping.generated_features)

    few = with_levels()
    few.update(videos(REAL), real=True)
    try:
        few.compute()
    except UsageError as error:
        found["few"] = str(error)
    few.update(videos(MADE[rank::2]), real=False)
    found["after"] = float(few.compute())

    other = FrechetVideoDistance(network=nn.Sequential(Levels(), nn.Identity()) if rank else Levels())
    other.update(videos(REAL), real=True)
    try:
        other.compute()
    except UsageError as error:
        found["mixed"] = str(error)
    return found


def share(rank: int, folder: Path) -> None:
    """What one of two processes finds, as JSON in the folder."""
    torch.set_num_threads(1)  # first of all: a forked process has none of the threads of its parent
    warnings.simplefilter("ignore")
    meeting, patience = f"file://{folder}/meeting", timedelta(minutes=2)  # one that is left alone gives up
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=patience)
    # Uneven shares, in uneven batches; in the order of the ranks they are all videos.
    values = everything(*((slice(0, 4), slice(0, 1), 3) if rank == 0 else (slice(4, None), slice(1, None), 2)))
    (folder / f"{rank}.json").write_text(json.dumps({"values": values, "corners": corners(rank)}), "utf-8")
    dist.barrier()
    dist.destroy_process_group()
