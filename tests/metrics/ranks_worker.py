"""Three processes that look at one set: ``python -P ranks_worker.py VIDEOS CACHE OUT [RANK_THAT_DIES]``."""

import json
import os
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from test_features import FIRST, Corners  # type: ignore[import-not-found] # beside this file

from vidgauge.datasets.folder import list_videos
from vidgauge.errors import VidgaugeError
from vidgauge.metrics.extraction import Extraction
from vidgauge.metrics.features import FeatureCache, shelf
from vidgauge.metrics.ranks import ranks_here

WORLD = 3


def look(rank: int, videos: Path, cache: Path, out: Path, dies: int) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(WORLD), "MASTER_ADDR": "127.0.0.1"}
    shelf._SECONDS = 0.0  # each video at once
    looked: list[None] = []

    def advance() -> None:
        looked.append(None)
        if rank == dies and len(looked) == 2:
            os._exit(9)

    result: dict[str, object] = {}
    try:
        with ranks_here("cpu") as ranks:
            network = Corners()
            one = Extraction(list_videos(videos), FIRST, [network], FeatureCache(cache), ranks, batch_size=1)
            found = one.run(workers=0, strict=False, advance=advance)
        if found:
            evidence = found[network.use]
            rows = np.asarray(evidence.outputs["mean_nd"]).tolist()
            result = {"rows": rows, "sources": evidence.sources, "failed": [item.file for item in evidence.failed]}
    except VidgaugeError as error:
        result = {"error": str(error)}
    (out / f"{rank}.json").write_text(json.dumps(result | {"looked": len(looked)}))


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:4]]
    dying = int(sys.argv[4]) if len(sys.argv) > 4 else -1
    processes = [get_context("fork").Process(target=look, args=(rank, *paths, dying)) for rank in range(WORLD)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
