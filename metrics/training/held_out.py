"""What the shipped networks must be able to do, on scenes that none of them was trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from scipy.stats import binomtest
from torch import Tensor

from vidgauge.datasets.moving_shapes.scene import MOTIONS, Scene
from vidgauge.metrics.networks.shapes_classifier import ShapesClassifier
from vidgauge.metrics.networks.shapes_clip import ShapesClip
from vidgauge.metrics.training import clips
from vidgauge.metrics.training.clip import appearance

SEED = 910_100
BATCH = 40
CAPTIONS = 40
IDEAL_ONE_FRAME = 1 / len(MOTIONS)
"""Accuracy of one who sees a single frame, names the shape without fail and must guess the motion."""


@dataclass(frozen=True)
class Score:
    """How many of the held-out clips came out right, and how many should."""

    name: str
    hits: int
    n: int
    floor: float = 0.0
    ceiling: float = 1.0

    @property
    def value(self) -> float:
        """The share that came out right."""
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95 %."""
        found = binomtest(self.hits, self.n).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)

    @property
    def met(self) -> bool:
        """Whether the share lies where it should."""
        return self.floor <= self.value <= self.ceiling


def classifier_scores(network: ShapesClassifier, n: int) -> list[Score]:
    """Right classes; drawn coarsely; and with the frames out of order, which must cost at least half of them."""
    right = sum(_right(network, clips.video(chosen), chosen) for chosen, _ in _batches(n))
    coarse = sum(_right(network, clips.video(chosen, clips.COARSE_SIDE), chosen) for chosen, _ in _batches(n))
    disorder = sum(_right(network, clips.shuffled(clips.video(chosen), seed), chosen) for chosen, seed in _batches(n))
    return [
        Score("accuracy", right, n, floor=0.95),
        Score("accuracy-32x32", coarse, n),
        Score("accuracy-shuffled", disorder, n, ceiling=right / n / 2),
    ]


def one_frame_scores(network: ShapesClassifier, n: int) -> list[Score]:
    """Right classes from one frame repeated: all but the motion can be known, and nothing of the motion."""
    right = sum(_right(network, clips.one_frame(clips.video(chosen), seed), chosen) for chosen, seed in _batches(n))
    return [Score("accuracy-one-frame", right, n, floor=IDEAL_ONE_FRAME - 0.05, ceiling=IDEAL_ONE_FRAME + 0.05)]


def clip_scores(network: ShapesClip, n: int) -> list[Score]:
    """The right one of 40 captions, for one frame; each caption differs in something that a frame can show."""
    chosen = clips.scenes(SEED, 0, n)
    with torch.inference_mode():
        texts = torch.cat([network.embed_captions([scene.caption for scene in some]) for some, _ in _batches(n)])
        scores = []
        for name, side, floor in (("caption", clips.SIDE, 0.9), ("caption-32x32", clips.COARSE_SIDE, 0.0)):
            drawn = (clips.video(some, side, frames=1)[:, :, 0] for some, _ in _batches(n))
            similarity = torch.cat([network.encode_frames(frames) for frames in drawn]) @ texts.T
            hits = sum(bool(row[others].max() < row[i]) for i, others, row in _rivals(chosen, similarity))
            scores.append(Score(name, hits, n, floor=floor))
    return scores


SCORES: dict[str, Callable[..., list[Score]]] = {
    "shapes-classifier": classifier_scores,
    "shapes-classifier-one-frame": one_frame_scores,
    "shapes-clip": clip_scores,
}
"""How each weights card is checked."""


def _batches(n: int) -> Iterator[tuple[list[Scene], tuple[int, int]]]:
    """The first n held-out scenes, with a seed for what else is random about each batch."""
    for first in range(0, n, BATCH):
        yield clips.scenes(SEED, first, min(BATCH, n - first)), (SEED, first)


def _right(network: ShapesClassifier, video_bcthw: Tensor, chosen: list[Scene]) -> int:
    with torch.inference_mode():
        return int((network(video_bcthw).logits_nk.argmax(1) == clips.labels(chosen)).sum())


def _rivals(chosen: list[Scene], similarity: Tensor) -> Iterator[tuple[int, list[int], Tensor]]:
    """For each scene the next 39 others, round the end, that differ in appearance from it and from each other."""
    looks = [appearance(scene) for scene in chosen]
    for i, row in enumerate(similarity):
        seen = {looks[i]: i}
        for j in (*range(i + 1, len(chosen)), *range(i)):
            if len(seen) == CAPTIONS:
                break
            seen.setdefault(looks[j], j)
        yield i, [j for j in seen.values() if j != i], row
