"""Several processes that score together: the same evidence as one, shares as they come, an end that is clear."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.datasets import write_video
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.ranks import Ranks, device_here, ranks_here

ROWS = [[20.0 * number] * 3 for number in range(11) if number != 5]
"""What the network makes of the videos that can be read."""

WORKER = Path(__file__).with_name("ranks_worker.py")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for number in range(11):
        write_video(
            tmp_path / "videos" / f"{number:02}.npy", torch.full((6, 16, 16, 3), 20 * number, dtype=torch.uint8), 8
        )
    (tmp_path / "videos" / "05.npy").write_bytes(b"no array")
    return tmp_path / "videos"


def three(videos: Path, tmp_path: Path, *more: str) -> list[dict[str, Any]]:
    """What each of three processes found."""
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", str(WORKER), str(videos), str(tmp_path / "cache"), str(out), *more]
    environment = os.environ | {"MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, timeout=300, env=environment, capture_output=True)
    paths = [out / f"{rank}.json" for rank in range(3)]
    return [json.loads(path.read_text()) if path.exists() else {} for path in paths]


def test_three_processes_find_what_one_does(videos: Path, tmp_path: Path) -> None:
    first, *others = three(videos, tmp_path)
    assert first["rows"] == ROWS
    assert first["sources"] == [str(path) for path in sorted(videos.iterdir()) if path.name != "05.npy"]
    assert first["failed"] == ["05.npy"]
    shares = [one["looked"] for one in (first, *others)]
    assert sum(shares) == 11  # each video by one of them
    assert len(set(shares)) > 1  # and not evenly
    assert all("rows" not in one for one in others)


def test_one_that_dies_ends_all_and_the_rest_is_kept(videos: Path, tmp_path: Path) -> None:
    found = three(videos, tmp_path, "1")
    assert found[1] == {}
    for survivor in (found[0], found[2]):
        assert "another process has ended" in survivor["error"]
        assert "run the same command again" in survivor["error"]
    assert list((tmp_path / "cache").rglob("*.safetensors"))
    assert three(videos, tmp_path)[0]["rows"] == ROWS


def test_shares_are_disjoint_whole_and_hang_on_names_alone() -> None:
    names = [f"video {number}" for number in range(500)]
    shares = [[name for name in names if Ranks(rank, 7).mine(name)] for rank in range(7)]
    assert sorted(name for share in shares for name in share) == sorted(names)
    assert all(40 < len(share) < 110 for share in shares)


def test_a_failure_is_told_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = Ranks(0, 2)
    monkeypatch.setattr(ranks, "gather", lambda one: [one, "weights: not here"])
    with pytest.raises(VidgaugeError, match="rank 1: weights: not here"), ranks.together():
        pass


def test_variables_and_devices_that_make_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(UsageError, match="WORLD_SIZE must be whole numbers"), ranks_here("cpu"):
        pass
    assert device_here("cpu") == "cpu"
    for device in ("gpu", "cuda:99", "meta"):
        with pytest.raises(UsageError, match="device"):
            device_here(device)
