"""The whole command on files that it has never seen, and again with the features that it kept."""

import tempfile
from pathlib import Path

import numpy as np

from vidgauge.bench.contests.scoring_speed import command
from vidgauge.bench.contests.scoring_speed.clips import write_clips
from vidgauge.bench.contests.scoring_speed.finding import RATIO, SECONDS, Finding
from vidgauge.bench.contests.scoring_speed.plan import Rescoring
from vidgauge.bench.contests.scoring_speed.race import OURS, Tell
from vidgauge.errors import VidgaugeError

FIRST = "first score"
AGAIN = "score again"
_FEW = "a process each time, too few for an interval"


def run(part: Rescoring, tell: Tell) -> list[Finding]:
    """Seconds of both, and how many times as long the first takes.

    Raises:
        VidgaugeError: where scores differ.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tell(0.0, "encoding")
        videos = write_clips(folder, part.clips, part.frames, part.height, part.width)
        arguments = ["--cache", str(folder / "features"), "--protocol", part.protocol]
        arguments += [word for side, path in videos.items() for word in (f"--{side}", str(path))]
        arguments += ["--random-weights", "0"] if part.random_weights else []
        tell(0.1, FIRST)
        first = command.score(arguments, part.threads)
        later = []
        for number in range(part.again):
            tell(0.9 + 0.1 * number / part.again, AGAIN)
            later.append(command.score(arguments, part.threads))
    if any(each.values != first.values for each in later):
        raise VidgaugeError(f"scores differ: {first.values}, then {[each.values for each in later]}")
    seconds = [each.seconds for each in later]
    median = float(np.median(seconds))
    common = {"clips": 2 * part.clips, "values": first.values}
    return [
        _finding(FIRST, first.seconds, [first.seconds], common),
        _finding(AGAIN, median, seconds, common),
        Finding(
            tool=OURS,
            what=f"{FIRST} / {OURS}, {AGAIN}",
            measure=RATIO,
            result={"value": first.seconds / median, "n": len(later), "no_interval": _FEW},
        ),
    ]


def _finding(what: str, value: float, seconds: list[float], details: dict[str, object]) -> Finding:
    result = {"value": value, "n": len(seconds), "no_interval": _FEW, "details": details | {"seconds": seconds}}
    return Finding(tool=OURS, what=what, measure=SECONDS, result=result)
