"""Real clips in the common format: those that are scored against, others with their still copies, and those to tune by.

All are different clips, and none is trained on as far as the recipe's two kinds of data have none in common.
"""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from vidgauge.bench.contests.learning_sets import REAL, SEED, file_of, write_clip
from vidgauge.bench.studies.compare.common_format import FORMAT, in_common_format
from vidgauge.bench.studies.compare.lanes import Tell
from vidgauge.bench.studies.compare.recipe import SHAPES, Recipe
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.loading import Clip, iterate_clips
from vidgauge.datasets.moving_shapes import FPS, MovingShapes
from vidgauge.datasets.opening import find_data_set
from vidgauge.datasets.writing import write_video
from vidgauge.errors import UsageError
from vidgauge.files import whole_file
from vidgauge.reference_models.training.data import open_data

HELD_OUT = "held out"
"""The set that learning rates are chosen by."""
CAPTIONS = "captions.csv"
"""What the videos of each number are asked to show: the captions of the other real clips."""
RealClip = tuple[Tensor, float, str]
"""uint8 frames_thwc in the common format, frames per second, caption."""
_VARIABLE = re.compile(r"\$(\w+)")


class Data:
    """The sets of a recipe, in a folder.

    Args:
        recipe: whose.
        folder: where the sets lie, or will.

    Raises:
        UsageError: where there are no such data.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.folder, self._recipe = folder, recipe
        self.count, self.tuning = recipe.samples, recipe.tuning.clips
        self.train_on = replaced(recipe, recipe.data.train)
        self.training = open_data(self.train_on)

    @property
    def real(self) -> Path:
        """What everything is scored against."""
        return self.folder / REAL

    @property
    def held_out(self) -> Path:
        """What learning rates are chosen by."""
        return self.folder / HELD_OUT

    @property
    def captions(self) -> Path | None:
        """The file of captions by video, equal in all sets but the real one; None where the data have none."""
        return self.folder / CAPTIONS if any(self.prompts) else None

    @property
    def prompts(self) -> list[str]:
        """What the videos are to show, one after the other."""
        with (self.folder / CAPTIONS).open(encoding="utf-8", newline="") as file:
            return [row["caption"] for row in csv.DictReader(file)]

    def write(self, tell: Tell) -> None:
        """Write what is not there yet.

        Raises:
            UsageError: where there are too few clips.
        """
        if (self.folder / CAPTIONS).exists():
            return
        wanted = 2 * self.count + self.tuning
        clips = _shapes(wanted) if self._recipe.data.train == SHAPES else self._of_data_set(wanted)
        first, captions = list[RealClip](), list[str]()
        for number, clip in enumerate(clips):
            tell(number / wanted, "real clips")
            if number < self.count:
                first.append(clip)
            elif number < 2 * self.count:
                (real, fps, _), (other, _, caption) = first[number - self.count], clip
                write_clip(self.folder, number - self.count, real, other, fps)
                captions.append(caption)
            else:
                frames_thwc, fps, _ = clip
                write_video(file_of(self.held_out, number - 2 * self.count), frames_thwc, fps)
        self._write_captions(captions)

    def _write_captions(self, captions: list[str]) -> None:
        """The last of all: it says that the sets are whole."""
        with (
            whole_file(self.folder / CAPTIONS) as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            rows = ((file_of(Path(), number).name, caption) for number, caption in enumerate(captions))
            csv.writer(file).writerows([("file", "caption"), *rows])

    def _of_data_set(self, wanted: int) -> Iterator[RealClip]:
        given = replaced(self._recipe, self._recipe.data.real)
        data = find_data_set(given)
        if data is None:
            raise UsageError(f"recipe {self._recipe.name!r}: real {given!r} is no data set; give NAME@ROOT:SPLIT")
        order = torch.randperm(len(data.entries), generator=torch.Generator().manual_seed(SEED)).tolist()
        found = 0
        rule = ClipRule(frames=FORMAT.frames, offset="first")
        for answer in iterate_clips((data.entries[index] for index in order), rule):
            if found == wanted:
                return
            if isinstance(answer, Clip):
                found += 1
                captions = getattr(answer.entry, "captions", ())
                fps = answer.fps if answer.fps > 0 else FPS  # of videos that do not say
                yield in_common_format(answer.frames_thwc), fps, captions[0] if captions else ""
        if found < wanted:
            raise UsageError(
                f"recipe {self._recipe.name!r}: {given} gives {found} clips of {FORMAT.frames} frames, and {wanted} "
                f"are needed ({self.count} to score against, as many others, {self.tuning} to tune by); "
                f"ask for fewer samples"
            )


def replaced(recipe: Recipe, given: str) -> str:
    """Data with the values of environment variables in the place of their names, such as ``$UCF101``.

    Raises:
        UsageError: where one is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise UsageError(
                f"recipe {recipe.name!r} wants its data in ${match[1]}, which is not set; "
                f"export {match[1]}=FOLDER, the one with {given.partition('@')[0]} in it"
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(value, given)


def _shapes(wanted: int) -> Iterator[RealClip]:
    """Of a world that no network and no system is trained on."""
    for sample in MovingShapes(FORMAT.frames, FORMAT.height, FORMAT.width, seed=SEED, count=wanted):
        yield sample.frames_thwc, sample.fps, sample.caption or ""
