"""Whether temporal layers go with another image model: a system that learns a second style from images alone.

Align your Latents, section 4.2.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidgauge.bench.contests import CONTESTS, Announce, LongContest, Sitting
from vidgauge.bench.contests.learning import compared, summarise, work_folder
from vidgauge.bench.contests.learning_scores import PROTOCOL, with_verdict
from vidgauge.bench.contests.learning_sets import BLUR, REAL, SEED
from vidgauge.bench.contests.learning_systems import SAMPLES, Contender
from vidgauge.bench.contests.sepia_colours import colours, colours_difference
from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import Tell, train

SYSTEM = "video-ldm/tiny"
PHASE = "images"
"""Trains the image model alone: the temporal layers, and the words that they read, stay as they are."""
STEPS = 500
FIRST = "samples before the second style"
_RULE = {"contest": "transfer", "revision": 1, "seed": SEED, "blur": BLUR, "protocol": PROTOCOL, "steps": STEPS}


class Restyled(Contender):
    """A system whose image model goes on with images of the second style.

    Args:
        first: the system, which is trained on clips in the first style.
        work: folder of both.
    """

    style = "sepia"

    def __init__(self, first: Contender, work: Path) -> None:
        super().__init__(first.name, work)
        self._first, self._home = first, work / f"{first.name}-{self.style}".replace("/", "-")

    def train(self, deadline: float, tell: Announce) -> None:
        """In the first style, where it is not yet; then in the second."""
        self._first.train(deadline, tell)
        super().train(deadline, tell)

    def _train(self, tell: Tell) -> None:
        data, first = Shapes(self.style), self._first
        request = Request(system=self.name, data=data.facts, steps=STEPS, phases=(PHASE,), begin=first.digest())
        train(request, data, self._home, self._device, tell, first.weights)

    def sample(self, clips: int, deadline: float, tell: Announce) -> None:
        """Of both: the first one's, too, are held against clips in the second style."""
        self._first.sample(clips, deadline, tell)
        super().sample(clips, deadline, tell)

    def others(self) -> dict[str, Path]:
        """Its own without time, and those of the system that it begins from."""
        return super().others() | {FIRST: self._first.folder(SAMPLES)}

    def more_findings(self, real: Path) -> Iterator[dict[str, Any]]:
        """The colours of its videos, and of those that it would make without the second style."""
        samples, before = self.folder(SAMPLES), self.others()[FIRST]
        for name, folder in ((REAL, real), (SAMPLES, samples), (FIRST, before)):
            yield {"videos": name, "less": None} | colours(folder)
        yield {"videos": SAMPLES, "less": FIRST} | with_verdict(colours_difference(samples, before))


def transfer(environment: Environment, announce: Announce, sitting: Sitting) -> Iterator[Record]:
    """Teach a video system a second style by images alone, and hold its videos against clips in that style."""
    work = work_folder()
    yield from compared([Restyled(Contender(SYSTEM, work), work)], _RULE, environment, announce, sitting)


CONTESTS.register("transfer")(LongContest(transfer, summarise))
