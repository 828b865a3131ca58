"""What sets generated videos apart from real ones besides their content, looked up once for each pair of sets."""

import json
from collections.abc import Mapping, Sequence

from vidgauge.datasets.comparison import differences_at_a_glance
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.inspection import Inspection
from vidgauge.files import whole_file
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.features import FeatureCache, makers


def unlikeness(
    real: Sequence[Entry],
    generated: Sequence[Entry],
    known: Mapping[str, Inspection],
    workers: int,
    cache: FeatureCache,
) -> list[str]:
    """One note for each difference in coding, size, rate or length; distances react to them as they do to content.

    Args:
        real: the real videos.
        generated: the generated ones.
        known: what is known of some of them, by where they lie.
        workers: files looked at at once, of the others.
        cache: where the answer is kept, for as long as no file has another size or time.
    """
    sides = [[_state(entry) for entry in side] for side in (real, generated)]
    path = cache.folder / "differences" / f"{fingerprint([makers(), sides])}.json"
    try:
        return list(map(str, json.loads(path.read_text("utf-8"))))
    except (OSError, ValueError):
        pass
    found = [
        f"real and generated videos differ in {difference}; a distance reacts to that as it does to content"
        for difference in differences_at_a_glance(real, generated, workers, known)
    ]
    with whole_file(path) as partial:
        partial.write_text(json.dumps(found), "utf-8")
    return found


def _state(entry: Entry) -> tuple[str, int, int]:
    try:
        status = entry.path.stat()
    except OSError:
        return ascii(str(entry.path)), 0, 0
    return ascii(str(entry.path)), status.st_size, status.st_mtime_ns
