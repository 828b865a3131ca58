"""Small studies to vote in: videos of a few flat frames, and raters who answer by a rule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidgauge.reports.vote.answers import Answer
from vidgauge.reports.vote.building import Rules, build
from vidgauge.reports.vote.matching import Video
from vidgauge.reports.vote.schedule import DISTORTED, INTACT, Trial, schedule
from vidgauge.reports.vote.study import Study
from vidgauge.reports.vote.votes import VOTES, Votes

SECRET = "who-made-this"
"""Part of all names of systems and files: nothing that a rater gets may hold it."""


class Booth:
    """A folder with videos, and with studies of them."""

    secret = SECRET

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def video(self, system: str, number: int, caption: str | None = None, **changes: Any) -> Video:  # noqa: ANN401
        """Three frames whose one colour tells system and number, shown for a tenth of a second in all."""
        path = self.folder / f"{SECRET}-{system}" / f"{number:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{system} {number}".encode())
        colour = (40 * number % 256, 80 + 30 * (ord(system[-1]) % 5), 200)
        frames = [np.full((12, 16, 3), colour, np.uint8) for _ in range(3)]
        fields: dict[str, Any] = {
            "path": path,
            "key": path.stem,
            "caption": f"scene {number} of shapes" if caption is None else caption,
            "frames": lambda: frames,
            "ends": lambda: [0.03, 0.06, 0.1],
        }
        return Video(**(fields | changes))

    def videos(self, systems: str, prompts: int) -> dict[str, list[Video]]:
        """Of systems named by letters."""
        return {f"{SECRET}-{name}": [self.video(name, number) for number in range(prompts)] for name in systems}

    def study(self, systems: str = "ab", prompts: int = 6, **rules: Any) -> Study:  # noqa: ANN401
        """In the folder ``study``."""
        return build(self.folder / "study", self.videos(systems, prompts), Rules(**({"checks": 2} | rules)))

    def votes(self, study: Study) -> Votes:
        """Its store."""
        return Votes(self.folder / "study" / VOTES, study.fingerprint)

    def prefers(self, *names: str) -> Callable[[Trial], str]:
        """A rater who prefers whatever stands first in a list, and sees what is distorted."""
        order = [INTACT, *(f"{SECRET}-{name}" for name in names), DISTORTED]
        return lambda trial: "left" if order.index(trial.left) < order.index(trial.right) else "right"

    def vote(self, study: Study, rater: str, choose: Callable[[Trial], str]) -> None:
        """Give all answers of one rater."""
        votes = self.votes(study)
        slot = votes.join(rater)
        answers = [
            {"trial": trial.id, "question": question, "choice": choose(trial), "seconds": 1.5}
            for trial in schedule(study, slot)
            for question in study.questions
        ]
        votes.merge([(rater, slot, [Answer.model_validate(answer) for answer in answers])])  # one wait for the disk


@pytest.fixture
def booth(tmp_path: Path) -> Booth:
    return Booth(tmp_path)


@pytest.fixture(scope="module")
def open_booth(tmp_path_factory: pytest.TempPathFactory) -> Booth:
    """One for all tests of a file."""
    return Booth(tmp_path_factory.mktemp("booth"))
