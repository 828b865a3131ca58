"""Sampling: videos follow from seed and number, whatever the batch; a folder is gone on with, or refused."""

import json
import os
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from vidgauge.datasets import read_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError
from vidgauge.reference_models.pipeline import Sampling
from vidgauge.reference_models.shipping.halving import halve
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.sampling import captions_for, find_weights, sample
from vidgauge.reference_models.training.trainer import train
from vidgauge.reference_models.training.weights import load_pipeline


@pytest.fixture(scope="module")
def weights(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for a moment."""
    del toy
    folder = tmp_path_factory.mktemp("weights")
    train(Request(system="toy/tiny", steps=4, data=Shapes.facts), Shapes(), folder)
    return find_weights(folder)


def videos(folder: Path) -> list[torch.Tensor]:
    return [read_video(path).frames_thwc for path in sorted(folder.glob("*.mkv"))]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]


def test_videos_do_not_depend_on_the_batch_and_do_on_the_seed(weights: Path, tmp_path: Path) -> None:
    told: list[tuple[float, int]] = []
    assert sample(weights, tmp_path / "a", 5, batch=2, advance=lambda *done: told.append(done)) == 5
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (4.5, 5), (5, 5)]
    assert sample(weights, tmp_path / "b", 5, batch=5) == 5
    assert sample(weights, tmp_path / "c", 5, seed=1) == 5
    assert sample(weights, tmp_path / "d", 5, options=Sampling(temporal=False)) == 5
    a, b, c, d = (videos(tmp_path / name) for name in "abcd")
    assert [video.shape for video in a] == [(16, 8, 8, 3)] * 5
    assert equal(a, b)
    assert not any(map(torch.equal, a, c))
    assert not any(map(torch.equal, a, d))
    assert not torch.equal(a[0], a[1])
    assert sorted(path.name for path in (tmp_path / "a").iterdir())[-2:] == ["000004.mkv", "manifest.jsonl"]


def test_the_manifest_says_what_each_video_is(weights: Path, tmp_path: Path) -> None:
    sample(weights, tmp_path, 3, ["a cat", "a dog"], seed=7, options=Sampling(steps=4, guidance=2.5))
    first = rows(tmp_path)[0]
    assert len(first.pop("weights")) == 64
    assert first == {
        "file": "000000.mkv", "caption": "a cat", "number": 0, "seed": 7, "system": "toy/tiny", "steps": 4,
        "guidance": 2.5, "temporal": True, "fps": 8.0,
    }  # fmt: skip
    assert [row["caption"] for row in rows(tmp_path)] == ["a cat", "a dog", "a cat"]
    assert read_video(tmp_path / "000002.mkv").fps == 8


def test_a_folder_is_gone_on_with(weights: Path, tmp_path: Path) -> None:
    """What is there stays as it is, what is missing comes, and a larger count adds to it."""
    sample(weights, tmp_path / "whole", 6)
    sample(weights, tmp_path / "parts", 4, batch=3)
    kept = (tmp_path / "parts" / "000000.mkv").stat().st_mtime_ns
    (tmp_path / "parts" / "000001.mkv").unlink()
    (tmp_path / "parts" / "000001.mkv.part").write_bytes(b"half")
    assert sample(weights, tmp_path / "parts", 6) == 3
    assert (tmp_path / "parts" / "000000.mkv").stat().st_mtime_ns == kept
    assert equal(videos(tmp_path / "whole"), videos(tmp_path / "parts"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert not list((tmp_path / "parts").glob("*.part"))
    assert sample(weights, tmp_path / "parts", 2) == 0
    assert len(rows(tmp_path / "parts")) == 6


def test_a_folder_of_other_options_is_refused(weights: Path, tmp_path: Path) -> None:
    sample(weights, tmp_path / "a", 1)
    with pytest.raises(UsageError, match="seed 0, now 3; guidance None, now 2"):
        sample(weights, tmp_path / "a", 1, seed=3, options=Sampling(guidance=2))
    halve(weights, tmp_path / "half.safetensors")
    with pytest.raises(UsageError, match=r"other options.*weights"):
        sample(tmp_path / "half.safetensors", tmp_path / "a", 1)
    (tmp_path / "a" / "manifest.jsonl").unlink()
    with pytest.raises(UsageError, match=r"has videos, but no manifest\.jsonl"):
        sample(weights, tmp_path / "a", 1)


def test_an_error_leaves_no_part_of_a_video(
    weights: Path, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[torch.Tensor]:
        yield torch.zeros(2, 2, 8, 8, 3, dtype=torch.uint8)
        raise KeyboardInterrupt

    monkeypatch.setattr(toy.Toy, "sample", broken)
    with pytest.raises(KeyboardInterrupt):
        sample(weights, tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_processes_share_the_videos(weights: Path, tmp_path: Path) -> None:
    def share(rank: int) -> None:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2"}
        made = sample(weights, tmp_path / "two", 5)
        raise SystemExit(made)

    processes = [get_context("fork").Process(target=share, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [3, 2]
    sample(weights, tmp_path / "one", 5)
    assert equal(videos(tmp_path / "one"), videos(tmp_path / "two"))


def test_captions_come_from_the_world_that_was_trained_in(weights: Path) -> None:
    _, facts = load_pipeline(weights)
    assert captions_for(facts, 3) == [sample.caption for sample in MovingShapes(seed=1, count=3)]

    def of(data: dict[str, Any]) -> Any:  # noqa: ANN401 - facts
        return facts.model_copy(update={"request": facts.request.model_copy(update={"data": data})})

    assert captions_for(of({"name": "mine", "captions": False}), 2) == ["", ""]
    with pytest.raises(UsageError, match=r"captions of mine; say what to show with --captions"):
        captions_for(of({"name": "mine", "captions": True}), 2)


def test_weights_that_are_not_there_are_missed_in_a_line(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_weights(weights) == weights
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(UsageError, match="not trained to its end"):
        find_weights(tmp_path)
    monkeypatch.setattr("vidgauge.reference_models.training.sampling.names", lambda: ["a/tiny", "b/tiny"])
    with pytest.raises(UsageError, match=r"run 'vidgauge train toy/tiny --out runs/toy-tiny', and give runs/toy-tiny"):
        find_weights(Path("toy/tiny"))
    monkeypatch.setitem(SYSTEMS._entries, "toy/one", PIPELINES["toy/tiny"])
    with pytest.raises(UsageError, match=r"toy/one is one network.*\(by its name: a/tiny, b/tiny\)"):
        find_weights(Path("toy/one"))
    with pytest.raises(UsageError, match=r"holds no weights\.safetensors.*\(by its name: a/tiny, b/tiny\)"):
        find_weights(tmp_path / "nothing")


def test_a_name_stands_for_the_weights_that_ship(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vidgauge.reference_models.training.sampling.shipped", {"toy/tiny": weights}.get)
    assert find_weights(Path("toy/tiny")) == weights
    (tmp_path / "toy/tiny").mkdir(parents=True)
    mine = tmp_path / "toy" / "tiny" / "weights.safetensors"
    mine.touch()
    assert find_weights(Path("toy/tiny")) == Path("toy/tiny/weights.safetensors"), "a folder of one's own comes first"
