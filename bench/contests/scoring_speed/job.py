"""One part in a process of its own, which alone a crash ends.

``python -m vidgauge.bench.contests.scoring_speed.job PART`` takes a part as JSON. Each line that it prints is a JSON
list: how far it is and what comes next, or in the end the findings alone.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits

from vidgauge.bench.contests.scoring_speed import (
    distances,
    layers,
    memory,
    rescoring,
    standard_errors,
    videos,
)
from vidgauge.bench.contests.scoring_speed.finding import Finding
from vidgauge.bench.contests.scoring_speed.plan import AnyPart
from vidgauge.bench.contests.scoring_speed.race import Tell

_RUN: dict[str, Callable[[Any, Tell], list[Finding]]] = {
    "videos": videos.run,
    "layers": layers.run,
    "distances": distances.run,
    "standard-errors": standard_errors.run,
    "rescoring": rescoring.run,
    "memory": memory.run,
}


def run(part: AnyPart, tell: Tell) -> list[Finding]:
    """Measure a part with as many threads as it says."""
    threads = torch.get_num_threads()
    torch.set_num_threads(part.threads)
    try:
        with threadpool_limits(part.threads, user_api="blas"):
            return _RUN[part.kind](part, tell)
    finally:
        torch.set_num_threads(threads)


def main() -> None:
    """Run the part that the argument describes; whatever others print goes to stderr."""
    with os.fdopen(os.dup(1), "w") as said:
        os.dup2(2, 1)

        def say(what: object) -> None:
            said.write(json.dumps(what) + "\n")
            said.flush()

        part: AnyPart = TypeAdapter(AnyPart).validate_json(sys.argv[1])
        found = run(part, lambda done, what: say([done, what]))
        say([finding.model_dump() for finding in found])


if __name__ == "__main__":
    main()
