"""Our numbers beside those of the packages that people use: the same features, the same networks, the same files."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from vidgauge.bench.contests import CONTESTS, Announce
from vidgauge.bench.contests.agreement import networks, pairs, statistics, videos
from vidgauge.bench.contests.agreement.comparison import Comparison, compare
from vidgauge.bench.contests.agreement.files import Files
from vidgauge.bench.contests.agreement.weights import Weights
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

DIFFERENCE = Measure(name="relative_difference", unit="1", better="lower")


@CONTESTS.register("agreement")
def agreement(environment: Environment, announce: Announce) -> Iterator[Record]:
    """Metrics against the packages that people use: same features, same random weights, same videos end to end."""
    run = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as name:
        all_of_them = list(comparisons(Path(name)))
        for index, comparison in enumerate(all_of_them):
            announce(index / len(all_of_them), f"{comparison.measure}, {comparison.reference}")
            config = {"part": comparison.part, "reference": comparison.reference, "case": comparison.case}
            rule = config | {"measure": comparison.measure, "bound": comparison.bound, "relative_to": "largest"}
            yield Record(
                subject=Subject(kind="metric", name=comparison.measure, config=config),
                measure=DIFFERENCE,
                protocol=ProtocolRef(name=f"agreement.{comparison.part}", fingerprint=fingerprint(rule)),
                environment=environment.fingerprint,
                code=environment.code,
                run=run,
                **compare(comparison),
            )
    announce(1.0, "done")


def comparisons(folder: Path) -> Iterator[Comparison]:
    """All of them, nothing computed yet; files go into the folder."""
    weights = Weights(folder / "weights")
    yield from statistics.statistics()
    yield from pairs.measures_of_pairs()
    yield from networks.networks(weights)
    yield from pairs.networks_of_pairs()
    yield from videos.videos(folder, Files(folder), weights)
