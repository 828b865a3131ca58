"""How far the colours of videos are from those of sepia, which networks that tell shapes and motions do not see."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from vidgauge.datasets import read_video
from vidgauge.datasets.moving_shapes.styles import INK, PAPER
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef

MEASURE = Measure(name="distance_from_sepia", unit="levels", better="lower")
LEVEL = 0.95
_RULE = {"ink": INK, "paper": PAPER, "norm": "euclidean", "over": "the mean of pixels, then of videos"}


def off_sepia(frames_thwc: Tensor) -> float:
    """Mean distance of the pixels of uint8 frames from the line between ink and paper, in levels of 0 to 255."""
    ink, paper = torch.tensor(INK), torch.tensor(PAPER)
    line, from_ink = paper - ink, frames_thwc.float() - ink
    along = (from_ink @ line / line.square().sum()).clamp(0, 1)
    return float((from_ink - along[..., None] * line).norm(dim=-1).mean())


def colours(videos: Path) -> dict[str, Any]:
    """The mean over a folder's videos with Student's interval, as fields of a record."""
    return _fields(_of_each(videos), "colours.sepia")


def colours_difference(samples: Path, others: Path) -> dict[str, Any]:
    """The samples' less the others', video by video of one prompt: below 0 where the samples are nearer."""
    differences = _of_each(samples) - _of_each(others)
    measure = MEASURE.model_copy(update={"name": f"{MEASURE.name}-difference"})
    return _fields(differences, "colours.sepia.difference", measure)


def _of_each(videos: Path) -> NDArray[np.float64]:
    return np.array([off_sepia(read_video(path).frames_thwc) for path in sorted(videos.glob("*.mkv"))])


def _fields(values_n: NDArray[np.float64], protocol: str, measure: Measure = MEASURE) -> dict[str, Any]:
    mean, half = float(values_n.mean()), float(stats.sem(values_n) * stats.t.ppf(0.5 + LEVEL / 2, len(values_n) - 1))
    return {
        "measure": measure.model_dump(),
        "protocol": ProtocolRef(name=protocol, fingerprint=fingerprint(_RULE | {"name": protocol})).model_dump(),
        "value": mean,
        "low": mean - half,
        "high": mean + half,
        "level": LEVEL,
        "n": len(values_n),
        "details": {},
    }
