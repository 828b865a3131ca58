"""The videos that are scored end to end: made here, so that anyone can make the same ones."""

import json
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from vidgauge.datasets.moving_shapes import FPS, MovingShapes
from vidgauge.datasets.writing import write_video
from vidgauge.metrics.video_set import Side

FRAMES = 16
"""As many as a clip has, so that random offsets have no choice."""
HEIGHT, WIDTH = 128, 160
"""Not square, so that squashing and cropping differ; the short side is what TATS keeps its videos at."""
COUNTS: dict[Side, int] = {"real": 3, "generated": 2}
_SEEDS: dict[Side, int] = {"real": 0, "generated": 1}


class Files:
    """Two sets of Moving Shapes in a folder: without loss as FFV1, and the same frames as PNG."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def videos(self) -> dict[Side, Path]:
        """Folders of videos by set, one file a clip."""
        for side in COUNTS:
            for number, sample in enumerate(self._samples(side)):
                write_video(self._folder / side / f"{number:02}.mkv", sample.frames_thwc, FPS)
        return {side: self._folder / side for side in COUNTS}

    @cached_property
    def images(self) -> dict[Side, Path]:
        """Flat folders of the same frames by set, as Pillow writes them."""
        for side in COUNTS:
            folder = self._folder / f"{side}-frames"
            folder.mkdir()
            for clip, sample in enumerate(self._samples(side)):
                for number, frame_hwc in enumerate(sample.frames_thwc.numpy()):
                    Image.fromarray(frame_hwc).save(folder / f"{clip:02}-{number:02}.png")
        return {side: self._folder / f"{side}-frames" for side in COUNTS}

    @cached_property
    def captions(self) -> Path:
        """What each generated video should show."""
        path = self._folder / "captions.json"
        path.write_text(json.dumps({f"{number:02}": text for number, text in enumerate(self.texts)}))
        return path

    @cached_property
    def texts(self) -> list[str]:
        """Captions of the generated videos, in their order."""
        return [str(sample.caption) for sample in self._samples("generated")]

    def pictures(self, side: Side) -> list[list[Image.Image]]:
        """Frames of a set by clip, read from the PNG files by Pillow."""
        return [
            [Image.open(self.images[side] / f"{clip:02}-{number:02}.png").convert("RGB") for number in range(FRAMES)]
            for clip in range(COUNTS[side])
        ]

    def bytes_nchw(self, side: Side) -> Tensor:
        """All frames of a set."""
        return torch.cat([sample.frames_thwc.permute(0, 3, 1, 2) for sample in self._samples(side)])

    def _samples(self, side: Side) -> MovingShapes:
        return MovingShapes(frames=FRAMES, height=HEIGHT, width=WIDTH, seed=_SEEDS[side], count=COUNTS[side])
