"""What systems are trained on: Moving Shapes, or any videos."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from vidgauge import datasets
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.data_set import DataSet, Item
from vidgauge.datasets.loading import Clip, iterate_clips
from vidgauge.datasets.moving_shapes import FPS, find_style, render_batch, scene_at
from vidgauge.datasets.opening import find_data_set
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reference_models.pipeline import Clips, from_frames

SHAPES = "moving-shapes"
WORLD = 0
"""Seed of the world that is trained on: the split "train" of Moving Shapes."""
HELD_OUT_WORLD = 1
"""Of the world whose captions are sampled: the split "validation"."""
MOST_INDICES = 2**31 - 1
SPATIAL = "cut/torch-bilinear-antialias"
"""How frames of any size become those that a system wants: the centre in its aspect ratio, resized."""
MOST_TRIES = 100


class Shapes:
    """Moving Shapes without end, drawn at the size that is asked for.

    Args:
        style: one of its styles.
    """

    facts: dict[str, Any] = {"name": SHAPES, "seed": WORLD, "captions": True}  # noqa: RUF012 - read only

    def __init__(self, style: str = "plain") -> None:
        self._styled = find_style(style)
        if style != "plain":
            self.facts = self.facts | {"style": style}

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: Generator) -> Clips:
        """Clips of different scenes, from their first frame on: every frame has the same law as any other."""
        scenes = [
            scene_at(WORLD, index) for index in torch.randint(MOST_INDICES, (count,), generator=generator).tolist()
        ]
        frames_bthwc = render_batch(scenes, (frames - 1) * stride + 1, height, width)[:, ::stride]
        captions = tuple(scene.caption for scene in scenes)
        return Clips(from_frames(self._styled(frames_bthwc)), captions, torch.full((count,), FPS / stride))


class Videos:
    """Clips out of files, cut anywhere.

    Args:
        data: whose videos; its own clip rule does not count.
    """

    def __init__(self, data: DataSet) -> None:
        self._name, self._items = data.name, data.entries
        self._spatial = SpatialRule.parse(SPATIAL)

    @property
    def facts(self) -> dict[str, Any]:
        """What identifies the videos and their captions, wherever they lie."""
        listing = "\n".join("\t".join((item.id, *item.captions)) for item in self._items)
        return {
            "name": self._name,
            "videos": len(self._items),
            "sha256": hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest(),
            "captions": any(item.captions for item in self._items),
        }

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: Generator) -> Clips:
        """Clips of videos drawn with repetition; one that cannot be read or is too short is drawn anew.

        Raises:
            VidgaugeError: where a hundred in a row give no clip.
        """
        drawn = [self._clip(frames, stride, generator) for _ in range(count)]
        video_bcthw = torch.stack([self._resized(clip, height, width) for clip, _ in drawn])
        fps_b = torch.tensor([clip.fps for clip, _ in drawn]).nan_to_num(0.0)
        return Clips(video_bcthw, tuple(caption for _, caption in drawn), fps_b)

    def _clip(self, frames: int, stride: int, generator: Generator) -> tuple[Clip, str]:
        reason = ""
        for _ in range(MOST_TRIES):
            item = self._items[_below(len(self._items), generator)]
            rule = ClipRule(frames=frames, stride=stride, offset="random", seed=_below(MOST_INDICES, generator))
            answer = next(iter(iterate_clips([item], rule, workers=0)))
            if isinstance(answer, Clip):
                return answer, _caption(item, generator)
            reason = f"{answer.id} {answer.reason}"
        raise VidgaugeError(f"{self._name}: {MOST_TRIES} videos in a row gave no clip; {reason}")

    def _resized(self, clip: Clip, height: int, width: int) -> Tensor:
        video_tchw = self._spatial(clip.frames_thwc, height, width, torch.float32)
        return video_tchw.transpose(0, 1) * 2 - 1


def open_data(given: str = SHAPES, root: Path | None = None) -> Shapes | Videos:
    """What to train on.

    Args:
        given: "moving-shapes", or "moving-shapes:sepia" for another of its styles; a folder or a table of videos; a
            data set as NAME@ROOT or NAME@ROOT:SPLIT; or, with a root, as NAME or NAME:SPLIT.
        root: where its files are.

    Raises:
        UsageError: no such data.
    """
    name, _, style = given.partition(":")
    if name == SHAPES and root is None:
        return Shapes(style or "plain")
    where = Path(given)
    if root is None and where.exists():
        opened = datasets.open("manifest" if _is_table(where) else "folder", where)
    elif root is None and (found := find_data_set(given)) is not None:
        opened = found
    elif root is None and given not in datasets.SOURCES:
        raise UsageError(f"--data {given}: neither a file or folder nor a data set; see 'vidgauge list datasets'")
    else:
        name, _, split = given.partition(":")
        opened = datasets.open(name, root, split or None)
    if not isinstance(opened, DataSet):
        raise UsageError(f"--data {given}: is drawn, not read; give --data {SHAPES} alone")
    return Videos(opened)


def _is_table(where: Path) -> bool:
    kinds = (".csv", ".json", ".jsonl")
    if where.is_dir():
        return any((where / f"manifest{kind}").is_file() for kind in kinds)
    return where.suffix.lower() in kinds


def _below(n: int, generator: Generator) -> int:
    return int(torch.randint(n, (), generator=generator))


def _caption(item: Item, generator: Generator) -> str:
    return item.captions[_below(len(item.captions), generator)] if item.captions else ""
