"""Moving Shapes: a procedural, seeded, labelled and captioned world of videos in which everything runs offline."""

from collections.abc import Iterator

from vidgauge.datasets.distortions import DISTORTIONS, distort
from vidgauge.datasets.moving_shapes.render import render_batch
from vidgauge.datasets.moving_shapes.scene import Scene, caption, class_names, sample_scene, scene_at
from vidgauge.datasets.moving_shapes.styles import STYLES, find_style
from vidgauge.datasets.sample import Sample
from vidgauge.errors import UsageError

__all__ = [
    "DISTORTIONS",
    "STYLES",
    "MovingShapes",
    "Scene",
    "caption",
    "class_names",
    "distort",
    "find_style",
    "render_batch",
    "sample_scene",
    "scene_at",
]

FPS = 8.0  # nominal: rates of motion are per frame


class MovingShapes:
    """A sequence of `Sample`, drawn when asked for; each follows from the seed and its index alone.

    Args:
        frames: length of each clip.
        height: in pixels.
        width: in pixels.
        seed: of the world; the same index shows the same scene at any size and length.
        count: how many samples there are.
        style: one of `STYLES`; the scenes are the same in all of them.
    """

    def __init__(
        self,
        frames: int = 16,
        height: int = 64,
        width: int = 64,
        seed: int = 0,
        count: int = 1000,
        style: str = "plain",
    ) -> None:
        for name, value, least in (("frames", frames, 1), ("height", height, 8), ("width", width, 8)):
            if value < least:
                raise UsageError(f"Moving Shapes with {name}={value}: it must be at least {least}")
        if seed < 0 or count < 0:
            raise UsageError(f"Moving Shapes with seed={seed}, count={count}: neither may be negative")
        self.frames, self.height, self.width, self.seed, self.count = frames, height, width, seed, count
        self.style, self._styled = style, find_style(style)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(f"there is no sample {index} among {self.count}")
        scene = scene_at(self.seed, index)
        frames_thwc = self._styled(render_batch([scene], self.frames, self.height, self.width)[0])
        return Sample(f"moving-shapes-{self.seed}-{index:06d}", frames_thwc, FPS, scene.label, scene.caption)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(self.count))
