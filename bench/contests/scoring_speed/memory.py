"""Peak memory of the whole command on few clips and on many."""

import tempfile
from pathlib import Path

from vidgauge.bench.contests.scoring_speed import command
from vidgauge.bench.contests.scoring_speed.clips import write_arrays
from vidgauge.bench.contests.scoring_speed.command import Peaks
from vidgauge.bench.contests.scoring_speed.finding import MEMORY, MEMORY_RATIO, Finding, without
from vidgauge.bench.contests.scoring_speed.plan import Memory
from vidgauge.bench.contests.scoring_speed.race import OURS, Tell
from vidgauge.record import Measure

_ONCE = "the peak of one run"


def run(part: Memory, tell: Tell) -> list[Finding]:
    """The peaks of the process that scores and of its decoders, and how they grow."""
    peaks = dict[int, Peaks | None]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        real = write_arrays(folder / "real", part.few, part.frames, part.size, seed=0)
        for done, count in ((0.0, part.few), (0.1, part.many)):
            tell(done, f"{count} clips")
            generated = write_arrays(folder / f"generated-{count}", count, part.frames, part.size, seed=1)
            arguments = ["--real", str(real), "--generated", str(generated), "--cache", str(folder / f"cache-{count}")]
            arguments += [word for protocol in part.protocols for word in ("--protocol", protocol)]
            arguments += ["--precision", "float32"]  # much faster, and what grows with the clips is the same
            peaks[count] = command.score(arguments, part.threads).peaks
    findings = []
    for process in ("own", "decoder"):
        found = {count: getattr(both, f"{process}_bytes") for count, both in peaks.items() if both is not None}
        if len(found) < len(peaks):
            return [without(OURS, f"{part.many} clips", MEMORY, "skipped", "this system does not tell peaks of memory")]
        for count, size in found.items():
            findings.append(_finding(f"{process}, {count} clips", size, MEMORY))
        few, many = found.values()
        findings.append(_finding(f"{process}, {part.many} clips / {part.few} clips", many / few, MEMORY_RATIO))
    return findings


def _finding(what: str, value: float, measure: Measure) -> Finding:
    return Finding(tool=OURS, what=what, measure=measure, result={"value": value, "n": 1, "no_interval": _ONCE})
