"""The feature cache: what is on the shelf is not looked at again, whoever was killed, and damage is found."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vidgauge.datasets import write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry, list_videos
from vidgauge.datasets.loading import iterate_clips
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics import extraction
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extraction import Extraction
from vidgauge.metrics.features import FeatureCache, Shelf, Whole, read_sealed, write_sealed
from vidgauge.metrics.ranks import Ranks

FIRST = ClipRule(frames=4)


class Corners:
    """A network that says what the first pixel of each frame is, and what its mean is; it refuses narrow frames."""

    use: Any = "corners"
    device = torch.device("cpu")

    def __init__(self, seen: str = "a") -> None:
        self.seen = {"network": "corners", "weights": seen}

    def prepare(self, frames_thwc: torch.Tensor) -> torch.Tensor:
        return frames_thwc.float().permute(3, 0, 1, 2)

    def __call__(self, clips_cthw: Sequence[torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        clips = torch.stack(list(clips_cthw))
        if clips.shape[-1] < 16:
            raise UsageError("corners: too narrow")
        return {"frames_ntd": clips[:, :, :, 0, 0].transpose(1, 2).numpy(), "mean_nd": clips.mean((2, 3, 4)).numpy()}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Seven videos of twelve frames, each of one grey."""
    for number in range(7):
        frames = torch.full((12, 16, 16, 3), 30 * number, dtype=torch.uint8)
        write_video(tmp_path / "videos" / f"{number}.mkv", frames, 8)
    return tmp_path / "videos"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the videos that were decoded."""
    names: list[str] = []
    real = iterate_clips

    def noting(entries: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        def noted() -> Any:  # noqa: ANN401 - an iterator of entries
            for entry in entries:
                names.append(entry.id)
                yield entry

        return real(noted(), *rest, **more)

    monkeypatch.setattr(extraction, "iterate_clips", noting)
    return names


def look(
    given: Path | Sequence[Entry],
    cache: Path,
    rule: ClipRule = FIRST,
    network: Corners | None = None,
    advance: Callable[[], None] = lambda: None,
    strict: bool = False,
) -> Evidence:
    entries = list_videos(given) if isinstance(given, Path) else given
    extractor: Any = network or Corners()
    extraction = Extraction(entries, rule, [extractor], FeatureCache(cache), Ranks(), batch_size=3)
    evidence = extraction.run(workers=0, strict=strict, advance=advance)[extractor.use]
    return replace(evidence, outputs={name: np.asarray(rows) for name, rows in evidence.outputs.items()})


def same(a: Evidence, b: Evidence) -> bool:
    return a.sources == b.sources and all(np.array_equal(a.outputs[name], b.outputs[name]) for name in a.outputs)


def test_a_second_look_decodes_nothing(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    ticks: list[None] = []
    first = look(videos, tmp_path / "cache", advance=lambda: ticks.append(None))
    assert len(decoded) == 7
    assert np.asarray(first.outputs["mean_nd"])[:, 0] == pytest.approx([30 * number for number in range(7)], abs=2)
    assert first.outputs["frames_ntd"].shape == (7, 4, 3)
    again = look(videos, tmp_path / "cache", advance=lambda: ticks.append(None))
    assert len(decoded) == 7
    assert same(first, again)
    assert (first.cached, again.cached) == (0, 7)
    assert len(ticks) == 14  # files that need no look are done too


def test_a_video_is_known_by_its_content(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    first = look(videos, tmp_path / "cache")
    decoded.clear()
    shutil.copytree(videos, tmp_path / "copies")
    (tmp_path / "copies" / "0.mkv").rename(tmp_path / "copies" / "9.mkv")  # last in order now
    moved = look(tmp_path / "copies", tmp_path / "cache")
    assert decoded == []
    order = [1, 2, 3, 4, 5, 6, 0]
    assert np.array_equal(np.asarray(moved.outputs["mean_nd"]), np.asarray(first.outputs["mean_nd"])[order])
    shutil.copy(videos / "3.mkv", videos / "4.mkv")  # another content under an old name, and the same one twice
    changed = look(videos, tmp_path / "cache")
    assert decoded == []
    assert np.asarray(changed.outputs["mean_nd"])[4] == pytest.approx(np.asarray(first.outputs["mean_nd"])[3])


def test_batches_grow_so_that_the_first_clip_waits_for_no_other(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Noting(Corners):
        def __call__(self, clips_cthw: Sequence[torch.Tensor]) -> dict[str, NDArray[np.float32]]:
            sizes.append(len(clips_cthw))
            return super().__call__(clips_cthw)

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    look(videos, tmp_path / "cache", network=Noting())
    assert sizes == [1, 2, 3, 1]


def test_a_network_may_refuse_while_more_clips_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Corners):
        def __call__(self, clips_cthw: Sequence[torch.Tensor]) -> dict[str, NDArray[np.float32]]:
            sleep(0.5)
            return super().__call__(clips_cthw)

    for number in range(3):
        write_video(tmp_path / "narrow" / f"{number}.mkv", torch.zeros(4, 16, 8, 3, dtype=torch.uint8), 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    with pytest.raises(UsageError, match="too narrow"):
        look(tmp_path / "narrow", tmp_path / "cache", network=Slow())


def test_another_way_of_looking_is_another_shelf(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"network": Corners("b")},
        {"rule": ClipRule(frames=5)},
        {"rule": ClipRule(frames=4, offset="random", seed=1)},
    ]
    for number, way in enumerate(ways, 1):
        look(videos, tmp_path / "cache", **way)
        assert len(decoded) == 7 * number
        assert len(list((tmp_path / "cache").iterdir())) == number
    (videos / "0.mkv").rename(videos / "00.mkv")  # a random clip hangs on the name
    look(videos, tmp_path / "cache", **ways[3])
    assert decoded[28:] == ["00.mkv"]


def test_a_new_file_is_added_to_the_others(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    aside = tmp_path / "6.mkv"
    (videos / "6.mkv").rename(aside)
    look(videos, tmp_path / "cache")
    aside.rename(videos / "6.mkv")
    decoded.clear()
    whole = look(videos, tmp_path / "cache")
    assert decoded == ["6.mkv"]
    assert same(whole, look(videos, tmp_path / "fresh"))


def test_what_fails_is_looked_at_again_and_named_each_time(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    (videos / "2.mkv").write_bytes(b"no video")
    shutil.copy(videos / "2.mkv", videos / "3.mkv")  # the same content again is not decoded, and fails as well
    for _ in range(2):
        evidence = look(videos, tmp_path / "cache")
        assert [failed.file for failed in evidence.failed] == ["2.mkv", "3.mkv"]
        assert len(evidence) == 5
    assert decoded[7 - 1 :] == ["2.mkv"]
    with pytest.raises(VidgaugeError, match=r"2\.mkv"):
        look(videos, tmp_path / "cache", strict=True)


def test_clips_before_the_damage_count_each_time(tmp_path: Path) -> None:
    frames = torch.randint(0, 256, (24, 32, 32, 3), dtype=torch.uint8)
    write_video(tmp_path / "videos" / "frames", frames, 8)
    sorted((tmp_path / "videos" / "frames").iterdir())[13].write_bytes(b"no picture")
    rule = ClipRule(frames=4, offset="all")
    first = look(tmp_path / "videos", tmp_path / "cache", rule)
    shelved = sorted((tmp_path / "cache").rglob("*.safetensors"))
    again = look(tmp_path / "videos", tmp_path / "cache", rule)
    assert same(first, again)
    assert len(first) == 3
    assert sorted((tmp_path / "cache").rglob("*.safetensors")) == shelved
    assert [failed.reason for failed in first.failed] == [failed.reason for failed in again.failed]


def test_a_killed_process_loses_little(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from vidgauge.metrics.features import shelf
import test_features
shelf._SECONDS = 0.0  # each video at once
done = []
def advance():
    done.append(1)
    if len(done) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
test_features.look(Path({str(videos)!r}), Path({str(tmp_path / "cache")!r}), advance=advance)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not list((tmp_path / "cache").rglob(".*.safetensors*"))
    evidence = look(videos, tmp_path / "cache")
    assert 0 < len(decoded) < 7
    assert same(evidence, look(videos, tmp_path / "fresh"))


def test_an_interrupted_look_keeps_what_is_whole(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    def stop() -> None:
        if len(decoded) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(videos, tmp_path / "cache", advance=stop)
    decoded.clear()
    look(videos, tmp_path / "cache")
    assert 0 < len(decoded) < 7


def test_a_network_that_refuses_is_not_asked_again(tmp_path: Path, decoded: list[str]) -> None:
    frames = torch.zeros((12, 16, 8, 3), dtype=torch.uint8)
    for number in range(20):
        write_video(tmp_path / "narrow" / f"{number:02}.mkv", frames + number, 8)
    with pytest.raises(UsageError, match="too narrow"):
        look(tmp_path / "narrow", tmp_path / "cache")
    assert len(decoded) < 20


def test_damaged_files_are_computed_again(videos: Path, tmp_path: Path, decoded: list[str]) -> None:
    first = look(videos, tmp_path / "cache")
    (path,) = (tmp_path / "cache").rglob("*.safetensors")
    content = bytearray(path.read_bytes())
    for damaged in (content[:-7], content[:-1] + bytes([content[-1] ^ 1]), b"", b"x" * 100):
        path.write_bytes(damaged)
        decoded.clear()
        assert same(first, look(videos, tmp_path / "cache"))
        assert len(decoded) == 7
        (path,) = (tmp_path / "cache").rglob("*.safetensors")  # the damaged one is gone
        content = bytearray(path.read_bytes())


def test_sealed_files_hold_what_was_written(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((0, 4), np.float32)}
    write_sealed(tmp_path / "x.safetensors", arrays, {"videos": [["é", 1]]})
    found, facts = read_sealed(tmp_path / "x.safetensors")
    assert facts == {"videos": [["é", 1]]}
    assert all(np.array_equal(found[name], arrays[name]) and found[name].dtype == arrays[name].dtype for name in arrays)
    with pytest.raises(VidgaugeError, match="holds no features"):
        read_sealed(tmp_path / "nowhere.safetensors")


def test_rows_come_in_any_order_from_many_files(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", {"network": "x"})
    generator = np.random.default_rng(0)
    made = {f"v{number}": generator.normal(size=(number % 4, 5)).astype(np.float32) for number in range(40)}
    for number, (video, array) in enumerate(made.items()):
        shelf.add(Whole(video, {"f": array}))
        if number % 7 == 0:
            shelf.flush()
    shelf.flush()
    reader = Shelf(tmp_path / "shelf", {"network": "x"})
    order = list(generator.permutation(list(made)))
    reader.find(order)
    assert all(video in reader for video in made)
    rows = reader.rows(order)["f"]
    expected = np.concatenate([made[video] for video in order])
    assert rows.shape == expected.shape
    assert np.array_equal(np.asarray(rows), expected)
    for start in range(0, len(expected), 9):
        assert np.array_equal(rows[start : start + 9], expected[start : start + 9])


def test_clips_of_several_lengths_are_refused(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", {"network": "x"})
    for length in (3, 4):
        shelf.add(Whole(str(length), {"frames_ntd": np.zeros((1, length, 2), np.float32)}))
    shelf.flush()
    with pytest.raises(UsageError, match="clips have 3 to 4 of them"):
        shelf.rows(["3", "4"])


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_cache_that_cannot_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(VidgaugeError, match="cannot be written to"):
        FeatureCache(tmp_path / "cache")
